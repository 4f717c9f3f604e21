// What a packet costs to pass a firewall, measured on real network namespaces.
//
// One sending namespace per contestant, joined by veth to a receiving namespace that holds the
// contestant's rules. Veth delivers in the sender's softirq, so the CPU time of the sending
// thread is the whole way: send, every hook, delivery to the socket.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace quay::bench {

// One ruleset to measure.
struct Contestant {
  std::string name;
  std::function<void(const std::string& netns)> load;  // installs the rules in that namespace
  int port = 0;                                        // UDP port that the rules let through
};

// The cost of one kind of packet under one contestant.
struct Cost {
  std::string name;
  double nanoseconds = 0;  // 10th percentile of the CPU time per packet
  double ratio = 0;        // median over rounds of the paired ratio to the first contestant
};

enum class Flow {
  New,          // one-way UDP: conntrack keeps calling it new
  Established,  // the receiver answered once
};

// Measures all contestants in one run, interleaved in random order, `rounds` times. The first
// contestant is the yardstick. Needs root. Throws std::runtime_error when a namespace, a rule or
// a socket cannot be made, or when a contestant drops what it must let through.
std::vector<Cost> packet_costs(const std::vector<Contestant>& contestants, Flow flow, int rounds);

}  // namespace quay::bench
