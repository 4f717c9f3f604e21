// The way of a packet through a host: which base chains it meets, in which order, and what it is to
// each of them.
#pragma once

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

  // Packets have no outgoing interface yet.
  bool before_routing() const;
  // The gateway has sent the packet on: its TTL or hop limit is one less (ip_forward, ip6_forward).
  bool sent_on() const { return direction == Direction::Forward && !before_routing(); }
};

// The base chains that packets of a direction and family meet: of devices, before routing, then the
// direction's own, and after routing. Points into `ruleset`.
std::vector<Stop> way_of(const Ruleset& ruleset, Direction direction, Family family);

// Where a device's egress is asked, the kernel tells it no incoming interface (nf_hook_egress()).
bool tells_in_interface(const Base& base);

// Whether what was assigned to a field says nothing any more at this stop of a packet's way, just
// behind the gateway, which counts the hop, or conntrack: what is written to an entry before there
// is one is lost, and packets of lo have one.
bool is_forgotten(const Field& field, std::span<const Stop> way, std::size_t stop);

// The states of the packets that chains for translation see: the first of a flow.
Numbers first_packets();

// Of the first packets those that pass a chain for translation by all the same: errors that belong
// to a flow (nf_nat_inet_fn()), and packets of lo where they come in, for how their flow is
// translated was settled when they left.
std::vector<Box> past_translation(const Base& base);

// Before conntrack has looked at a packet it has no entry, and its state reads as invalid; except
// that packets of lo come in with the one that they left with.
bool is_before_conntrack(const Base& base);
Values comes_tracked();

}  // namespace quay::filter
