// What a packet filter does with one packet, rule by rule: for explanations, and as the second,
// plain opinion that diagrams are held against.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/filter.h"

namespace quay::filter {

// What becomes of a packet. A set, because of what is not known.
using Fate = std::uint32_t;
inline constexpr Fate kAccepted = 2;
inline constexpr Fate kDropped = 4;
inline constexpr Fate kRejected = 8;
inline constexpr Fate kAnyFate = kAccepted | kDropped | kRejected;

// A base chain in the order in which packets meet them.
struct Stop {
  const Table* table = nullptr;
  const Chain* chain = nullptr;
  const Base* base = nullptr;
  // Before the packet is routed it has no outgoing interface.
  bool before_routing = false;
  // After the gateway has sent it on, its TTL or hop limit is one less (ip_forward, ip6_forward).
  bool sent_on = false;
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

// A rule that matched, or with `rule` null the policy of a base chain.
struct Step {
  const Table* table = nullptr;
  const Chain* chain = nullptr;
  const Rule* rule = nullptr;
  Verdict verdict;
};

struct Walk {
  Fate fate = 0;
  std::vector<Step> steps;  // of one way through; where something is unknown, one of several
};

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

// Which chain a jump leads to; nullptr when there is none of that name.
const Chain* chain_of(const Table& table, const std::string& name);

Walk walk(const Ruleset& ruleset, const Point& packet);
// On some of a ruleset's base chains alone.
Walk walk(std::span<const Stop> way, const Point& packet);

}  // namespace quay::filter
