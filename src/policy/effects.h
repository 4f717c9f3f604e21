// What a change of policy opens and closes, and what then stops working.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/policy.h"
#include "model/rule.h"
#include "model/service.h"
#include "policy/compile.h"

namespace quay {

// Packets that a rule of one of the two policies names, and that fare otherwise under the other.
struct Effect {
  Direction direction = Direction::In;
  std::string to;  // as in NumberedRule
  std::string from;
  std::vector<std::string> interfaces;  // by the policy's names; empty: every one
  std::string origin;                   // who names them: "service mqtt", "rule 3"
  bool partly = false;                  // other rules decide some of them as before
  bool operator==(const Effect&) const = default;
};

struct Effects {
  std::vector<Effect> opens;
  std::vector<Effect> closes;
  std::vector<std::string> stops;  // what no longer works anywhere, a sentence for each
  bool empty() const { return opens.empty() && closes.empty(); }
};

// Looks at every rule that stands in one of the two lists alone, and asks both lists about all its
// packets. Openings that ended before `now` decide nothing. Only first packets of flows on a wire
// count; accepting up to a limit is accepting.
Effects effects(const Compilation& before, const Compilation& after, const Catalogue& catalogue,
                TimePoint now);

// "1883/tcp in on lan from 192.168.1.0/24 (service mqtt)"
std::string to_text(const Effect& effect);

}  // namespace quay
