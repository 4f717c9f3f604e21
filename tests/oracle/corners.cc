#include "tests/oracle/corners.h"

#include <algorithm>

#include <netinet/in.h>

#include "tests/oracle/gateway.h"

namespace quay::oracle {
namespace {

using filter::Kind;

AddressBits bits_of(const char* text) {
  return parse_address(text).value().bits;
}

bool within(const char* prefix, AddressBits bits) {
  const auto [first, last] = parse_prefix(prefix).value().range();
  return first <= bits && bits <= last;
}

AddressBits some_address(Family family, const std::vector<Interval<AddressBits>>& ranges,
                         Dice& dice) {
  for (int attempt = 0; attempt < 20 && !ranges.empty(); ++attempt) {
    const auto& [first, last] = dice.one_of(ranges);
    AddressBits bits = first;
    switch (dice.below(6)) {
      case 0:
        bits = first - 1;
        break;
      case 1:
        bits = last;
        break;
      case 2:
        bits = last + 1;
        break;
      case 3:
        bits = first + dice.any() % (last - first + 1 == 0 ? 1 : last - first + 1);
        break;
      default:
        break;
    }
    if (routable(family, bits) && (family == Family::V6 || bits <= 0xffffffff))
      return bits;
  }
  return bits_of(family == Family::V4 ? "198.51.100.77" : "2001:db8:77::77");
}

std::uint16_t some_port(const std::vector<Interval<std::uint16_t>>& ranges, Dice& dice) {
  if (ranges.empty() || dice.one_in(8))
    return static_cast<std::uint16_t>(dice.any());
  const auto& [first, last] = dice.one_of(ranges);
  switch (dice.below(6)) {
    case 0:
      return static_cast<std::uint16_t>(first - 1);
    case 1:
      return static_cast<std::uint16_t>(last + 1);
    case 2:
      return last;
    default:
      return first;
  }
}

std::uint16_t some_icmp(const std::vector<std::uint16_t>& known, Dice& dice) {
  if (known.empty() || dice.one_in(6))
    return static_cast<std::uint16_t>(dice.any());
  const std::uint16_t one = dice.one_of(known);
  if (!dice.one_in(3))
    return one;
  return static_cast<std::uint16_t>(one + (dice.one_in(2) ? 1 : 256));
}

std::uint8_t icmp_of(Family family) {
  if (family == Family::V4)
    return IPPROTO_ICMP;
  return IPPROTO_ICMPV6;
}

std::uint8_t some_protocol(Family family, const Corners& corners, Dice& dice) {
  const std::uint8_t icmp = icmp_of(family);
  switch (dice.below(8)) {
    case 0:
    case 1:
    case 2:
      return IPPROTO_TCP;
    case 3:
    case 4:
      return IPPROTO_UDP;
    case 5:
      return icmp;
    default:
      return corners.protocols.empty() ? icmp : dice.one_of(corners.protocols);
  }
}

std::uint8_t some_flags(const Corners& corners, Dice& dice) {
  constexpr std::uint8_t syn = 2;
  if (corners.flags.empty() || dice.one_in(2))
    return syn;
  return dice.one_in(4) ? static_cast<std::uint8_t>(dice.any()) : dice.one_of(corners.flags);
}

// Of the answers that conntrack knows as such; every other packet is no answer.
void make_answer(Draft& draft) {
  constexpr std::uint8_t syn_and_ack = 0x12;
  draft.answer = true;
  if (draft.protocol == IPPROTO_TCP)
    draft.tcp_flags = syn_and_ack;
  if (draft.protocol == IPPROTO_ICMP)
    draft.source_port = 0;
  if (draft.protocol == IPPROTO_ICMPV6)
    draft.source_port = 129 << 8;
}

template <typename Number>
void add_intervals(const filter::Numbers& numbers, std::vector<Interval<Number>>& to) {
  for (const auto& [first, last] : numbers.intervals())
    to.push_back({static_cast<Number>(first), static_cast<Number>(last)});
}

template <typename Number>
void add_ends(const filter::Numbers& numbers, std::vector<Number>& to) {
  for (const auto& [first, last] : numbers.intervals()) {
    to.push_back(static_cast<Number>(first));
    to.push_back(static_cast<Number>(last));
  }
}

constexpr AddressBits kMostOfV4 = 0xffffffff;

void add_addresses(const filter::Numbers& numbers, Corners& corners) {
  const bool small =
      std::ranges::all_of(numbers.intervals(), [](const auto& i) { return i.last <= kMostOfV4; });
  add_intervals(numbers, small ? corners.v4 : corners.v6);
}

void add_box(const filter::Box& box, Corners& corners) {
  for (const filter::Values& values : box) {
    switch (values.field.kind) {
      case Kind::Source:
      case Kind::Destination:
        add_addresses(values.numbers, corners);
        break;
      case Kind::SourcePort:
      case Kind::DestinationPort:
        add_intervals(values.numbers, corners.ports);
        add_ends(values.numbers, corners.icmp4);
        add_ends(values.numbers, corners.icmp6);
        break;
      case Kind::TcpFlags:
        add_ends(values.numbers, corners.flags);
        break;
      case Kind::SourceMac:
        add_ends(values.numbers, corners.macs);
        break;
      default:
        break;
    }
  }
}

void add_rule(const filter::Rule& rule, Corners& corners) {
  for (const filter::Condition& condition : rule.conditions)
    if (const auto* test = std::get_if<filter::Test>(&condition))
      for (const filter::Box& box : test->boxes)
        add_box(box, corners);
  if (rule.map)
    for (const auto& [box, verdict] : *rule.map)
      add_box(box, corners);
}

Interval<AddressBits> some_range(Family family, Dice& dice) {
  static const std::vector<std::string> v4{"10.0.0.0/8",     "192.168.0.0/16", "172.16.0.0/12",
                                           "203.0.113.0/24", "100.64.0.0/10",  "8.0.0.0/7"};
  static const std::vector<std::string> v6{"fd00::/8", "2001:db8::/33", "2a00::/12",
                                           "fd12:3456::/32"};
  const Prefix around = parse_prefix(dice.one_of(family == Family::V4 ? v4 : v6)).value();
  const int spare = address_width(family) - around.length;
  const int length =
      around.length + static_cast<int>(dice.below(static_cast<unsigned>(spare) + 1U));
  const AddressBits any = AddressBits{dice.any()} << 64 | dice.any();
  const auto [first, last] = around.range();
  Address address{family, first | (any & (last - first))};
  if (length == 0)
    return around.range();
  return parse_prefix(to_text(address) + "/" + std::to_string(length)).value().range();
}

}  // namespace

bool routable(Family family, AddressBits bits) {
  if (family == Family::V4)
    return std::ranges::none_of(
        std::vector{"0.0.0.0/8", "127.0.0.0/8", "192.0.2.0/29", "224.0.0.0/3"},
        [bits](const char* prefix) { return within(prefix, bits); });
  return (within("2000::/3", bits) || within("fc00::/7", bits)) &&
         !within("2001:db8:ffff::/48", bits);
}

Corners some_corners(Dice& dice) {
  Corners corners;
  for (int i = 0; i < 4; ++i) {
    corners.v4.push_back(some_range(Family::V4, dice));
    corners.v6.push_back(some_range(Family::V6, dice));
    const auto port = static_cast<std::uint16_t>(1 + dice.below(65000));
    const auto length = static_cast<std::uint16_t>(dice.one_in(2) ? 0 : dice.below(500));
    corners.ports.push_back({port, static_cast<std::uint16_t>(port + length)});
    corners.flags.push_back(static_cast<std::uint8_t>(dice.below(64)));
  }
  corners.flags.insert(corners.flags.end(), {2, 16, 18});
  corners.protocols = {IPPROTO_GRE, IPPROTO_ESP, 89, 253, IPPROTO_ICMP, IPPROTO_ICMPV6};
  corners.icmp4 = {8 << 8, 0, 3 << 8, (3 << 8) + 1, 11 << 8, 13 << 8};
  corners.icmp6 = {128 << 8, 129 << 8, 1 << 8, (1 << 8) + 4, 135 << 8, 143 << 8};
  corners.dscp = {0, 8, 46, static_cast<std::uint8_t>(dice.below(64))};
  corners.macs = {0x02aabbccdd01, 0x02aabbccdd02};
  return corners;
}

void add_corners(const filter::Ruleset& ruleset, Corners& corners) {
  for (const filter::Table& table : ruleset.tables)
    for (const filter::Chain& chain : table.chains)
      for (const filter::Rule& rule : chain.rules)
        add_rule(rule, corners);
}

Draft some_draft(const Corners& corners, const std::vector<Direction>& ways,
                 const std::vector<Family>& families, bool answers, Dice& dice) {
  Draft draft;
  draft.direction = dice.one_of(ways);
  draft.family = dice.one_of(families);
  const bool v4 = draft.family == Family::V4;
  if (draft.direction != Direction::Out)
    draft.in_interface = dice.one_of(interfaces());
  if (draft.direction != Direction::In)
    draft.out_interface = dice.one_of(interfaces());
  draft.source = some_address(draft.family, v4 ? corners.v4 : corners.v6, dice);
  draft.destination = some_address(draft.family, v4 ? corners.v4 : corners.v6, dice);
  draft.protocol = some_protocol(draft.family, corners, dice);
  draft.source_port = some_port(corners.ports, dice);
  draft.destination_port = some_port(corners.ports, dice);
  draft.tcp_flags = some_flags(corners, dice);
  draft.echo = static_cast<std::uint16_t>(dice.any());
  if (draft.protocol == IPPROTO_ICMP || draft.protocol == IPPROTO_ICMPV6)
    draft.source_port =
        some_icmp(draft.protocol == IPPROTO_ICMP ? corners.icmp4 : corners.icmp6, dice);
  else if (draft.protocol != IPPROTO_TCP && draft.protocol != IPPROTO_UDP)
    draft.source_port = draft.protocol == IPPROTO_GRE ? 0 : draft.source_port;
  // Whether conntrack tracks the discovery of multicast routers depends on the kernel's version.
  if (const int type = draft.source_port >> 8;
      draft.protocol == IPPROTO_ICMPV6 && type >= 151 && type <= 153)
    draft.source_port = 200 << 8;
  draft.dscp = dice.one_of(corners.dscp);
  draft.ttl = static_cast<std::uint8_t>(kLeastTtl + dice.below(kMostTtl - kLeastTtl + 1U));
  draft.mac = dice.one_of(corners.macs);
  draft.payload = static_cast<std::uint8_t>(dice.below(64));
  const bool known = draft.protocol == IPPROTO_TCP || draft.protocol == IPPROTO_UDP ||
                     draft.protocol == icmp_of(draft.family);
  if (answers && known && dice.one_in(5))
    make_answer(draft);
  return draft;
}

}  // namespace quay::oracle
