// Chance, from one seed: equal seeds throw equal dice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace quay::oracle {

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_(seed) {}

  // 0 to sides - 1; sides is not 0.
  std::uint32_t below(std::size_t sides) { return static_cast<std::uint32_t>(random_() % sides); }
  bool one_in(std::size_t sides) { return below(sides) == 0; }
  std::uint64_t any() { return random_(); }

  template <typename T>
  const T& one_of(const std::vector<T>& choices) {
    return choices[below(choices.size())];
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace quay::oracle
