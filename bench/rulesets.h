// The rulesets that are measured against each other.
#pragma once

#include <string>
#include <vector>

#include "bench/packet_cost.h"
#include "language/nft_table.h"
#include "model/policy.h"

namespace quay::bench {

// The policy of the figures: profile enhanced, two interfaces, everything optional enabled, which
// makes about 30 openings; and as many more services with one port each as asked for.
struct Sample {
  Policy policy;
  NftTable table;
};
Sample sample(int more_ports, const std::vector<std::string>& own_rules = {});

// The UDP port that every contestant lets through last.
inline constexpr int kLastPort = 47808;

Contestant none();
Contestant ours(const std::string& name, const NftTable& table);
// nft's text, loaded by the nft program.
Contestant nft(const std::string& name, const std::string& script);

// Ours without one thing at a time, or with another structure for the same decisions.
std::vector<Contestant> candidates();
// What a person writes by hand: one rule for each port, in order.
std::string by_hand_script(int ports);
Contestant by_hand(int ports);
// ufw's and firewalld's own rules for as many ports, made by Debian's packages out of a root of
// their own. Empty, with a line on standard error, when that root cannot be built.
std::vector<Contestant> peers(int ports);

}  // namespace quay::bench
