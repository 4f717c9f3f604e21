// A policy as a packet filter: what the kernel's is held against.
#pragma once

#include "model/filter.h"
#include "model/rule.h"

namespace quay {

// One table with a base chain for each direction, a rule for each of `rules`, whose `place` is its
// origin ("service mqtt"). Accepting up to a limit is two fates at once, as nobody knows a packet's
// from the packet alone. A rule with an end asks for the time, as the kernel does.
filter::Ruleset policy_filter(const RuleList& rules);

// The packets of a match, of a direction.
filter::Box filter_box(const Match& match, Direction direction);

}  // namespace quay
