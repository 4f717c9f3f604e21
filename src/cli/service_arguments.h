// The arguments of `service enable|disable|expose|hide|set`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/App.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/result.h"

namespace quay {

struct ServiceArguments {
  std::string id;
  std::vector<std::string> on;
  std::vector<std::string> from;
  std::optional<std::string> reason;
  std::optional<std::string> owner;
  std::vector<std::string> settings;  // "port=47809"
};

void add_service_options(CLI::App& verb, ServiceArguments& arguments);

// The Change's `service` (docs/openapi.yaml): `switches` with what the arguments add. Fails on a
// setting that is none.
Result<boost::json::object> service_json(const ServiceArguments& arguments,
                                         const boost::json::object& switches);

boost::json::array to_array(const std::vector<std::string>& words);

}  // namespace quay
