// What it costs to know what the kernel's packet filter does.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bench/control_cost.h"

namespace quay::bench {

// Our own table of 30 services, in a namespace: read back, proved; and one packet explained. Needs
// root.
std::vector<ChangeCost> proof_costs(int rounds);

// A host's filter of `rules` rules, random as those of analysis_costs(), as iptables has them: two
// that differ by one rule built and compared, every cube of what differs and of what is accepted
// told, every dead and redundant rule found. `megabytes`: what the two diagrams took.
struct FilterCosts {
  std::vector<ChangeCost> times;
  double megabytes = 0;
};
FilterCosts filter_costs(int rules, int rounds);

// As many rules in the kernel: dumped without being looked at, and read into the model. Needs root.
std::vector<ChangeCost> read_back_costs(int rules, int rounds);

}  // namespace quay::bench
