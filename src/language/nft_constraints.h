// What registers' bytes ask of the numbers that they are made of. For nft_boxes.cc alone.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "language/nft_registers.h"
#include "model/filter.h"

namespace quay::nft {

// The lowest bits.
constexpr filter::Number ones(int bits) {
  return bits >= 128 ? ~filter::Number{0} : (filter::Number{1} << bits) - 1;
}

// What is asked of an origin: bits that are given, and parts between two numbers.
struct Constraint {
  struct Part {
    int high = 0;
    int low = 0;
    filter::Number first = 0;
    filter::Number last = 0;
  };
  filter::Number mask = 0;
  filter::Number value = 0;
  std::vector<Part> parts;

  bool allows(filter::Number number) const;
};

using Constraints = std::map<std::int16_t, Constraint>;

// Adds what it takes for a piece to lie between two numbers; false when it cannot.
bool constrain(Constraints& constraints, const Piece& piece, filter::Number first,
               filter::Number last);

// Up to 128 bits of bytes, from a bit on.
filter::Number bits_of(std::string_view bytes, std::size_t at, int count);

// Puts behind `found` every way for pieces to lie between two keys, in memcmp's order, each with
// `constraints` besides. False when there are more than 4096.
bool add_ways(std::span<const Piece> pieces, std::string_view first, std::string_view last,
              const Constraints& constraints, std::vector<Constraints>& found);

}  // namespace quay::nft
