// What nft's JSON does not tell of a rule, or tells as it is not: nft leaves out conditions that it
// takes for implied by others. Seen with nft 1.0.6, whose listings the kernel was asked about.
#pragma once

#include <vector>

#include "model/filter.h"

namespace quay::nft_json {

// The rule as far as it can be believed; two rules where packets of one family only may be meant.
// Becomes a stateful atom:
//   families that contradict each other: which of them was asked is not told
//   the protocol, where bytes of the transport header are asked for and no protocol is
//   neighbouring header fields that must both differ: before 1.1 the kernel asks whether either
//   does ICMP and ICMPv6 in packets of the other family
// Not to be seen here: one of two conditions on the protocol (`ip protocol 89 meta l4proto . th
// dport` is listed without its beginning).
std::vector<filter::Rule> settled(filter::Rule rule, filter::TableFamily family);

}  // namespace quay::nft_json
