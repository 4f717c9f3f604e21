// ICMP types and codes, as iptables and ip6tables spell them.
#pragma once

#include <optional>
#include <string_view>

#include "model/address.h"
#include "model/filter.h"

namespace quay::xt {

// "8", "3/1", "0x8", "echo-request", "host-unreachable": the values type * 256 + code that are
// meant. "any" and, in IPv4, 255 are all of them. Names are taken in any case, and cut short where
// only one begins so. Nullopt when it is none of that.
std::optional<filter::Numbers> parse_icmp_types(std::string_view text, Family family);

}  // namespace quay::xt
