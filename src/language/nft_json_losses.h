// What nft's JSON does not tell of a rule, or tells as it is not: nft leaves out conditions that it
// takes for implied by others. Seen with nft 1.0.6, whose listings the kernel was asked about.
#pragma once

#include "model/filter.h"

namespace quay::nft_json {

// The rule as far as it can be believed. Becomes a stateful atom:
//   families that contradict each other: which of them was asked is not told
//   neighbouring header fields that must both differ: before 1.1 the kernel asks whether either
//   does
// Not to be seen here, and of no packet that there should be:
//   a family beside ICMP or ICMPv6: `meta nfproto ipv4 meta l4proto icmp` is listed without it, so
//   that ICMP in IPv6 packets seems to match, and ICMPv6 in IPv4 ones
//   a protocol without ports before `th dport`, or beside `meta l4proto . th dport`
filter::Rule settled(filter::Rule rule);

}  // namespace quay::nft_json
