// How long pieces of work take, round by round.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "bench/control_cost.h"

namespace quay::bench {

class Stopwatch {
 public:
  // `times`: how often the work is done, when one is too short to be measured; a time is one's.
  template <typename Work>
  void time(const Work& work, int times = 1) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < times; ++i)
      work();
    const std::chrono::duration<double, std::milli> taken =
        std::chrono::steady_clock::now() - begin;
    times_.push_back(taken.count() / times);
  }
  ChangeCost cost(const std::string& name) {
    std::sort(times_.begin(), times_.end());
    return {name, times_[times_.size() / 2], times_.front(), times_.back()};
  }

 private:
  std::vector<double> times_;
};

}  // namespace quay::bench
