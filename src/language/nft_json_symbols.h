// The words that nft(8) writes for the numbers of some fields.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/filter.h"

namespace quay::nft_json {

// How nft spells the values of a field.
enum class Spelling : std::uint8_t {
  Number,
  Address,
  Mac,
  Interface,  // a name, no number
  Protocol,   // "tcp"
  EtherType,  // "ip6"
  NfProto,    // "ipv6"
  IcmpType,
  IcmpCode,
  Icmpv6Type,
  Icmpv6Code,
  IgmpType,
  DccpType,
  Dscp,
  Ecn,
  State,   // a bit for each state: enum ip_conntrack_info, linux/netfilter/nf_conntrack_common.h
  Status,  // bits: enum ip_conntrack_status
  Direction,
  TcpFlags,  // bits
  PacketType,
  LinkType,
  Day,
  RouteType,   // "local": linux/rtnetlink.h
  QueueClass,  // "1:a" of meta priority
  Group,       // "default"
};

// True when a value is a set of bits, so that "in" asks for any of them.
bool is_bits(Spelling spelling);

// The number of a word; decimal and, after 0x, hexadecimal digits are words of every spelling but
// Interface. Nullopt for any other word.
std::optional<filter::Number> number_of(Spelling spelling, std::string_view word);

}  // namespace quay::nft_json
