// What the targets of iptables do with a packet.
//
// The facts are iptables-extensions(8) and the kernel's net/netfilter/xt_*.c. Targets that only
// log, count, copy or label let the packet go on. Translation accepts the packet and gives it other
// addresses and ports; where they are not one certain value, nobody knows which.
#pragma once

#include "language/xt_meaning.h"

namespace quay::xt {

struct Outcome {
  filter::Verdict verdict;
  std::vector<filter::Assign> assigns;
  std::vector<std::string> unknown;
  bool untracked = false;  // conntrack will not look at the packet, unless it already has
};

// True for the targets that iptables has built in or as extensions, as far as we have heard of
// them.
bool is_target(std::string_view name);

// Refuses, never opaque, values that make no sense. A target that we do not know ends in Unknown.
Read<Outcome> outcome_of(const Module& target, const Context& context);

}  // namespace quay::xt
