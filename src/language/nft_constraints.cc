#include "language/nft_constraints.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace quay::nft {

using filter::Number;

bool Constraint::allows(Number number) const {
  return (number & mask) == value && std::ranges::all_of(parts, [number](const Part& part) {
           const Number there = (number >> part.low) & ones(part.high - part.low + 1);
           return there >= part.first && there <= part.last;
         });
}

bool constrain(Constraints& constraints, const Piece& piece, Number first, Number last) {
  if (piece.origin == kConstant)
    return first <= piece.value && piece.value <= last;
  const Number all = ones(piece.bits());
  if (piece.flipped)
    std::tie(first, last) = std::pair{all ^ last, all ^ first};
  if (first == 0 && last == all)
    return true;
  Constraint& constraint = constraints[piece.origin];
  if (first != last) {
    constraint.parts.push_back({piece.high, piece.low, first, last});
    return true;
  }
  const Number mask = all << piece.low;
  const Number value = first << piece.low;
  if (((constraint.value ^ value) & constraint.mask & mask) != 0)
    return false;
  constraint.mask |= mask;
  constraint.value |= value;
  return true;
}

Number bits_of(std::string_view bytes, std::size_t at, int count) {
  Number number = 0;
  for (std::size_t i = at; i < at + static_cast<std::size_t>(count); ++i)
    number = number << 1 | (static_cast<std::uint8_t>(bytes[i / 8]) >> (7 - i % 8) & 1U);
  return number;
}

namespace {

constexpr std::size_t kMostWays = 4096;

// What is left of two keys, from a piece on.
struct Rest {
  std::span<const Piece> pieces;
  std::size_t at = 0;  // the first bit
  std::string_view first;
  std::string_view last;
  bool above = true;  // `first` is still a bound: all before was equal
  bool below = true;  // and `last`
};

// Beginnings between the least and the greatest one leave free what follows.
bool add_ways_of(Rest rest, Constraints constraints, std::vector<Constraints>& found) {
  if (rest.pieces.empty() || (!rest.above && !rest.below)) {
    found.push_back(std::move(constraints));
    return found.size() <= kMostWays;
  }
  const Piece& piece = rest.pieces.front();
  const Number first = rest.above ? bits_of(rest.first, rest.at, piece.bits()) : 0;
  const Number last = rest.below ? bits_of(rest.last, rest.at, piece.bits()) : ones(piece.bits());
  rest.pieces = rest.pieces.subspan(1);
  rest.at += static_cast<std::size_t>(piece.bits());
  const auto go_on = [&](Number from, Number to, bool above, bool below) {
    Rest next = rest;
    next.above = above;
    next.below = below;
    Constraints narrowed = constraints;
    return from > to || !constrain(narrowed, piece, from, to) ||
           add_ways_of(next, std::move(narrowed), found);
  };
  if (first >= last || rest.pieces.empty())
    return go_on(first, last, rest.above, rest.below);
  const Number from = rest.above ? first + 1 : first;
  const Number to = rest.below ? last - 1 : last;
  return (!rest.above || go_on(first, first, true, false)) && go_on(from, to, false, false) &&
         (!rest.below || go_on(last, last, false, true));
}

}  // namespace

bool add_ways(std::span<const Piece> pieces, std::string_view first, std::string_view last,
              const Constraints& constraints, std::vector<Constraints>& found) {
  return add_ways_of({pieces, 0, first, last}, constraints, found);
}

}  // namespace quay::nft
