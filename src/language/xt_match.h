// What the matches of iptables say of a packet.
//
// The facts are iptables-extensions(8) and the kernel's net/netfilter/xt_*.c. A match that the
// model has no fields for stands as an atom, "xt string --algo bm --string x", and is named as
// unknown. Matches that hold for every packet (comment, `recent --set`) say nothing.
#pragma once

#include "language/xt_meaning.h"

namespace quay::xt {

// Refuses, never opaque, what iptables would not load.
Read<Meaning> meaning_of(const Module& match, const Context& context);

// The matches of one subject; each takes modules of its names alone.
Read<Meaning> tcp_match(const Module& match, const Context& context);
Read<Meaning> ports_match(const Module& match, const Context& context);  // udp, sctp, dccp, udplite
Read<Meaning> multiport_match(const Module& match, const Context& context);
Read<Meaning> tcpmss_match(const Module& match, const Context& context);
Read<Meaning> ecn_match(const Module& match, const Context& context);
Read<Meaning> icmp_match(const Module& match, const Context& context);  // icmp and icmp6
Read<Meaning> spi_match(const Module& match, const Context& context);   // esp, ah, ipcomp

Read<Meaning> conntrack_match(const Module& match, const Context& context);  // and state
Read<Meaning> connmark_match(const Module& match, const Context& context);
Read<Meaning> helper_match(const Module& match, const Context& context);

Read<Meaning> addrtype_match(const Module& match, const Context& context);
Read<Meaning> iprange_match(const Module& match, const Context& context);
Read<Meaning> tos_match(const Module& match, const Context& context);
Read<Meaning> dscp_match(const Module& match, const Context& context);
Read<Meaning> ttl_match(const Module& match, const Context& context);  // and hl
Read<Meaning> length_match(const Module& match, const Context& context);

Read<Meaning> mac_match(const Module& match, const Context& context);
Read<Meaning> mark_match(const Module& match, const Context& context);
Read<Meaning> owner_match(const Module& match, const Context& context);
Read<Meaning> pkttype_match(const Module& match, const Context& context);
Read<Meaning> group_match(const Module& match, const Context& context);  // devgroup and realm
Read<Meaning> cgroup_match(const Module& match, const Context& context);
Read<Meaning> cpu_match(const Module& match, const Context& context);
Read<Meaning> time_match(const Module& match, const Context& context);

// 0 to 63: a number or a class as "EF", "AF11", "CS1", "BE".
std::optional<std::uint8_t> parse_dscp_class(std::string_view text);

// A number, with its mask of 8 bits, or a name as "Minimize-Delay", whose mask is 0x3f.
Read<Masked> read_tos(std::string_view text);

}  // namespace quay::xt
