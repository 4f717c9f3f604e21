// What it costs to change the kernel's rules, in a process that stays.
#pragma once

#include <string>
#include <vector>

namespace quay::bench {

struct ChangeCost {
  std::string name;
  double median_ms = 0;
  double least_ms = 0;
  double most_ms = 0;
};

// Whole policy replaced, one port opened, one closed, one source list changed; each many times,
// interleaved, in a network namespace of their own. Needs root.
std::vector<ChangeCost> change_costs();

}  // namespace quay::bench
