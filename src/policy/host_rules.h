// What a host needs in order to work at all, whatever the profile.
#pragma once

#include "model/rule.h"

namespace quay {

// Spoofed loopback, flows already accepted, loopback, the tunnel `ip70`; ICMP errors and echo
// (RFC 1122, RFC 4890), IPv6 neighbour discovery (RFC 4861), IGMP and MLD (RFC 3376, RFC 3810),
// DHCP of both families (RFC 2131, RFC 8415). `direction` is In or Out.
RuleList host_rules(Direction direction);

}  // namespace quay
