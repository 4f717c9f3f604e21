#include "model/rule.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace quay {
namespace {

bool any_contains(const std::vector<Prefix>& prefixes, const Address& address) {
  return prefixes.empty() || std::any_of(prefixes.begin(), prefixes.end(),
                                         [&](const Prefix& p) { return p.contains(address); });
}

template <typename T>
bool any_equals(const std::vector<T>& values, T value) {
  return values.empty() || std::find(values.begin(), values.end(), value) != values.end();
}

bool on_interface(const Match& match, const std::string& name) {
  return !match.interface || match.interface->matches(name) != match.interface_is_not;
}

bool on_ports(const Match& match, const Packet& packet) {
  return (!match.source_ports || match.source_ports->contains(packet.source_port)) &&
         (!match.destination_ports || match.destination_ports->contains(packet.destination_port));
}

bool interfaces_meet(const Match& a, const Match& b) {
  if (!a.interface || !b.interface || a.interface_is_not || b.interface_is_not)
    return true;
  const auto begins_so = [](const InterfaceName& wildcard, const InterfaceName& name) {
    return wildcard.wildcard() &&
           name.text.starts_with(
               std::string_view(wildcard.text).substr(0, wildcard.text.size() - 1));
  };
  return *a.interface == *b.interface || begins_so(*a.interface, *b.interface) ||
         begins_so(*b.interface, *a.interface);
}

template <typename T>
bool any_equal(const std::vector<T>& a, const std::vector<T>& b) {
  return a.empty() || b.empty() || std::ranges::find_first_of(a, b) != a.end();
}

bool ports_meet(const std::optional<PortSet>& a, const std::optional<PortSet>& b) {
  return !a || !b || !a->intersect(*b).empty();
}

bool prefixes_meet(const std::vector<Prefix>& a, const std::vector<Prefix>& b) {
  return a.empty() || b.empty() || std::ranges::any_of(a, [&](const Prefix& one) {
           return std::ranges::any_of(b, [&](const Prefix& other) {
             return one.contains(other.address) || other.contains(one.address);
           });
         });
}

}  // namespace

bool matches(const Match& match, const Packet& packet) {
  return (match.states & bit(packet.state)) != 0 && on_interface(match, packet.interface) &&
         (!match.family || *match.family == packet.source.family) &&
         any_contains(match.sources, packet.source) &&
         any_contains(match.destinations, packet.destination) &&
         any_equals(match.protocols, packet.protocol) && on_ports(match, packet) &&
         any_equals(match.icmp_types, packet.icmp_type);
}

bool may_meet(const Match& a, const Match& b) {
  return (a.states & b.states) != 0 && (!a.family || !b.family || *a.family == *b.family) &&
         interfaces_meet(a, b) && any_equal(a.protocols, b.protocols) &&
         ports_meet(a.destination_ports, b.destination_ports) &&
         ports_meet(a.source_ports, b.source_ports) && any_equal(a.icmp_types, b.icmp_types) &&
         prefixes_meet(a.sources, b.sources) && prefixes_meet(a.destinations, b.destinations);
}

std::string to_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::Accept:
      return "accept";
    case Verdict::Drop:
      return "drop";
    case Verdict::Reject:
      return "reject";
    case Verdict::Limit:
      break;
  }
  return "limit";
}

std::string Origin::text() const {
  switch (kind) {
    case Kind::Host:
      return "host " + name;
    case Kind::Opening:
      return fmt::format("opening {}", number);
    case Kind::Own:
      return fmt::format("rule {}", number);
    case Kind::Service:
      return "service " + name;
    case Kind::Profile:
      break;
  }
  return "profile " + name;
}

bool operator_made(const Rule& rule) {
  return rule.origin.kind == Origin::Kind::Own || rule.origin.kind == Origin::Kind::Opening;
}

bool has_ended(const Rule& rule, TimePoint now) {
  return rule.until && *rule.until <= now;
}

const Rule* decide(const RuleList& rules, const Packet& packet, TimePoint now) {
  for (const Rule& rule : rules)
    if (rule.direction == packet.direction && !has_ended(rule, now) && matches(rule.match, packet))
      return &rule;
  return nullptr;
}

}  // namespace quay
