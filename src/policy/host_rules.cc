#include "policy/host_rules.h"

#include <utility>
#include <vector>

namespace quay {
namespace {

class Builder {
 public:
  explicit Builder(Direction direction) : direction_(direction) {}

  void add(Match match, Verdict verdict, std::string name, std::string reason) {
    rules_.push_back({.direction = direction_,
                      .match = std::move(match),
                      .verdict = verdict,
                      .origin = {.kind = Origin::Kind::Host, .name = std::move(name)},
                      .reason = std::move(reason)});
  }

  void icmp(Protocol protocol, std::vector<std::uint8_t> types, const std::string& name,
            const std::string& reason) {
    add({.family = protocol == Protocol::Icmp ? Family::V4 : Family::V6,
         .protocols = {protocol},
         .icmp_types = std::move(types)},
        Verdict::Accept, name, reason);
  }

  // The gateway asks as a client; servers answer from `server` to `client`. A DHCPv6
  // client speaks from its link-local address, and is answered there (RFC 8415).
  void dhcp(Family family, Port client, Port server, const std::string& reason) {
    const bool in = direction_ == Direction::In;
    Match match{.family = family,
                .protocols = {Protocol::Udp},
                .source_ports = one_port(in ? server : client),
                .destination_ports = one_port(in ? client : server)};
    if (in && family == Family::V6)
      match.destinations = {link_local_prefix()};
    add(std::move(match), Verdict::Accept, "dhcp", reason);
  }

  RuleList take() { return std::move(rules_); }

 private:
  Direction direction_;
  RuleList rules_;
};

void add_spoofed(Builder& rules) {
  const std::string reason = "loopback addresses never travel on a wire";
  for (const Family family : {Family::V4, Family::V6}) {
    Match match{.interface = kLoopback, .interface_is_not = true, .family = family};
    match.sources = {loopback_prefix(family)};
    rules.add(match, Verdict::Drop, "loopback", reason);
    match.destinations = std::exchange(match.sources, {});
    rules.add(match, Verdict::Drop, "loopback", reason);
  }
}

void add_icmp(Builder& rules) {
  const std::string errors = "without ICMP errors connections hang instead of failing";
  const std::string echo = "ping";
  const std::string neighbours = "IPv6 finds its neighbours and routers through ICMPv6";
  const std::string groups = "without membership reports switches cut multicast off";
  rules.icmp(Protocol::Icmp, {3, 11, 12}, "icmp", errors);
  rules.icmp(Protocol::Icmp, {8}, "icmp", echo);
  rules.icmp(Protocol::Icmpv6, {1, 2, 3, 4}, "icmp", errors);
  rules.icmp(Protocol::Icmpv6, {128}, "icmp", echo);
  rules.icmp(Protocol::Icmpv6, {133, 134, 135, 136}, "neighbours", neighbours);
  rules.icmp(Protocol::Icmpv6, {130, 131, 132, 143}, "multicast", groups);
  rules.add({.family = Family::V4, .protocols = {Protocol::Igmp}}, Verdict::Accept, "multicast",
            groups);
}

}  // namespace

RuleList host_rules(Direction direction) {
  Builder rules(direction);
  add_spoofed(rules);
  rules.add({.states = static_cast<StateSet>(bit(State::Established) | bit(State::Related))},
            Verdict::Accept, "replies", "belongs to a flow that was accepted before");
  rules.add({.states = bit(State::Invalid)}, Verdict::Drop, "invalid",
            "belongs to no flow and cannot begin one");
  rules.add({.interface = kLoopback}, Verdict::Accept, "loopback",
            "the gateway's own programs talk to each other");
  if (direction == Direction::Out)
    rules.add({.interface = InterfaceName{"ip70"}}, Verdict::Accept, "tunnel",
              "LON over IP-70 leaves through its tunnel");
  add_icmp(rules);
  rules.dhcp(Family::V4, 68, 67, "DHCP gives the gateway its address");
  rules.dhcp(Family::V6, 546, 547,
             "DHCPv6 answers a multicast request, which conntrack takes for a new flow");
  return rules.take();
}

}  // namespace quay
