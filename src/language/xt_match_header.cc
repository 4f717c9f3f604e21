// Matches on the header of IP.
#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "language/masked_numbers.h"
#include "language/xt_match.h"

namespace quay::xt {

using filter::Kind;
using filter::Number;
using filter::Numbers;
using filter::Values;

namespace {

bool equal_words(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string in_family(std::string_view name, Family family) {
  return fmt::format("{} {}", family == Family::V4 ? "ip" : "ip6", name);
}

// linux/rtnetlink.h: RTN_*, in their order.
constexpr std::array<std::string_view, 12> kRouteTypes{
    "UNSPEC",    "UNICAST",     "LOCAL",    "BROADCAST", "ANYCAST", "MULTICAST",
    "BLACKHOLE", "UNREACHABLE", "PROHIBIT", "THROW",     "NAT",     "XRESOLVE"};

Read<Numbers> read_route_types(std::string_view text) {
  std::vector<Interval<Number>> types;
  for (const std::string_view word : split(text, ',')) {
    const auto* found = std::ranges::find_if(
        kRouteTypes, [&](std::string_view name) { return equal_words(name, word); });
    if (found == kRouteTypes.end())
      return refuse(fmt::format("`{}` is not a type of addresses", word));
    const auto number = static_cast<Number>(found - kRouteTypes.begin());
    types.push_back({number, number});
  }
  return Numbers(std::move(types));
}

Read<Numbers> read_address_range(std::string_view text, Family family) {
  const std::size_t dash = text.find('-');
  const auto first = parse_address(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_address(text.substr(dash + 1));
  if (!first || !last || first->family != family || last->family != family)
    return refuse(fmt::format("`{}` is not a range of addresses", text));
  if (first->bits > last->bits)  // which the kernel takes, and which holds no address
    return Numbers{};
  return Numbers({{first->bits, last->bits}});
}

}  // namespace

// The kernel's IPv6 lookup mixes address classes and routes; no field of ours is the same.
Read<Meaning> addrtype_match(const Module& match, const Context& context) {
  const bool limited = find(match.options, "limit-iface-in") != nullptr ||
                       find(match.options, "limit-iface-out") != nullptr;
  if (limited || context.family == Family::V6)
    return atom_of(match, Lasting::OneTable, context);
  Meaning meaning;
  for (const Option& option : match.options) {
    auto types = read_route_types(option.values[0]);
    if (!types)
      return std::unexpected(types.error());
    meaning.conditions.push_back(
        is(other_field(option.name == "src-type" ? "fib saddr type" : "fib daddr type", 32),
           *std::move(types), option.inverted));
  }
  return meaning;
}

Read<Meaning> iprange_match(const Module& match, const Context& context) {
  Meaning meaning;
  for (const Option& option : match.options) {
    auto range = read_address_range(option.values[0], context.family);
    if (!range)
      return std::unexpected(range.error());
    const Kind kind = option.name == "src-range" ? Kind::Source : Kind::Destination;
    meaning.conditions.push_back(is(field(kind), *std::move(range), option.inverted));
  }
  return meaning;
}

constexpr std::pair<std::string_view, std::uint8_t> kTosNames[] = {{"Minimize-Delay", 0x10},
                                                                   {"Maximize-Throughput", 0x08},
                                                                   {"Maximize-Reliability", 0x04},
                                                                   {"Minimize-Cost", 0x02},
                                                                   {"Normal-Service", 0x00}};

Read<Masked> read_tos(std::string_view text) {
  for (const auto& [name, value] : kTosNames)
    if (equal_words(name, text))
      return Masked{value, 0x3f};
  auto number = read_masked(text);
  if (!number)
    return refuse(fmt::format("`{}` is not a type of service", text));
  if (text.find('/') == std::string_view::npos)
    number->mask = 0xff;
  if (number->value > 0xff || number->mask > 0xff)
    return refuse(fmt::format("type of service {} is more than a byte", text));
  return number;
}

Read<Meaning> tos_match(const Module& match, const Context& context) {
  const Option* option = find(match.options, "tos");
  if (option == nullptr)
    return refuse("tos needs --tos");
  const auto tos = read_tos(option->values[0]);
  if (!tos)
    return std::unexpected(tos.error());
  // The byte is the DSCP and two bits of ECN.
  const Values dscp{.field = other_field(in_family("dscp", context.family), 6),
                    .numbers = few_masked_numbers(tos->value >> 2, tos->mask >> 2, 6),
                    .names = {}};
  const Values ecn{.field = other_field(in_family("ecn", context.family), 2),
                   .numbers = few_masked_numbers(tos->value & 3, tos->mask & 3, 2),
                   .names = {}};
  return meaning(filter::Test{.boxes = {{dscp, ecn}}, .inverted = option->inverted});
}

std::optional<std::uint8_t> parse_dscp_class(std::string_view text) {
  if (const auto number = parse_c_number(text, 63))
    return static_cast<std::uint8_t>(*number);
  if (equal_words(text, "BE"))
    return 0;
  if (equal_words(text, "EF"))
    return 46;
  if (text.size() == 3 && equal_words(text.substr(0, 2), "CS") && text[2] >= '0' && text[2] <= '7')
    return static_cast<std::uint8_t>((text[2] - '0') * 8);
  if (text.size() == 4 && equal_words(text.substr(0, 2), "AF") && text[2] >= '1' &&
      text[2] <= '4' && text[3] >= '1' && text[3] <= '3')
    return static_cast<std::uint8_t>((text[2] - '0') * 8 + (text[3] - '0') * 2);
  return std::nullopt;
}

Read<Meaning> dscp_match(const Module& match, const Context& context) {
  if (match.options.size() != 1)
    return refuse("dscp takes one of --dscp and --dscp-class");
  const Option& option = match.options[0];
  const auto dscp = parse_dscp_class(option.values[0]);
  if (!dscp)
    return refuse(fmt::format("`{}` is not a DSCP", option.values[0]));
  return meaning(is(other_field(in_family("dscp", context.family), 6), Numbers({{*dscp, *dscp}}),
                    option.inverted));
}

Read<Meaning> ttl_match(const Module& match, const Context& context) {
  const bool v6 = match.name == "hl";
  if (v6 != (context.family == Family::V6))
    return opaque(fmt::format("{} in the other family", match.name));
  if (match.options.size() != 1)
    return refuse(fmt::format("{} takes one option", match.name));
  const Option& option = match.options[0];
  const auto number = parse_c_number(option.values[0], 255);
  if (!number)
    return refuse(fmt::format("`{}` is not a number from 0 to 255", option.values[0]));
  Numbers numbers({{*number, *number}});
  if (option.name.ends_with("-lt"))
    numbers = *number == 0 ? Numbers{} : Numbers::up_to(*number - 1);
  else if (option.name.ends_with("-gt"))
    numbers = but(Numbers::up_to(*number), 8);
  return meaning(is(v6 ? other_field("ip6 hoplimit", 8) : other_field("ip ttl", 8),
                    std::move(numbers), option.inverted));
}

Read<Meaning> length_match(const Module& match, const Context&) {
  const Option* option = find(match.options, "length");
  if (option == nullptr)
    return refuse("length needs --length");
  auto range = read_range(option->values[0], 65535);
  if (!range)
    return std::unexpected(range.error());
  return meaning(is(other_field("meta length", 32), *std::move(range), option->inverted));
}

}  // namespace quay::xt
