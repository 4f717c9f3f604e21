// The numbers of IP protocols by all the names that tools print for them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace quay {

// A number from 0 to 255 or a name of IANA's list as protocols(5) spells it, in any case:
// "tcp", "ipv6-icmp", "hopopt". "ip" is 0. Nullopt when it is neither.
std::optional<std::uint8_t> parse_protocol_number(std::string_view text);

}  // namespace quay
