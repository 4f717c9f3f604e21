// The way of a packet through a host: which base chains it meets, in which order, and what it is to
// each of them.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "model/filter.h"

namespace quay::filter {

// A base chain in the order in which packets of a direction meet them.
struct Stop {
  const Table* table = nullptr;
  const Chain* chain = nullptr;
  const Base* base = nullptr;
  Direction direction = Direction::In;
  // A chain for translation that is not asked unless somebody else has conntrack at work: no rule
  // of the family's tables does.
  bool unsure = false;

  // Packets have no outgoing interface yet.
  bool before_routing() const;
  // The gateway has sent the packet on: its TTL or hop limit is one less (ip_forward, ip6_forward).
  bool sent_on() const { return direction == Direction::Forward && !before_routing(); }
};

// The base chains that packets of a direction and family meet: of devices, before routing, then the
// direction's own, and after routing. Points into `ruleset`.
std::vector<Stop> way_of(const Ruleset& ruleset, Direction direction, Family family);

// Whether nothing about two base chains tells which of them is asked first.
bool share_a_place(const Base& a, const Base& b);

// Where a device's egress is asked, the kernel tells it no incoming interface (nf_hook_egress()).
bool tells_in_interface(const Base& base);

// Whether the incoming interface of packets is not known: the host's own have one after routing
// where the kernel made them for a device, as IGMP, neighbour discovery and tunnels do
// (ip_output(), ip6_output()).
bool hides_in_interface(const Stop& stop);

// Whether the packet is on a device, which has a type ("meta iiftype", in spite of its name): the
// one that it came in by, and once it has been routed the one that it leaves by.
const Field& is_on_device();
bool is_leaving(const Stop& stop);

// Some fields the kernel computes on a packet's way, as its socket once it is routed or its link
// header once it leaves. Where they are something else, they are fields of their own: "meta skuid
// before routing", "ether daddr at egress". Nullopt: there is no such place.
std::optional<Field> other_form(const Field& field);
// The form of a field that a stop asks for.
Field as_asked(const Field& field, const Stop& stop);

// What rules have assigned to a packet by now; nullopt: what, is not known.
using Assigned = std::map<Field, std::optional<Number>>;

// Whether the kernel looks for another route when a packet that leaves was assigned this
// (nf_nat_ipv4_local_fn(), nft_route_hook4(), and for IPv6).
bool reroutes(const Field& field);
// Stands for assigned fields that nobody asks for, and that reroute.
const Field& rerouted();
// Whether a packet comes to a stop on a route that was looked for again, and so is not known.
bool loses_route(const Assigned& assigned, std::span<const Stop> way, std::size_t stop);
// What is another one on another route: the outgoing interface, and more.
bool follows_route(const Field& field);

// Takes from what was assigned what says nothing any more at a stop of a packet's way: where the
// gateway has counted the hop; behind conntrack what was written to an entry before there was one,
// for packets of lo have one; and what the kernel has computed anew.
void settle(Assigned& assigned, std::span<const Stop> way, std::size_t stop);

// The states of the packets that chains for translation see: the first of a flow.
Numbers first_packets();

// Of the first packets those that pass a chain for translation by all the same: errors that belong
// to a flow (nf_nat_inet_fn()), and packets of lo where they come in, for how their flow is
// translated was settled when they left.
std::vector<Box> past_translation(const Base& base);

// Before conntrack has looked at a packet it has no entry, and its state reads as invalid; except
// that packets of lo come in with the one that they left with, and that of those that the host
// sends, what rejects something is related to its flow already (nf_ct_attach()).
//
// A chain of conntrack's own priority is taken to be behind it; which came first, no listing tells.
bool is_before_conntrack(const Base& base);
bool is_beside_conntrack(const Base& base);
Values comes_tracked();
Values may_leave_tracked();

}  // namespace quay::filter
