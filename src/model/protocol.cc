#include "model/protocol.h"

#include <array>
#include <utility>

#include "base/text.h"

namespace quay {
namespace {

constexpr std::array<std::pair<Protocol, std::string_view>, 10> kNames{{
    {Protocol::Icmp, "icmp"},
    {Protocol::Igmp, "igmp"},
    {Protocol::Tcp, "tcp"},
    {Protocol::Udp, "udp"},
    {Protocol::Ipv6, "ipv6"},
    {Protocol::Gre, "gre"},
    {Protocol::Esp, "esp"},
    {Protocol::Ah, "ah"},
    {Protocol::Icmpv6, "icmpv6"},
    {Protocol::Vrrp, "vrrp"},
}};

}  // namespace

bool has_ports(Protocol protocol) {
  return protocol == Protocol::Tcp || protocol == Protocol::Udp;
}

bool exists_in(Protocol protocol, Family family) {
  return family == Family::V4 ? protocol != Protocol::Icmpv6
                              : protocol != Protocol::Icmp && protocol != Protocol::Igmp;
}

std::string to_text(Protocol protocol) {
  for (const auto& [value, name] : kNames)
    if (value == protocol)
      return std::string(name);
  return std::to_string(static_cast<int>(protocol));
}

std::optional<Protocol> parse_protocol(std::string_view text) {
  for (const auto& [value, name] : kNames)
    if (name == text)
      return value;
  if (text == "ipv6-icmp")
    return Protocol::Icmpv6;
  if (const auto number = parse_number(text, 255))
    return static_cast<Protocol>(*number);
  return std::nullopt;
}

}  // namespace quay
