// Names of ICMP and ICMPv6 types, as nft(8) spells them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/protocol.h"

namespace quay {

// The number where the type has no name.
std::string icmp_type_name(Protocol protocol, std::uint8_t type);

// A name or a number from 0 to 255.
std::optional<std::uint8_t> parse_icmp_type(Protocol protocol, std::string_view text);

}  // namespace quay
