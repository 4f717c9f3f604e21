// Sets of packets as boxes: one set of values for each field, all combinations of them.
//
// A rule's match is a box (per IP family), and so is a question about packets. Taking one box out
// of another leaves boxes, which is enough to say exactly which rule decides which part of a
// question. Everything is pure; results own what they hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/packet_query.h"
#include "model/rule.h"

namespace quay {

// The interfaces that an analysis tells apart, each by a small number. Number 0 stands for every
// interface that is not listed.
class InterfaceNames {
 public:
  // Collects the names that the rules mention; a wildcard stands for an interface of its own
  // beside the listed ones that it matches.
  explicit InterfaceNames(const RuleList& rules);
  void add(const std::string& name);
  void add(const RuleList& rules);

  IntervalSet<std::uint16_t> all() const;
  IntervalSet<std::uint16_t> matching(const InterfaceName& pattern) const;
  // "eth0"; number 0 is "any other interface".
  std::string text(std::uint16_t number) const;

 private:
  std::vector<std::string> names_;  // a wildcard's own interface is named as the wildcard
};

// Packets of one direction and one family.
struct Box {
  IntervalSet<std::uint16_t> interfaces;  // numbers of InterfaceNames
  IntervalSet<AddressBits> sources;
  IntervalSet<AddressBits> destinations;
  IntervalSet<std::uint8_t> protocols;
  // Meaningless, and then complete, for protocols without ports or types.
  PortSet source_ports;
  PortSet destination_ports;
  IntervalSet<std::uint8_t> icmp_types;
  IntervalSet<std::uint8_t> states;  // numbers of State

  bool empty() const;
  bool operator==(const Box&) const = default;
};

// The packets of `family` that a match or a query describes; an empty box when there are none.
Box box_of(const Match& match, Family family, const InterfaceNames& names);
Box box_of(const PacketQuery& query, Family family, const InterfaceNames& names);

Box intersect(const Box& a, const Box& b);
// Disjoint boxes, together the packets of `a` that are not in `b`.
std::vector<Box> subtract(const Box& a, const Box& b);

// Some packet of a box that is not empty. Its interface is empty when it is one that no rule names.
Packet any_packet(const Box& box, Direction direction, Family family, const InterfaceNames& names);

}  // namespace quay
