// What of a rule list a question is about, so that an answer about a few rules does not cost what
// all of them cost.
#pragma once

#include <vector>

#include "model/rule.h"

namespace quay {

// What the rules of one direction match that stand between the beginning and the end that two lists
// have in common; who wanted them does not matter. Every packet that the lists judge differently
// matches one of these. They point into the lists.
std::vector<const Match*> changed_matches(const RuleList& before, const RuleList& after,
                                          Direction direction);

// The rules of a direction, in order, that can match a packet that one of `matches` does: such
// packets are judged by them as by the whole list. There may be others among them; of very many
// matches it is all of the direction's.
RuleList rules_meeting(const RuleList& rules, Direction direction,
                       const std::vector<const Match*>& matches);

}  // namespace quay
