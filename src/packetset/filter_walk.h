// What a packet filter does with one packet, rule by rule: for explanations, and as the second,
// plain opinion that diagrams are held against.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/filter.h"
#include "packetset/filter_way.h"

namespace quay::filter {

// What becomes of a packet. A set, because of what is not known.
using Fate = std::uint32_t;
inline constexpr Fate kAccepted = 2;
inline constexpr Fate kDropped = 4;
inline constexpr Fate kRejected = 8;
inline constexpr Fate kAnyFate = kAccepted | kDropped | kRejected;

// A rule that matched, or with `rule` null the policy of a base chain.
struct Step {
  const Table* table = nullptr;
  const Chain* chain = nullptr;
  const Rule* rule = nullptr;
  Verdict verdict;
};

struct Walk {
  Fate fate = 0;
  std::vector<Step> steps;  // of one way through; where something is unknown, one of several
};

Walk walk(const Ruleset& ruleset, const Point& packet);
// On some of a ruleset's base chains alone.
Walk walk(std::span<const Stop> way, const Point& packet);

}  // namespace quay::filter
