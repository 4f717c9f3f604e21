#include "language/nft_boxes.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>

#include "base/text.h"
#include "language/masked_numbers.h"
#include "language/nft_constraints.h"

namespace quay::nft {
namespace {

using filter::Box;
using filter::Field;
using filter::Kind;
using filter::Number;
using filter::Numbers;
using filter::Values;
using Reading = Origin::Reading;

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
    for (const Constraints& constraints : found)
      if (!add_ways(one.pieces, one.first, one.last, constraints, next))
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
  const Kind kind = origin.field.kind;
  if (origin.reading == Reading::Number && (kind == Kind::Source || kind == Kind::Destination)) {
    const Family family = origin.bits == 128 ? Family::V6 : Family::V4;
    return fmt::format("{} & {} == {}", name_of(origin.field, family),
                       quay::to_text(Address{family, constraint.mask}),
                       quay::to_text(Address{family, constraint.value}));
  }
  if (origin.reading != Reading::Number || origin.bits > 64)
    return std::nullopt;
  return fmt::format("{} & {:#x} == {:#x}", name_of(origin.field, Family::V4),
                     static_cast<std::uint64_t>(constraint.mask),
                     static_cast<std::uint64_t>(constraint.value));
}

}  // namespace quay::nft
