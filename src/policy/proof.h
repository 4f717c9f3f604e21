// Whether the kernel does what the policy says, for every packet.
#pragma once

#include <string>
#include <vector>

#include "model/filter.h"
#include "model/rule.h"
#include "policy/filter_teller.h"

namespace quay {

// Of a difference the first side is the kernel, the second the policy.
struct Proof {
  std::vector<Difference> differences;  // of our own table; empty: it is equal to the policy
  std::vector<Difference> closed;       // accepted by the policy and our table, not by others
  std::vector<Difference> opened;       // refused by both, and accepted as what others make of it
  std::vector<Difference> lost;         // flows that are accepted, and not answers to them
  std::vector<std::string> unknown;     // what is not understood, and where
  std::vector<std::string> outside;     // what else handles packets
  Untold untold;                        // lines of either family that are not listed
  bool too_large = false;               // for an answer; only what is unknown is told then

  // Our own table does what the policy says.
  bool equal() const { return differences.empty() && !too_large; }
};

// "in tcp 1883 (mqtt) from wan (eth1): kernel accepts (inet/quaymaster/in handle 12), policy drops
// (profile enhanced)"
std::string to_text(const Difference& difference);

// What every proof is about.
std::string proof_scope();

// Proves that table `inet quaymaster` of `live` does with every packet what `rules` say, or finds
// the packets with which it does not; what other tables take away, or let in by translating it to
// what the policy accepts; and the flows that get no answer (policy/lost_answers.h). Both IP
// families, incoming, outgoing and routed packets.
//
// A limit is accepting or rejecting, by numbers that are not compared.
//
// `most_nodes`: see FilterSpace.
Proof prove(const RuleList& rules, const filter::Ruleset& live, const Vocabulary& names,
            std::size_t most_nodes = filter::FilterSpace::kMostNodes);

}  // namespace quay
