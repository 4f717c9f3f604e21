// IP protocols, by the numbers that IANA assigns (the IPv4 protocol or IPv6 next-header field).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/address.h"

namespace quay {

// Any value from 0 to 255 is valid; those with a name here are the ones that texts may use.
enum class Protocol : std::uint8_t {
  Icmp = 1,
  Igmp = 2,
  Tcp = 6,
  Udp = 17,
  Ipv6 = 41,  // IPv6 carried in IPv4
  Gre = 47,
  Esp = 50,
  Ah = 51,
  Icmpv6 = 58,
  Vrrp = 112,
};

// True for the protocols whose packets carry ports that a rule may ask for.
bool has_ports(Protocol protocol);

// False for ICMPv6 in IPv4, and for ICMP and IGMP in IPv6.
bool exists_in(Protocol protocol, Family family);

// "tcp", "icmpv6", or the number where there is no name. "ipv6-icmp" is read as icmpv6.
std::string to_text(Protocol protocol);
std::optional<Protocol> parse_protocol(std::string_view text);

}  // namespace quay
