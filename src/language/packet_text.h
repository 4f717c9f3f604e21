// Packet sentences: a packet, or many at once, in the words of a person.
//
//   in on eth1 1883/tcp from 203.0.113.7
//   out on eth0 47808/udp sport 47808 to 10.1.0.255
//   in on wan tcp/1-1024
//   in icmp type echo-request
//
// The direction comes first, the rest in any order:
//   on NAME            the interface, by the policy's name or the kernel's
//   PORTS/PROTOCOL     or PROTOCOL/PORTS, the destination port; PROTOCOL alone is tcp, udp, icmp,
//                      icmpv6 or any other; PORTS alone is TCP and UDP
//   from, to ADDRESS   addresses or prefixes
//   sport PORTS        the source port
//   type NAME          of ICMP or ICMPv6, by name or number
//   state NAME         new (unless given), established, related, invalid, untracked
// What is left out means any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/packet_query.h"

namespace quay {

Result<PacketQuery> parse_packet(const std::vector<std::string>& words);
Result<PacketQuery> parse_packet(std::string_view sentence);

// Parses back to an equal query.
std::string to_text(const PacketQuery& query);

// One packet in the same words.
std::string to_text(const Packet& packet);

}  // namespace quay
