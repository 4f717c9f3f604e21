// What analyses of packet filters found, as JSON. Its shape is a promise: docs/json.md.
#pragma once

#include <boost/json/value.hpp>

#include "policy/filter_analysis.h"
#include "policy/filter_comparison.h"
#include "policy/proof.h"

namespace quay {

boost::json::value to_json(const FilterAnalysis& analysis);
boost::json::value to_json(const Differences& differences);
boost::json::value to_json(const Proof& proof);

}  // namespace quay
