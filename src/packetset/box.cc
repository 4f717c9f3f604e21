#include "packetset/box.h"

#include <algorithm>
#include <initializer_list>

namespace quay {
namespace {

template <typename Number>
IntervalSet<Number> only(const std::vector<Number>& values, Number most) {
  if (values.empty())
    return IntervalSet<Number>::up_to(most);
  std::vector<Interval<Number>> intervals;
  intervals.reserve(values.size());
  for (const Number value : values)
    intervals.push_back({value, value});
  return IntervalSet<Number>(std::move(intervals));
}

IntervalSet<std::uint8_t> protocol_set(const std::vector<Protocol>& protocols) {
  std::vector<std::uint8_t> numbers;
  numbers.reserve(protocols.size());
  for (const Protocol protocol : protocols)
    numbers.push_back(static_cast<std::uint8_t>(protocol));
  return only<std::uint8_t>(numbers, 255);
}

IntervalSet<AddressBits> address_set(const std::vector<Prefix>& prefixes, Family family) {
  if (prefixes.empty())
    return IntervalSet<AddressBits>({every_address(family).range()});
  std::vector<Interval<AddressBits>> ranges;
  for (const Prefix& prefix : prefixes)
    if (prefix.family() == family)
      ranges.push_back(prefix.range());
  return IntervalSet<AddressBits>(std::move(ranges));
}

// The addresses of a question: any but loopback's where it does not say.
IntervalSet<AddressBits> asked_addresses(const PacketQuery& query,
                                         const std::optional<Prefix>& prefix, Family family) {
  if (prefix || query.interface == kLoopback.text)
    return address_set(prefix ? std::vector{*prefix} : std::vector<Prefix>{}, family);
  return address_set({}, family).subtract(address_set({loopback_prefix(family)}, family));
}

IntervalSet<std::uint8_t> state_set(StateSet states) {
  std::vector<Interval<std::uint8_t>> numbers;
  for (std::uint8_t i = 0; i < kStates; ++i)
    if ((states & bit(static_cast<State>(i))) != 0)
      numbers.push_back({i, i});
  return IntervalSet<std::uint8_t>(std::move(numbers));
}

}  // namespace

InterfaceNames::InterfaceNames(const RuleList& rules) : names_{"any other interface"} {
  add(rules);
}

void InterfaceNames::add(const RuleList& rules) {
  for (const Rule& rule : rules)
    if (rule.match.interface)
      add(rule.match.interface->text);
}

void InterfaceNames::add(const std::string& name) {
  if (std::find(names_.begin(), names_.end(), name) == names_.end())
    names_.push_back(name);
}

IntervalSet<std::uint16_t> InterfaceNames::all() const {
  return IntervalSet<std::uint16_t>::up_to(static_cast<std::uint16_t>(names_.size() - 1));
}

IntervalSet<std::uint16_t> InterfaceNames::matching(const InterfaceName& pattern) const {
  std::vector<Interval<std::uint16_t>> numbers;
  for (std::size_t i = 1; i < names_.size(); ++i) {
    const auto number = static_cast<std::uint16_t>(i);
    if (pattern.matches(names_[i]))
      numbers.push_back({number, number});
  }
  return IntervalSet<std::uint16_t>(std::move(numbers));
}

std::string InterfaceNames::text(std::uint16_t number) const {
  return names_.at(number);
}

bool Box::empty() const {
  return interfaces.empty() || sources.empty() || destinations.empty() || protocols.empty() ||
         source_ports.empty() || destination_ports.empty() || icmp_types.empty() || states.empty();
}

Box box_of(const Match& match, Family family, const InterfaceNames& names) {
  Box box;
  if (match.family && *match.family != family)
    return box;
  box.interfaces = names.all();
  if (match.interface) {
    const auto named = names.matching(*match.interface);
    box.interfaces = match.interface_is_not ? box.interfaces.subtract(named) : named;
  }
  box.sources = address_set(match.sources, family);
  box.destinations = address_set(match.destinations, family);
  box.protocols = protocol_set(match.protocols);
  box.source_ports = match.source_ports.value_or(every_port());
  box.destination_ports = match.destination_ports.value_or(every_port());
  box.icmp_types = only<std::uint8_t>(match.icmp_types, 255);
  box.states = state_set(match.states);
  return box;
}

Box box_of(const PacketQuery& query, Family family, const InterfaceNames& names) {
  Box box;
  box.interfaces = query.interface.empty() ? names.all().subtract(names.matching(kLoopback))
                                           : names.matching(InterfaceName{query.interface});
  box.sources = asked_addresses(query, query.source, family);
  box.destinations = asked_addresses(query, query.destination, family);
  box.protocols = protocol_set(query.protocols);
  for (const Protocol protocol : query.protocols)
    if (!exists_in(protocol, family))
      box.protocols = box.protocols.subtract(protocol_set({protocol}));
  box.source_ports = query.source_ports.value_or(every_port());
  box.destination_ports = query.destination_ports.value_or(every_port());
  box.icmp_types = only<std::uint8_t>(
      query.icmp_type ? std::vector{*query.icmp_type} : std::vector<std::uint8_t>{}, 255);
  box.states = state_set(bit(query.state));
  return box;
}

Box intersect(const Box& a, const Box& b) {
  return {
      a.interfaces.intersect(b.interfaces),     a.sources.intersect(b.sources),
      a.destinations.intersect(b.destinations), a.protocols.intersect(b.protocols),
      a.source_ports.intersect(b.source_ports), a.destination_ports.intersect(b.destination_ports),
      a.icmp_types.intersect(b.icmp_types),     a.states.intersect(b.states)};
}

std::vector<Box> subtract(const Box& a, const Box& b) {
  const Box common = intersect(a, b);
  if (common.empty())
    return {a};
  std::vector<Box> rest;
  Box head = a;  // the fields already handled are narrowed to the common ones
  const auto cut = [&](auto field) {
    Box piece = head;
    piece.*field = (a.*field).subtract(b.*field);
    if (!piece.empty())
      rest.push_back(std::move(piece));
    head.*field = common.*field;
  };
  cut(&Box::interfaces);
  cut(&Box::protocols);
  cut(&Box::states);
  cut(&Box::destination_ports);
  cut(&Box::source_ports);
  cut(&Box::icmp_types);
  cut(&Box::sources);
  cut(&Box::destinations);
  return rest;
}

namespace {

// A member of the set: one that reads like a real packet's where the set has it.
template <typename Number>
Number pick(const IntervalSet<Number>& set, std::initializer_list<Number> likely) {
  for (const Number number : likely)
    if (set.contains(number))
      return number;
  return set.intervals().front().first;
}

Address pick_address(const IntervalSet<AddressBits>& set, Family family, const char* v4,
                     const char* v6) {
  return {family, pick(set, {parse_address(family == Family::V4 ? v4 : v6)->bits})};
}

}  // namespace

Packet any_packet(const Box& box, Direction direction, Family family, const InterfaceNames& names) {
  const std::uint16_t interface = box.interfaces.intervals().back().last;
  return {.direction = direction,
          .interface = interface == 0 ? "" : names.text(interface),
          .source = pick_address(box.sources, family, "198.51.100.7", "2001:db8::7"),
          .destination = pick_address(box.destinations, family, "192.0.2.1", "2001:db8::1"),
          .protocol = static_cast<Protocol>(pick<std::uint8_t>(box.protocols, {6, 17, 1, 58})),
          .source_port = pick<Port>(box.source_ports, {40000}),
          .destination_port = pick<Port>(box.destination_ports, {40000, 1}),
          .icmp_type = pick<std::uint8_t>(box.icmp_types, {8, 128}),
          .state = static_cast<State>(pick<std::uint8_t>(box.states, {0}))};
}

}  // namespace quay
