#include "policy/compile.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "language/user_rule_text.h"
#include "policy/host_rules.h"
#include "policy/service_state.h"

namespace quay {
namespace {

// An interface that the policy names, or all but lo when it names none.
struct Place {
  std::string name;  // the operator's
  Match match;
};

std::vector<Place> places(const Policy& policy, const ServicePolicy* said) {
  if (policy.interfaces.empty() && (said == nullptr || !said->on || !said->on->empty()))
    return {{"", {.interface = kLoopback, .interface_is_not = true}}};
  std::vector<Place> result;
  for (const auto& [name, interface] : policy.interfaces) {
    const bool wanted = said == nullptr || !said->on ||
                        std::find(said->on->begin(), said->on->end(), name) != said->on->end();
    if (wanted)
      result.push_back({name, {.interface = interface}});
  }
  return result;
}

std::string service_reason(const ServiceState& state, const OpenEndpoint& open, const Place& place,
                           const ServicePolicy* said) {
  const Service& service = *state.service;
  std::string reason = service.title;
  if (!open.endpoint->name.empty())
    reason += " (" + open.endpoint->name + ")";
  reason += service.switching == Switch::Always ? " is always open"
            : said != nullptr && said->enabled  ? " is enabled by the policy"
                                                : " is on by default";
  if (!place.name.empty())
    reason += " on " + place.name;
  if (said != nullptr && !said->reason.empty())
    reason += ": " + said->reason;
  return reason;
}

// The sources that may use an incoming endpoint, split by family.
std::vector<Match> with_sources(const Match& match, const std::vector<Prefix>& from) {
  if (from.empty())
    return {match};
  std::vector<Match> result;
  for (const Family family : {Family::V4, Family::V6}) {
    Match limited = match;
    limited.family = family;
    for (const Prefix& prefix : from)
      if (prefix.family() == family)
        limited.sources.push_back(prefix);
    if (!limited.sources.empty())
      result.push_back(std::move(limited));
  }
  return result;
}

void add_endpoint(const ServiceState& state, const OpenEndpoint& open, const Policy& policy,
                  RuleList& rules) {
  const auto found = policy.services.find(state.service->id);
  const ServicePolicy* said = found == policy.services.end() ? nullptr : &found->second;
  const bool in = open.endpoint->direction == Direction::In;
  for (const Place& place : places(policy, said)) {
    Match match = place.match;
    match.source_ports = in ? open.remote : open.local;
    match.destination_ports = in ? open.local : open.remote;
    for (const Protocol protocol : open.endpoint->protocols) {
      match.protocols = {protocol};
      for (Match& one :
           with_sources(match, in && said != nullptr ? said->from : std::vector<Prefix>{}))
        rules.push_back({.direction = open.endpoint->direction,
                         .match = std::move(one),
                         .verdict = Verdict::Accept,
                         .origin = {.kind = Origin::Kind::Service,
                                    .name = state.service->id,
                                    .function = open.function != nullptr ? open.function->id : ""},
                         .reason = service_reason(state, open, place, said)});
    }
  }
}

void add_services(const Policy& policy, const Catalogue& catalogue, const Profile& profile,
                  Direction direction, Compiled& result) {
  for (const auto& [id, service] : catalogue.services) {
    if (service.switching == Switch::Host)
      continue;
    const ServiceState state = service_state(service, policy, profile);
    if (direction == Direction::In)
      for (const std::string& name : state.forced_off)
        result.notes.push_back(
            fmt::format("{} stays off: profile {} forbids it", name, profile.id));
    for (const OpenEndpoint& open : state.open)
      if (open.endpoint->direction == direction)
        add_endpoint(state, open, policy, result.rules);
  }
}

void note_nothing(const Origin& origin, const UserRule& rule, Compiled& result) {
  const std::string& app = rule.to.service.empty() ? rule.from.service : rule.to.service;
  result.notes.push_back(
      fmt::format("{} stands for no packet: {} has no port of its own", origin.text(), app));
}

void add_own(const Policy& policy, const Catalogue& catalogue, Direction direction,
             Compiled& result) {
  for (std::size_t i = 0; i < policy.rules.size(); ++i) {
    const UserRule& rule = policy.rules[i];
    if (rule.direction != direction)
      continue;
    const Origin origin{.kind = Origin::Kind::Own, .number = i + 1};
    RuleList expanded =
        expand(rule, policy, catalogue, origin, "the operator's rule: " + to_text(rule));
    if (expanded.empty())
      note_nothing(origin, rule, result);
    std::move(expanded.begin(), expanded.end(), std::back_inserter(result.rules));
  }
}

void add_openings(const Policy& policy, const Catalogue& catalogue, Direction direction,
                  TimePoint now, Compiled& result) {
  for (std::size_t i = 0; i < policy.openings.size(); ++i) {
    const Opening& opening = policy.openings[i];
    if (opening.rule.direction != direction)
      continue;
    const Origin origin{.kind = Origin::Kind::Opening, .number = i + 1};
    const std::string until =
        fmt::format("{:%Y-%m-%d %H:%M:%S} UTC",
                    fmt::gmtime(std::chrono::system_clock::to_time_t(opening.until)));
    if (opening.until <= now) {
      result.notes.push_back(fmt::format("{} ended at {}", origin.text(), until));
      continue;
    }
    std::string reason = "open until " + until;
    if (!opening.reason.empty())
      reason += ": " + opening.reason;
    RuleList expanded = expand(opening.rule, policy, catalogue, origin, reason);
    if (expanded.empty())
      note_nothing(origin, opening.rule, result);
    for (Rule& rule : expanded) {
      rule.until = opening.until;
      result.rules.push_back(std::move(rule));
    }
  }
}

Rule default_rule(Direction direction, Verdict verdict, const std::string& name,
                  std::string reason) {
  return {.direction = direction,
          .verdict = verdict,
          .origin = {.kind = Origin::Kind::Profile, .name = name},
          .reason = std::move(reason)};
}

// The ports that `app ID` stands for, with their protocol: those that the service and its functions
// offer, or the ones they ask for when they offer none.
std::vector<std::pair<Protocol, PortSet>> app_ports(const std::string& id, const Policy& policy,
                                                    const Catalogue& catalogue) {
  std::vector<std::pair<Protocol, PortSet>> result;
  const Service* service = catalogue.service(id);
  if (service == nullptr)
    return result;
  const auto collect_from = [&](const std::vector<Endpoint>& endpoints, const Function* function,
                                bool offered) {
    for (const Endpoint& endpoint : endpoints) {
      const std::optional<Ports>& ports = offered ? endpoint.local : endpoint.remote;
      if (!ports || (endpoint.direction == Direction::In) != offered)
        continue;
      const auto chosen = chosen_ports(*ports, *service, function, policy);
      if (chosen)
        for (const Protocol protocol : endpoint.protocols)
          result.emplace_back(protocol, *chosen);
    }
  };
  const auto collect = [&](bool offered) {
    collect_from(service->endpoints, nullptr, offered);
    for (const Function& function : service->functions)
      collect_from(function.endpoints, &function, offered);
  };
  collect(true);
  if (result.empty())
    collect(false);
  return result;
}

// The protocol and ports of a rule, one Match for each combination that `app` brings.
std::vector<Match> with_ports(const UserRule& rule, const Match& base, const Policy& policy,
                              const Catalogue& catalogue) {
  Match match = base;
  match.source_ports = rule.from.ports;
  match.destination_ports = rule.to.ports;
  if (rule.protocol)
    match.protocols = {*rule.protocol};
  else if (rule.from.ports || rule.to.ports)
    match.protocols = {Protocol::Tcp, Protocol::Udp};
  std::vector<Match> matches{match};
  const auto narrow = [&](const std::string& app, std::optional<PortSet> Match::* field) {
    if (app.empty())
      return;
    std::vector<Match> narrowed;
    for (const Match& before : matches) {
      for (const auto& [protocol, ports] : app_ports(app, policy, catalogue)) {
        Match after = before;
        if (!after.protocols.empty() && std::find(after.protocols.begin(), after.protocols.end(),
                                                  protocol) == after.protocols.end())
          continue;
        after.protocols = {protocol};
        after.*field = ports;
        narrowed.push_back(std::move(after));
      }
    }
    matches = std::move(narrowed);
  };
  narrow(rule.from.service, &Match::source_ports);
  narrow(rule.to.service, &Match::destination_ports);
  return matches;
}

// The kernel's name of an interface that a rule may call by the policy's name.
std::optional<InterfaceName> kernel_name(const std::optional<InterfaceName>& name,
                                         const Policy& policy) {
  if (!name)
    return name;
  const auto known = policy.interfaces.find(name->text);
  return known == policy.interfaces.end() ? name : std::optional(known->second);
}

}  // namespace

std::string policy_scope() {
  return "IPv4 and IPv6 packets by the policy's rules alone, incoming, outgoing and routed; not "
         "what other tables, XDP, tc and BPF programs do (`quaymaster verify`)";
}

RuleList expand(const UserRule& rule, const Policy& policy, const Catalogue& catalogue,
                const Origin& origin, const std::string& reason) {
  Match base;
  base.interface = kernel_name(rule.interface, policy);
  if (rule.from.prefix) {
    base.sources = {*rule.from.prefix};
    base.family = rule.from.prefix->family();
  }
  if (rule.to.prefix) {
    base.destinations = {*rule.to.prefix};
    base.family = rule.to.prefix->family();
  }
  if (rule.protocol == Protocol::Ipv6 || rule.protocol == Protocol::Igmp)
    base.family = Family::V4;
  RuleList rules;
  for (Match& match : with_ports(rule, base, policy, catalogue))
    rules.push_back({.direction = rule.direction,
                     .match = std::move(match),
                     .verdict = rule.verdict,
                     .log = rule.log,
                     .origin = origin,
                     .reason = reason});
  return rules;
}

Compiled compile(const Policy& policy, const Catalogue& catalogue, TimePoint now) {
  const auto found = catalogue.profiles.find(policy.profile);
  const Profile profile = found == catalogue.profiles.end() ? Profile{} : found->second;
  Compiled result;
  for (const Direction direction : {Direction::In, Direction::Out}) {
    RuleList host = host_rules(direction);
    std::move(host.begin(), host.end(), std::back_inserter(result.rules));
    add_openings(policy, catalogue, direction, now, result);
    add_own(policy, catalogue, direction, result);
    const bool open = direction == Direction::Out && !profile.deny_outgoing;
    if (!open)
      add_services(policy, catalogue, profile, direction, result);
    result.rules.push_back(
        default_rule(direction, open ? Verdict::Accept : Verdict::Drop, policy.profile,
                     fmt::format("{} packets are {} unless something decides otherwise",
                                 direction == Direction::In ? "incoming" : "outgoing",
                                 open ? "allowed" : "denied")));
  }
  result.rules.push_back(default_rule(
      Direction::Forward, policy.forward_leave ? Verdict::Accept : Verdict::Drop, policy.profile,
      policy.forward_leave ? "routed packets are left alone (forward = \"leave\")"
                           : "the gateway does not route (forward = \"drop\")"));
  return result;
}

}  // namespace quay
