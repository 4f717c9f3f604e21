// The JSON that verbs print with --json. Its shape is a promise: docs/json.md.
#pragma once

#include <string>
#include <vector>

#include <boost/json/value.hpp>

#include "base/result.h"
#include "model/packet_query.h"
#include "model/service.h"
#include "policy/check.h"
#include "policy/explain.h"

namespace quay {

boost::json::value to_json(const Service& service);
boost::json::value to_json(const Rule& rule);
boost::json::value to_json(const Packet& packet);
boost::json::value to_json(const PacketQuery& query, const Explanation& answer);
boost::json::value to_json(const std::vector<Error>& errors, const Report& report,
                           const RuleList& rules);

}  // namespace quay
