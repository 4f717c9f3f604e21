// Matches and targets of iptables as the kernel keeps them, back in the words of iptables: what
// they mean is then said in one place, for dumps and for texts (xt_match.h, xt_target.h).
//
// Layouts are those of linux/netfilter/xt_*.h, linux/netfilter_ipv4 and linux/netfilter_ipv6, by
// name and revision.
#pragma once

#include "language/xt_rule.h"
#include "model/address.h"
#include "model/ruleset.h"

namespace quay::xt {

// What is not understood of it stands in `strange`: "match foo rev 3".
Module module_of(const nft::XtMatch& match, Family family);
Module module_of(const nft::XtTarget& target, Family family);

}  // namespace quay::xt
