#include "language/xt_icmp_names.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <span>
#include <string>

#include "language/xt_meaning.h"

namespace quay::xt {

using filter::Number;
using filter::Numbers;

namespace {

struct IcmpName {
  std::string_view name;
  std::uint8_t type = 0;
  int code = -1;  // -1: any
};

// `iptables -p icmp -h` and `ip6tables -p icmpv6 -h`.
constexpr IcmpName kV4[] = {
    {"echo-reply", 0},
    {"pong", 0},
    {"destination-unreachable", 3},
    {"network-unreachable", 3, 0},
    {"host-unreachable", 3, 1},
    {"protocol-unreachable", 3, 2},
    {"port-unreachable", 3, 3},
    {"fragmentation-needed", 3, 4},
    {"source-route-failed", 3, 5},
    {"network-unknown", 3, 6},
    {"host-unknown", 3, 7},
    {"network-prohibited", 3, 9},
    {"host-prohibited", 3, 10},
    {"tos-network-unreachable", 3, 11},
    {"tos-host-unreachable", 3, 12},
    {"communication-prohibited", 3, 13},
    {"host-precedence-violation", 3, 14},
    {"precedence-cutoff", 3, 15},
    {"source-quench", 4},
    {"redirect", 5},
    {"network-redirect", 5, 0},
    {"host-redirect", 5, 1},
    {"tos-network-redirect", 5, 2},
    {"tos-host-redirect", 5, 3},
    {"echo-request", 8},
    {"ping", 8},
    {"router-advertisement", 9},
    {"router-solicitation", 10},
    {"time-exceeded", 11},
    {"ttl-exceeded", 11},
    {"ttl-zero-during-transit", 11, 0},
    {"ttl-zero-during-reassembly", 11, 1},
    {"parameter-problem", 12},
    {"ip-header-bad", 12, 0},
    {"required-option-missing", 12, 1},
    {"timestamp-request", 13},
    {"timestamp-reply", 14},
    {"address-mask-request", 17},
    {"address-mask-reply", 18},
};
constexpr IcmpName kV6[] = {
    {"destination-unreachable", 1},
    {"no-route", 1, 0},
    {"communication-prohibited", 1, 1},
    {"beyond-scope", 1, 2},
    {"address-unreachable", 1, 3},
    {"port-unreachable", 1, 4},
    {"failed-policy", 1, 5},
    {"reject-route", 1, 6},
    {"packet-too-big", 2},
    {"time-exceeded", 3},
    {"ttl-exceeded", 3},
    {"ttl-zero-during-transit", 3, 0},
    {"ttl-zero-during-reassembly", 3, 1},
    {"parameter-problem", 4},
    {"bad-header", 4, 0},
    {"unknown-header-type", 4, 1},
    {"unknown-option", 4, 2},
    {"echo-request", 128},
    {"ping", 128},
    {"echo-reply", 129},
    {"pong", 129},
    {"mld-listener-query", 130},
    {"mld-listener-report", 131},
    {"mld-listener-done", 132},
    {"mld-listener-reduction", 132},
    {"router-solicitation", 133},
    {"router-advertisement", 134},
    {"neighbour-solicitation", 135},
    {"neighbor-solicitation", 135},
    {"neighbour-advertisement", 136},
    {"neighbor-advertisement", 136},
    {"redirect", 137},
};

Numbers values_of(std::uint64_t type, std::uint64_t first_code, std::uint64_t last_code) {
  return Numbers({{type << 8 | first_code, type << 8 | last_code}});
}

std::optional<Numbers> parse_numbers(std::string_view text, Family family) {
  const std::size_t slash = text.find('/');
  const auto type = parse_c_number(text.substr(0, slash), 255);
  if (!type)
    return std::nullopt;
  // The kernel takes a wanted type of 255 for any, in IPv4 alone.
  if (*type == 255 && family == Family::V4)
    return Numbers::up_to(0xffff);
  if (slash == std::string_view::npos)
    return values_of(*type, 0, 255);
  const auto code = parse_c_number(text.substr(slash + 1), 255);
  if (!code)
    return std::nullopt;
  return values_of(*type, *code, *code);
}

const IcmpName* find_name(std::span<const IcmpName> names, std::string_view text) {
  const IcmpName* found = nullptr;
  for (const IcmpName& name : names) {
    if (name.name == text)
      return &name;
    if (!name.name.starts_with(text))
      continue;
    if (found != nullptr)
      return nullptr;
    found = &name;
  }
  return found;
}

}  // namespace

std::optional<Numbers> parse_icmp_types(std::string_view text, Family family) {
  if (text.empty())
    return std::nullopt;
  if (std::isdigit(static_cast<unsigned char>(text[0])) != 0)
    return parse_numbers(text, family);
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "any" && family == Family::V4)
    return Numbers::up_to(0xffff);
  const IcmpName* name = find_name(
      family == Family::V4 ? std::span<const IcmpName>(kV4) : std::span<const IcmpName>(kV6),
      lower);
  if (name == nullptr)
    return std::nullopt;
  const auto code = static_cast<std::uint64_t>(name->code);
  return name->code < 0 ? values_of(name->type, 0, 255) : values_of(name->type, code, code);
}

}  // namespace quay::xt
