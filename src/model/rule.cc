#include "model/rule.h"

#include <algorithm>

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

}  // namespace

bool matches(const Match& match, const Packet& packet) {
  return (match.states & bit(packet.state)) != 0 && on_interface(match, packet.interface) &&
         (!match.family || *match.family == packet.source.family) &&
         any_contains(match.sources, packet.source) &&
         any_contains(match.destinations, packet.destination) &&
         any_equals(match.protocols, packet.protocol) && on_ports(match, packet) &&
         any_equals(match.icmp_types, packet.icmp_type);
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
