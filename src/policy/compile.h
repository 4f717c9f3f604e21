// From a policy to an ordered list of rules, each with its reason.
//
// In each direction the order is: spoofed loopback, flows already accepted, loopback and tunnel,
// what every host needs, openings, the operator's own rules, services, the profile's default.
// Pure: equal arguments give equal rules.
#pragma once

#include <string>
#include <vector>

#include "model/policy.h"
#include "model/rule.h"
#include "model/service.h"

namespace quay {

// What an answer about a policy's rules is about, while the kernel is not asked.
std::string policy_scope();

struct Compiled {
  RuleList rules;
  std::vector<std::string> notes;  // where the rules are not what the policy may seem to say
};

// A policy with its rules.
struct Compilation {
  Policy policy;
  Compiled compiled;
};

// `policy` was read against `catalogue`. Openings that ended before `now` are left out, with a
// note.
Compiled compile(const Policy& policy, const Catalogue& catalogue, TimePoint now);

// The rules that one of the operator's rules stands for: one for each family, protocol and
// endpoint that it names. `origin` and `reason` are copied into each.
RuleList expand(const UserRule& rule, const Policy& policy, const Catalogue& catalogue,
                const Origin& origin, const std::string& reason);

}  // namespace quay
