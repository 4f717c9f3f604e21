// Whether the kernel does what the policy says, for every packet.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "language/filter_text.h"
#include "model/filter.h"
#include "model/rule.h"

namespace quay {

// Packets that the kernel and the policy judge differently.
struct Difference {
  Direction direction = Direction::In;
  std::string packets;  // "tcp 1883 (mqtt) from wan (eth1)"; of one family: "..., IPv6"
  std::string kernel;   // what it does and where: "accepts (inet/quaymaster/in handle 12)"
  std::string policy;   // "drops (profile enhanced)"
  std::string example;  // one of them, in full
  bool certain = true;  // false: it depends on something that is not understood
  bool operator==(const Difference&) const = default;
};

struct Proof {
  std::vector<Difference> differences;  // of our own table; empty: it is equal to the policy
  std::vector<Difference> closed;       // accepted by the policy and our table, not by others
  std::vector<Difference> replies;      // to flows that are accepted, and that are not
  std::vector<std::string> unknown;     // what is not understood, and where
  std::vector<std::string> outside;     // what else handles packets
  bool complete = true;                 // false: more than could be listed, or computed

  bool equal() const { return complete && differences.empty(); }
};

// What every proof is about.
std::string proof_scope();

// Proves that table `inet quaymaster` of `live` does with every packet what `rules` say, or finds
// the packets with which it does not; and what other tables take away. Both IP families, incoming,
// outgoing and routed packets.
//
// A limit is accepting or rejecting, by numbers that are not compared.
Proof prove(const RuleList& rules, const filter::Ruleset& live, const Vocabulary& names);

}  // namespace quay
