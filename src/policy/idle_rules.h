// The operator's rules that do nothing.
#pragma once

#include <vector>

#include "model/rule.h"

namespace quay {

struct IdleRule {
  const Rule* rule = nullptr;    // the first that the operator's rule stands for
  bool redundant = false;        // without it its packets would fare the same; else it decides none
  std::vector<Origin> deciders;  // then: whose rules decide all of its packets
};

// Finds them among own rules and openings, in order. What ends by itself hides nothing, and makes
// nothing redundant. A rule that logs or limits is never redundant. None is
// found where the rules are too many to tell. `rules` is what compile() made,
// and outlives the result.
std::vector<IdleRule> idle_rules(const RuleList& rules);

}  // namespace quay
