// A second engine: the same sets of packets as binary decision diagrams, by the BuDDy library.
#pragma once

#include <vector>

#include <bdd.h>

#include "packetset/box.h"

namespace quay {

// Packets of IPv4. One at a time in a process; `names` outlives it.
class Buddy {
 public:
  Buddy(const InterfaceNames& names, int nodes) : all_interfaces_(names.all()) {
    bdd_init(nodes, nodes / 8);
    bdd_setmaxincrease(nodes);
    bdd_gbc_hook(nullptr);
    bdd_setvarnum(kVariables);
  }
  ~Buddy() { bdd_done(); }
  Buddy(const Buddy&) = delete;
  Buddy& operator=(const Buddy&) = delete;

  bdd of(const Box& box) const {
    bdd result = bdd_true();
    for (int field = 0; field < kFields; ++field)
      result &= field_set(box, field);
    return result;
  }

  // The packets that a first-match list accepts, put together by halves; `whole` are all packets.
  struct Rule {
    bdd packets;
    bool accepts = false;
  };
  static bdd accepted(const std::vector<Rule>& rules) {
    return rules.empty() ? bdd_false() : fold(rules, 0, rules.size()).accepted;
  }

  // How much of all packets is in a set.
  double share(const bdd& set) const {
    const bdd whole =
        interval_set(all_interfaces_, kInterface) & interval_set(all_states(), kState);
    return bdd_satcount(set & whole) / bdd_satcount(whole);
  }

 private:
  // Fields in the order in which they are asked for, as our own diagrams ask.
  static constexpr int kState = 0;
  static constexpr int kProtocol = 1;
  static constexpr int kSource = 2;
  static constexpr int kDestination = 3;
  static constexpr int kDestinationPort = 4;
  static constexpr int kSourcePort = 5;
  static constexpr int kIcmpType = 6;
  static constexpr int kInterface = 7;
  static constexpr int kFields = 8;
  static constexpr int kBits[kFields] = {3, 8, 32, 32, 16, 16, 8, 6};
  static constexpr int kVariables = 3 + 8 + 32 + 32 + 16 + 16 + 8 + 6;

  struct Part {
    bdd accepted;
    bdd decided;
  };
  static Part fold(const std::vector<Rule>& rules, std::size_t begin, std::size_t end) {
    if (end - begin == 1)
      return {rules[begin].accepts ? rules[begin].packets : bdd_false(), rules[begin].packets};
    const std::size_t half = begin + (end - begin) / 2;
    const Part first = fold(rules, begin, half);
    const Part then = fold(rules, half, end);
    return {first.accepted | (then.accepted - first.decided), first.decided | then.decided};
  }

  static IntervalSet<std::uint8_t> all_states() {
    return IntervalSet<std::uint8_t>::up_to(kStates - 1);
  }
  static int first_variable(int field) {
    int variable = 0;
    for (int i = 0; i < field; ++i)
      variable += kBits[i];
    return variable;
  }
  // Values up to `last`, or from `first` on; the first variable is the highest bit.
  static bdd at_most(unsigned long long last, int field) {
    bdd result = bdd_true();
    for (int bit = 0; bit < kBits[field]; ++bit) {
      const bdd variable = bdd_ithvar(first_variable(field) + kBits[field] - 1 - bit);
      result = (last >> bit & 1) != 0 ? (!variable) | result : (!variable) & result;
    }
    return result;
  }
  static bdd at_least(unsigned long long first, int field) {
    bdd result = bdd_true();
    for (int bit = 0; bit < kBits[field]; ++bit) {
      const bdd variable = bdd_ithvar(first_variable(field) + kBits[field] - 1 - bit);
      result = (first >> bit & 1) != 0 ? variable & result : variable | result;
    }
    return result;
  }
  template <typename Number>
  static bdd interval_set(const IntervalSet<Number>& set, int field) {
    bdd result = bdd_false();
    for (const auto& [first, last] : set.intervals())
      result |= at_least(static_cast<unsigned long long>(first), field) &
                at_most(static_cast<unsigned long long>(last), field);
    return result;
  }
  static bdd field_set(const Box& box, int field) {
    switch (field) {
      case kState:
        return interval_set(box.states, field);
      case kProtocol:
        return interval_set(box.protocols, field);
      case kSource:
        return interval_set(box.sources, field);
      case kDestination:
        return interval_set(box.destinations, field);
      case kDestinationPort:
        return interval_set(box.destination_ports, field);
      case kSourcePort:
        return interval_set(box.source_ports, field);
      case kIcmpType:
        return interval_set(box.icmp_types, field);
      default:
        return interval_set(box.interfaces, field);
    }
  }

  IntervalSet<std::uint16_t> all_interfaces_;
};

}  // namespace quay
