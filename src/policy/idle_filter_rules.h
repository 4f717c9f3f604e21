// Rules of anybody's filter that decide nothing, and rules without which nothing would change.
#pragma once

#include <string>
#include <vector>

#include "model/filter.h"
#include "packetset/filter_space.h"

namespace quay {

struct IdleFilterRule {
  const filter::Rule* rule = nullptr;
  std::string place;
  bool redundant = false;       // what follows does the same; else it decides no packet
  std::vector<std::string> by;  // then: the places of the rules that decide its packets
};

// Finds them in the ruleset's base chains and in what they lead to, for the packets of the space's
// family. Only what is certain: a rule that asks for what a rule of the same base chain assigns (a
// mark) is never called idle, and none there is called redundant when any rule asks for it. Nothing
// is said of a base chain in which such a rule, or one that is not understood, may lead elsewhere.
// Rules that decide nothing on purpose (logs, counters, jumps) are no part of it.
std::vector<IdleFilterRule> idle_filter_rules(filter::FilterSpace& space,
                                              const filter::Ruleset& ruleset);

}  // namespace quay
