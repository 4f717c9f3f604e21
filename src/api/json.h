// The JSON that the daemon answers and that verbs print with --json. Its shape is a promise:
// docs/json.md.
#pragma once

#include <string>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "app/manager.h"
#include "base/result.h"
#include "model/packet_query.h"
#include "model/service.h"
#include "policy/check.h"
#include "policy/explain.h"
#include "policy/port_table.h"

namespace quay {

boost::json::array texts(const std::vector<std::string>& values);
boost::json::value to_json(const Service& service);
boost::json::value to_json(const Rule& rule);
boost::json::value to_json(const Packet& packet);
boost::json::value to_json(const PacketQuery& query, const Explanation& answer);
boost::json::value to_json(const Effects& effects);
boost::json::value to_json(const std::vector<Error>& errors, const Report& report,
                           const RuleList& rules);

// What the daemon knows: the service with what the policy makes of it, and more
// (docs/openapi.yaml).
boost::json::value to_json(const Service& service, const Manager& manager);
boost::json::value to_json(const Plan& plan);
boost::json::value status_json(const Manager& manager);
boost::json::value rules_json(const Manager& manager);
boost::json::value openings_json(const Manager& manager);
boost::json::value policy_json(const Manager& manager);
boost::json::value ports_json(const PortTable& table);
// As text, socket by socket: a tree of thousands of them would cost more than finding them.
std::string listening_text(const PortTable& table);
boost::json::value errors_json(const std::vector<Error>& errors,
                               const std::vector<std::string>& changed);

}  // namespace quay
