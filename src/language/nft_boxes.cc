#include "language/nft_boxes.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>

#include "base/text.h"
#include "language/masked_numbers.h"

namespace quay::nft {
namespace {

using filter::Box;
using filter::Field;
using filter::Kind;
using filter::Number;
using filter::Numbers;
using filter::Values;
using Reading = Origin::Reading;

constexpr std::size_t kMostBoxes = 4096;  // of one pair of bounds

Number ones(int bits) {
  return bits >= 128 ? ~Number{0} : (Number{1} << bits) - 1;
}

// What is asked of an origin: bits that are given, and parts between two numbers.
struct Constraint {
  struct Part {
    int high = 0;
    int low = 0;
    Number first = 0;
    Number last = 0;
  };
  Number mask = 0;
  Number value = 0;
  std::vector<Part> parts;

  bool allows(Number number) const {
    return (number & mask) == value && std::ranges::all_of(parts, [number](const Part& part) {
             const Number there = (number >> part.low) & ones(part.high - part.low + 1);
             return there >= part.first && there <= part.last;
           });
  }
};

using Constraints = std::map<std::int16_t, Constraint>;

// Adds one piece's bounds; false when nothing is left.
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

// Up to 128 bits of bytes, from a bit on.
Number bits_of(std::string_view bytes, std::size_t at, int count) {
  Number number = 0;
  for (std::size_t i = at; i < at + static_cast<std::size_t>(count); ++i)
    number = number << 1 | (static_cast<std::uint8_t>(bytes[i / 8]) >> (7 - i % 8) & 1U);
  return number;
}

// A part of bounds, from a piece on.
struct Rest {
  std::span<const Piece> pieces;
  std::size_t at = 0;  // the first bit
  std::string_view first;
  std::string_view last;
  bool above = true;  // `first` is still a bound
  bool below = true;  // and `last`
};

// Puts every way to be within the bounds behind `found`: bytes that begin with more than the first
// ones are free in what follows. False when there are too many ways.
bool ways(Rest rest, Constraints constraints, std::vector<Constraints>& found) {
  while (!rest.pieces.empty() && (rest.above || rest.below)) {
    const Piece& piece = rest.pieces.front();
    const Number all = ones(piece.bits());
    const Number first = rest.above ? bits_of(rest.first, rest.at, piece.bits()) : 0;
    const Number last = rest.below ? bits_of(rest.last, rest.at, piece.bits()) : all;
    rest.pieces = rest.pieces.subspan(1);
    rest.at += static_cast<std::size_t>(piece.bits());
    if (first > last)
      return true;
    if (rest.pieces.empty() || (first == last && rest.above && rest.below) ||
        (!rest.above && !rest.below)) {
      if (!constrain(constraints, piece, first, last))
        return true;
      continue;
    }
    // The least and the greatest beginning go on with their bounds, those between are free.
    const auto branch = [&](Number from, Number to, bool above, bool below) {
      Rest next = rest;
      next.above = above;
      next.below = below;
      Constraints narrowed = constraints;
      return !constrain(narrowed, piece, from, to) || ways(next, std::move(narrowed), found);
    };
    if (first == last)
      return branch(first, last, rest.above, rest.below);
    if (rest.above && !branch(first, first, true, false))
      return false;
    const Number from = rest.above ? first + 1 : first;
    const Number to = rest.below ? last - 1 : last;
    if (from <= to && !branch(from, to, false, false))
      return false;
    return !rest.below || branch(last, last, false, true);
  }
  found.push_back(std::move(constraints));
  return found.size() <= kMostBoxes;
}

std::optional<Numbers> within(const Constraint::Part& part, int bits) {
  const int above = bits - 1 - part.high;
  if (above >= 64 || (std::size_t{1} << above) > kMostIntervals)
    return std::nullopt;
  std::vector<Interval<Number>> intervals;
  for (Number i = 0; i < Number{1} << above; ++i) {
    const Number begin = part.high >= 127 ? 0 : i << (part.high + 1);
    intervals.push_back(
        {begin | part.first << part.low, begin | part.last << part.low | ones(part.low)});
  }
  return Numbers(std::move(intervals));
}

// What a constraint leaves of a field.
enum class Left : std::uint8_t { Some, Everything, Nothing, NotExpressible };

Left numbers_of(const Constraint& constraint, int bits, Values& values) {
  auto numbers = masked_numbers(constraint.value, constraint.mask, bits);
  for (const Constraint::Part& part : constraint.parts) {
    const auto more = within(part, bits);
    if (!numbers || !more)
      return Left::NotExpressible;
    numbers = numbers->intersect(*more);
  }
  if (!numbers)
    return Left::NotExpressible;
  values.numbers = *numbers;
  if (values.numbers.empty())
    return Left::Nothing;
  return values.numbers == Numbers::up_to(ones(bits)) ? Left::Everything : Left::Some;
}

// Of fields with few values, by what each is in the kernel.
Left chosen(const Constraint& constraint, std::span<const std::pair<Number, Number>> all,
            Values& values) {
  std::vector<Interval<Number>> intervals;
  for (const auto& [number, meaning] : all)
    if (constraint.allows(number))
      intervals.push_back({meaning, meaning});
  const std::size_t count = intervals.size();
  values.numbers = Numbers(std::move(intervals));
  return count == 0 ? Left::Nothing : count == all.size() ? Left::Everything : Left::Some;
}

constexpr Number number_of(State state) {
  return static_cast<Number>(state);
}

Left states(const Constraint& constraint, Values& values) {
  constexpr std::array<std::pair<Number, Number>, kStates> all{
      {{NF_CT_STATE_BIT(IP_CT_NEW), number_of(State::New)},
       {NF_CT_STATE_BIT(IP_CT_ESTABLISHED), number_of(State::Established)},
       {NF_CT_STATE_BIT(IP_CT_RELATED), number_of(State::Related)},
       {NF_CT_STATE_INVALID_BIT, number_of(State::Invalid)},
       {NF_CT_STATE_UNTRACKED_BIT, number_of(State::Untracked)}}};
  return chosen(constraint, all, values);
}

Left families(const Constraint& constraint, Reading reading, Values& values) {
  constexpr std::array<std::pair<Number, Number>, 2> protocols{
      {{NFPROTO_IPV4, 0}, {NFPROTO_IPV6, 1}}};
  constexpr std::array<std::pair<Number, Number>, 2> ether_types{{{ETH_P_IP, 0}, {ETH_P_IPV6, 1}}};
  return chosen(constraint, reading == Reading::NfProtocol ? protocols : ether_types, values);
}

Left interfaces_of(const Constraint& constraint, const Interfaces& interfaces, Values& values) {
  constexpr Number whole = 0xffffffff;
  if (constraint.allows(0))
    values.names.emplace_back();
  for (const auto& [index, name] : interfaces)
    if (index != 0 && constraint.allows(index))
      values.names.push_back(name);
  if (values.names.empty() && constraint.mask == whole && constraint.allows(constraint.value))
    values.names.push_back(fmt::format("#{}", static_cast<std::uint32_t>(constraint.value)));
  return values.names.empty() ? Left::Nothing : Left::Some;
}

// A name by its first bytes: all of them, or a pattern.
Left name_by(std::string_view beginning, Values& values) {
  constexpr std::size_t bytes = 16;  // IFNAMSIZ, with the zero at the end
  const std::size_t end = beginning.find('\0');
  if (end == std::string_view::npos && beginning.size() == bytes)
    return Left::Nothing;
  std::string name(beginning.substr(0, end));
  if (name.ends_with('*'))
    return Left::NotExpressible;
  if (end == std::string_view::npos)
    name += '*';
  else if (beginning.find_first_not_of('\0', end) != std::string_view::npos)
    return Left::Nothing;
  values.names = {std::move(name)};
  return Left::Some;
}

Left names_of(const Constraint& constraint, Values& values) {
  constexpr int bits = 128;
  Number first = constraint.value;
  Number last = constraint.value | ~constraint.mask;
  if (constraint.mask == 0 && constraint.parts.size() == 1 &&
      constraint.parts[0].high == bits - 1) {
    const Constraint::Part& part = constraint.parts[0];
    first = part.first << part.low;
    last = part.last << part.low | ones(part.low);
  } else if (!constraint.parts.empty()) {
    return Left::NotExpressible;
  }
  // Equal bits, and behind them all that there may be: they must be whole bytes.
  const Number different = first ^ last;
  int equal = 0;
  while (equal < bits && ((different >> (bits - 1 - equal)) & 1) == 0)
    ++equal;
  if (different != ones(bits - equal) || equal % 8 != 0 || equal == 0 ||
      (constraint.mask != 0 && constraint.mask != ~ones(bits - equal)))
    return Left::NotExpressible;
  std::string beginning;
  for (int i = 0; i < equal / 8; ++i)
    beginning.push_back(static_cast<char>(static_cast<std::uint8_t>(first >> (bits - 8 - i * 8))));
  return name_by(beginning, values);
}

Left values_of(const Constraint& constraint, const Origin& origin, const Interfaces& interfaces,
               Values& values) {
  values.field = origin.field;
  switch (origin.reading) {
    case Reading::Number:
      return numbers_of(constraint, origin.bits, values);
    case Reading::State:
      return states(constraint, values);
    case Reading::NfProtocol:
    case Reading::EtherType:
      return families(constraint, origin.reading, values);
    case Reading::InterfaceIndex:
      return interfaces_of(constraint, interfaces, values);
    case Reading::InterfaceName:
      return names_of(constraint, values);
    case Reading::Nothing:
      break;
  }
  return Left::NotExpressible;
}

// One way's box; nullopt in `box` when no packet goes it. False: not expressible.
bool box_of(const Constraints& constraints, const Origins& origins, const Interfaces& interfaces,
            std::optional<Box>& box) {
  box.emplace();
  bool expressible = true;
  for (const auto& [origin, constraint] : constraints) {
    Values values;
    const Left left = values_of(constraint, origins[origin], interfaces, values);
    if (left == Left::Nothing) {
      box.reset();
      return true;
    }
    expressible = expressible && left != Left::NotExpressible;
    if (left == Left::Some)
      box->push_back(std::move(values));
  }
  return expressible;
}

}  // namespace

std::optional<std::vector<Box>> boxes_within(const std::vector<Bounds>& bounds,
                                             const Origins& origins, const Interfaces& interfaces) {
  std::vector<Constraints> found{{}};
  for (const Bounds& one : bounds) {
    std::vector<Constraints> next;
    for (Constraints& constraints : found)
      if (!ways({one.pieces, 0, one.first, one.last}, std::move(constraints), next))
        return std::nullopt;
    found = std::move(next);
  }
  std::vector<Box> boxes;
  for (const Constraints& constraints : found) {
    std::optional<Box> box;
    if (!box_of(constraints, origins, interfaces, box))
      return std::nullopt;
    if (box)
      boxes.push_back(std::move(*box));
  }
  return boxes;
}

namespace {

bool before(const Values& a, const Values& b) {
  if (a.field != b.field)
    return a.field < b.field;
  if (a.names != b.names)
    return a.names < b.names;
  const auto& one = a.numbers.intervals();
  const auto& two = b.numbers.intervals();
  return std::ranges::lexicographical_compare(one, two, [](const auto& x, const auto& y) {
    return std::pair(x.first, x.last) < std::pair(y.first, y.last);
  });
}

// All but the last values.
std::span<const Values> beginning_of(const Box& box) {
  return std::span(box).first(box.size() - 1);
}

bool may_join(const Box& a, const Box& b) {
  return a.size() == b.size() && a.back().field == b.back().field && a.back().names.empty() &&
         b.back().names.empty() && std::ranges::equal(beginning_of(a), beginning_of(b));
}

}  // namespace

void join_boxes(std::vector<Box>& boxes) {
  if (boxes.size() < 2 || std::ranges::any_of(boxes, &Box::empty))
    return;
  std::ranges::stable_sort(boxes, [](const Box& a, const Box& b) {
    return std::ranges::lexicographical_compare(beginning_of(a), beginning_of(b), before);
  });
  std::vector<Box> joined;
  for (std::size_t i = 0; i < boxes.size();) {
    std::size_t end = i + 1;
    while (end < boxes.size() && may_join(boxes[i], boxes[end]))
      ++end;
    std::vector<Interval<Number>> intervals;
    for (std::size_t j = i; j < end; ++j)
      std::ranges::copy(boxes[j].back().numbers.intervals(), std::back_inserter(intervals));
    if (end > i + 1)
      boxes[i].back().numbers = Numbers(std::move(intervals));
    joined.push_back(std::move(boxes[i]));
    i = end;
  }
  boxes = std::move(joined);
}

std::string name_of(const Field& field, Family family) {
  const std::string_view ip = family == Family::V4 ? "ip" : "ip6";
  switch (field.kind) {
    case Kind::Family:
      return "meta nfproto";
    case Kind::State:
      return "ct state";
    case Kind::Protocol:
      return "meta l4proto";
    case Kind::InInterface:
      return "iifname";
    case Kind::OutInterface:
      return "oifname";
    case Kind::Source:
      return fmt::format("{} saddr", ip);
    case Kind::Destination:
      return fmt::format("{} daddr", ip);
    case Kind::SourcePort:
      return "th sport";
    case Kind::DestinationPort:
      return "th dport";
    case Kind::TcpFlags:
      return "tcp flags";
    case Kind::Mark:
      return "meta mark";
    case Kind::SourceMac:
      return "ether saddr";
    case Kind::Other:
      break;
  }
  return field.name;
}

namespace {

std::string text_of(const Piece& piece, const Origins& origins) {
  if (piece.origin == kConstant)
    return fmt::format("{}:{:#x}", piece.bits(), static_cast<std::uint64_t>(piece.value));
  const Origin& origin = origins[piece.origin];
  std::string text = piece.flipped ? "~" : "";
  text += name_of(origin.field, origin.bits == 128 ? Family::V6 : Family::V4);
  if (piece.bits() != origin.bits)
    text += fmt::format("[{}:{}]", piece.high, piece.low);
  return text;
}

}  // namespace

std::string to_text(std::span<const Piece> pieces, const Origins& origins) {
  std::vector<std::string> texts;
  for (const Piece& piece : pieces)
    texts.push_back(text_of(piece, origins));
  return join(texts, " . ");
}

std::optional<std::string> masked_text(std::span<const Piece> pieces, std::string_view bytes,
                                       const Origins& origins) {
  Constraints constraints;
  std::size_t at = 0;
  for (const Piece& piece : pieces) {
    const Number value = bits_of(bytes, at, piece.bits());
    at += static_cast<std::size_t>(piece.bits());
    if (!constrain(constraints, piece, value, value))
      return std::nullopt;
  }
  if (constraints.size() != 1)
    return std::nullopt;
  const auto& [number, constraint] = *constraints.begin();
  const Origin& origin = origins[number];
  if (origin.reading != Reading::Number || origin.bits > 64)
    return std::nullopt;
  return fmt::format("{} & {:#x} == {:#x}", name_of(origin.field, Family::V4),
                     static_cast<std::uint64_t>(constraint.mask),
                     static_cast<std::uint64_t>(constraint.value));
}

}  // namespace quay::nft
