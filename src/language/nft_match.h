// The matches of a rule, in nft(8)'s language.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/rule.h"

namespace quay {

// The spellings of `match`, spelled as nft prints them: together they match the same packets. One
// text for each combination of its values, because a rule must not hold an anonymous set: its
// elements vanish from under a packet that is on its way while a transaction lands. Each text
// ends with a blank, and is empty when the match takes every packet.
std::vector<std::string> nft_matches(const Match& match, Direction direction);

// The same for a rule with an end: `meta time < SECONDS `, counted from 1970 in UTC.
std::string nft_until(const std::optional<TimePoint>& until);

// As nft prints it: "tcp", "ipv6-icmp".
std::string nft_protocol_name(Protocol protocol);

// "iifname" or "oifname": a routed packet is told by where it comes in.
std::string nft_interface_key(Direction direction);

}  // namespace quay
