// Rules of nft's JSON as rules of the common model.
#pragma once

#include <string>
#include <vector>

#include "language/nft_json_access.h"
#include "language/nft_json_context.h"
#include "model/filter.h"

namespace quay::nft_json {

// The rule as one of the model, or as several that follow each other: where it matches again after
// it has changed something, and where packets of the loopback interface are another matter. `place`
// names it where a condition must be told from that of other rules.
//
//   neutral      counter, log, comments, ct helper and the like
//   conditions   match; limit, quota, ct count, set updates, tproxy (stateful atoms)
//   assigns      mangle, notrack, snat, dnat, masquerade, redirect
//   verdicts     accept, drop, jump, goto, return, continue, reject, queue, vmap
//   unknown      everything else, by name
std::vector<filter::Rule> rules_of(const Json& rule, const Context& context,
                                   const std::string& place);

}  // namespace quay::nft_json
