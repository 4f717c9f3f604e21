#include "language/icmp_names.h"

#include <array>
#include <span>
#include <utility>

#include "base/text.h"

namespace quay {
namespace {

using Name = std::pair<std::uint8_t, std::string_view>;

// IANA's ICMP and ICMPv6 parameters.
constexpr std::array<Name, 15> kIcmp{{
    {0, "echo-reply"},
    {3, "destination-unreachable"},
    {4, "source-quench"},
    {5, "redirect"},
    {8, "echo-request"},
    {9, "router-advertisement"},
    {10, "router-solicitation"},
    {11, "time-exceeded"},
    {12, "parameter-problem"},
    {13, "timestamp-request"},
    {14, "timestamp-reply"},
    {15, "info-request"},
    {16, "info-reply"},
    {17, "address-mask-request"},
    {18, "address-mask-reply"},
}};
constexpr std::array<Name, 19> kIcmpv6{{
    {1, "destination-unreachable"},  {2, "packet-too-big"},         {3, "time-exceeded"},
    {4, "parameter-problem"},        {128, "echo-request"},         {129, "echo-reply"},
    {130, "mld-listener-query"},     {131, "mld-listener-report"},  {132, "mld-listener-done"},
    {132, "mld-listener-reduction"}, {133, "nd-router-solicit"},    {134, "nd-router-advert"},
    {135, "nd-neighbor-solicit"},    {136, "nd-neighbor-advert"},   {137, "nd-redirect"},
    {138, "router-renumbering"},     {141, "ind-neighbor-solicit"}, {142, "ind-neighbor-advert"},
    {143, "mld2-listener-report"},
}};

std::span<const Name> names(Protocol protocol) {
  return protocol == Protocol::Icmpv6 ? std::span<const Name>(kIcmpv6)
                                      : std::span<const Name>(kIcmp);
}

}  // namespace

std::string icmp_type_name(Protocol protocol, std::uint8_t type) {
  for (const auto& [number, name] : names(protocol))
    if (number == type)
      return std::string(name);
  return std::to_string(type);
}

std::optional<std::uint8_t> parse_icmp_type(Protocol protocol, std::string_view text) {
  for (const auto& [number, name] : names(protocol))
    if (name == text)
      return number;
  if (const auto number = parse_number(text, 255))
    return static_cast<std::uint8_t>(*number);
  return std::nullopt;
}

}  // namespace quay
