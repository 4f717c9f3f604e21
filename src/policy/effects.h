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

// Packets that fare otherwise under another policy, all combinations of what is said.
struct Effect {
  Direction direction = Direction::In;
  std::string to;                       // "1883/tcp", "10.0.0.1 22,443/tcp", "Anywhere"
  std::string from;                     // "Anywhere except 10.0.0.0/8"
  std::vector<std::string> interfaces;  // by the policy's names; empty: every one
  std::string origin;                   // what decides them: "service mqtt", "rule 3"
  bool operator==(const Effect&) const = default;
};

struct Effects {
  std::vector<Effect> opens;   // together exactly what opens
  std::vector<Effect> closes;  // and what closes
  // What no longer works anywhere, a sentence for each: "ssh: ...", or where a service goes on in
  // the other direction "bacnet, incoming: ...".
  std::vector<std::string> stops;
  bool complete = true;  // false: some lines were too many to tell, or to compute
  bool empty() const { return opens.empty() && closes.empty(); }
};

// Compares the two policies on every packet. Openings that ended before `now` decide nothing. Only
// first packets of flows on a wire count, without what every host needs; accepting up to a limit is
// accepting. What no rule but the profile's decides is told as "everything else". A policy that is
// not enforced lets everything pass.
Effects effects(const Compilation& before, const Compilation& after, const Catalogue& catalogue,
                TimePoint now);

// "1883/tcp in on lan from 192.168.1.0/24 (service mqtt)"
std::string to_text(const Effect& effect);

}  // namespace quay
