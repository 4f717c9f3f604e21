#include "policy/explain.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "language/icmp_names.h"
#include "policy/service_state.h"

namespace quay {
namespace {

// The part of a question that one rule decides, in one family.
struct Part {
  std::size_t rule = 0;
  Family family = Family::V4;
  Box box;
};

std::vector<Part> decide_all(const RuleList& rules, Direction direction, Family family,
                             const Box& question, const InterfaceNames& names) {
  std::vector<Part> parts;
  std::vector<Box> rest;
  if (!question.empty())
    rest.push_back(question);
  for (std::size_t i = 0; i < rules.size() && !rest.empty(); ++i) {
    if (rules[i].direction != direction)
      continue;
    const Box rule = box_of(rules[i].match, family, names);
    std::vector<Box> left;
    for (const Box& box : rest) {
      Box common = intersect(box, rule);
      if (!common.empty())
        parts.push_back({i, family, std::move(common)});
      std::vector<Box> outside = subtract(box, rule);
      std::move(outside.begin(), outside.end(), std::back_inserter(left));
    }
    rest = std::move(left);
  }
  return parts;
}

template <typename Number, typename Text>
std::string list(const IntervalSet<Number>& set, Text text) {
  std::string result;
  for (const auto& [first, last] : set.intervals()) {
    if (!result.empty())
      result += ", ";
    result += text(first);
    if (last != first)
      result += "-" + text(last);
  }
  return result;
}

// A range of addresses, as a prefix where it is one.
std::string range_text(const Interval<AddressBits>& range, Family family) {
  for (int length = family == Family::V4 ? 32 : 128; length >= 0; --length) {
    const Prefix prefix{{family, range.first}, length};
    if (prefix.range() == range)
      return to_text(prefix);
  }
  return to_text(Address{family, range.first}) + "-" + to_text(Address{family, range.last});
}

std::string addresses(const IntervalSet<AddressBits>& set, Family family) {
  std::string result;
  for (const auto& range : set.intervals())
    result += (result.empty() ? "" : ", ") + range_text(range, family);
  return result;
}

// The conditions under which a rule, seen alone, takes packets of the question.
std::vector<Condition> conditions(const Box& rule, const Box& question, Family family,
                                  const InterfaceNames& names) {
  const Box part = intersect(rule, question);
  std::vector<Condition> result;
  const auto add = [&](const char* field, const auto& mine, const auto& asked, auto text) {
    if (mine != asked)
      result.push_back({field, text(mine)});
  };
  add("interface", part.interfaces, question.interfaces, [&](const auto& set) {
    std::string text;
    for (const auto& [first, last] : set.intervals())
      for (std::uint16_t number = first; number <= last; ++number)
        text += (text.empty() ? "" : ", ") + names.text(number);
    return text;
  });
  add("protocol", part.protocols, question.protocols, [](const auto& set) {
    return list(set, [](std::uint8_t number) { return to_text(static_cast<Protocol>(number)); });
  });
  const auto address_text = [&](const auto& set) { return addresses(set, family); };
  add("source", part.sources, question.sources, address_text);
  add("destination", part.destinations, question.destinations, address_text);
  const auto port_text = [](const PortSet& set) { return to_text(set); };
  add("source port", part.source_ports, question.source_ports, port_text);
  add("destination port", part.destination_ports, question.destination_ports, port_text);
  add("icmp type", part.icmp_types, question.icmp_types, [&](const auto& set) {
    const auto protocol = static_cast<Protocol>(part.protocols.intervals().front().first);
    return list(set, [&](std::uint8_t type) { return icmp_type_name(protocol, type); });
  });
  return result;
}

// One outcome for each rule that decides something, families taken together where they agree.
class Answer {
 public:
  Answer(const RuleList& rules, const InterfaceNames& names) : rules_(rules), names_(names) {}

  void add_family(const PacketQuery& query, Family family);
  Result<Explanation> take();

 private:
  void add(std::size_t rule, Family family, const Box& question, const Box& part,
           Direction direction);

  const RuleList& rules_;
  const InterfaceNames& names_;
  std::map<std::size_t, Outcome> outcomes_;
  std::map<Family, bool> families_;  // those with packets of the question
  std::map<std::size_t, std::vector<Family>> decided_in_;
};

void Answer::add(std::size_t rule, Family family, const Box& question, const Box& part,
                 Direction direction) {
  std::vector<Family>& families = decided_in_[rule];
  if (std::find(families.begin(), families.end(), family) != families.end())
    return;
  families.push_back(family);
  std::vector<Condition> mine =
      conditions(box_of(rules_[rule].match, family, names_), question, family, names_);
  const auto [outcome, fresh] = outcomes_.try_emplace(rule);
  outcome->second.rule = &rules_[rule];
  if (fresh) {
    outcome->second.example = any_packet(part, direction, family, names_);
    outcome->second.conditions = std::move(mine);
  }
}

void Answer::add_family(const PacketQuery& query, Family family) {
  const Box question = box_of(query, family, names_);
  if (question.empty())
    return;
  families_[family] = true;
  for (const Part& part : decide_all(rules_, query.direction, family, question, names_))
    add(part.rule, family, question, part.box, query.direction);
}

Result<Explanation> Answer::take() {
  if (outcomes_.empty())
    return fail("no packet is like that");
  Explanation answer;
  for (auto& [index, outcome] : outcomes_) {
    if (decided_in_[index].size() < families_.size())
      outcome.conditions.push_back(
          {"family", decided_in_[index].front() == Family::V4 ? "IPv4" : "IPv6"});
    answer.outcomes.push_back(std::move(outcome));
  }
  const Verdict last = basic(answer.outcomes.back().rule->verdict);
  for (const Outcome& outcome : answer.outcomes) {
    if (basic(outcome.rule->verdict) == last)
      continue;
    for (const Condition& condition : outcome.conditions)
      if (std::find(answer.depends_on.begin(), answer.depends_on.end(), condition.field) ==
          answer.depends_on.end())
        answer.depends_on.push_back(condition.field);
  }
  return answer;
}

// True when an endpoint is what a question about `protocols` and `port` touches.
bool touches(const Endpoint& endpoint, const std::optional<PortSet>& ports,
             const PacketQuery& query) {
  const bool same_protocol =
      std::any_of(endpoint.protocols.begin(), endpoint.protocols.end(), [&](Protocol protocol) {
        return std::find(query.protocols.begin(), query.protocols.end(), protocol) !=
               query.protocols.end();
      });
  return same_protocol && endpoint.direction == query.direction && ports &&
         query.destination_ports && !ports->intersect(*query.destination_ports).empty();
}

// " on lan to 192.168.1.0/24": where a service is exposed, when that is limited.
std::string where(const Service& service, const Policy& policy) {
  const auto said = policy.services.find(service.id);
  if (said == policy.services.end())
    return {};
  const ServicePolicy& service_policy = said->second;
  std::string text;
  if (const auto& on = service_policy.on)
    text += " on " + (on->empty() ? "no interface" : join(*on, ", "));
  for (const Prefix& prefix : service_policy.from)
    text += (&prefix == &service_policy.from.front() ? " to " : ", ") + to_text(prefix);
  return text;
}

std::string hint(const Service& service, const Function* function, const Endpoint& endpoint,
                 const ServiceState& state, const Policy& policy, const PortSet& ports) {
  const bool open = std::any_of(state.open.begin(), state.open.end(),
                                [&](const OpenEndpoint& o) { return o.endpoint == &endpoint; });
  std::string name = service.id + (function != nullptr ? "." + function->id : "");
  std::string why = "the policy opens" + where(service, policy);
  if (endpoint.scope == Scope::Internal)
    why = "is for the gateway itself and never opened from outside";
  else if (!open && state.enabled && !state.exposed)
    why = "the policy keeps running without exposing it";
  else if (std::ranges::find(state.forced_off, name) != state.forced_off.end())
    why = "profile " + policy.profile + " forbids";
  else if (!open)
    why = "the policy does not enable";
  return fmt::format("{} is {} ({}), which {}", to_text(ports), name, service.title, why);
}

}  // namespace

Verdict basic(Verdict verdict) {
  return verdict == Verdict::Limit ? Verdict::Accept : verdict;
}

PacketQuery with_kernel_name(PacketQuery query, const Policy& policy) {
  const auto named = policy.interfaces.find(query.interface);
  if (named != policy.interfaces.end())
    query.interface = named->second.text;
  return query;
}

Result<Explanation> explain(const PacketQuery& query, const RuleList& rules, const Policy& policy) {
  const PacketQuery asked = with_kernel_name(query, policy);
  InterfaceNames names(rules);
  names.add(kLoopback.text);
  for (const auto& [name, interface] : policy.interfaces)
    names.add(interface.text);
  if (!asked.interface.empty())
    names.add(asked.interface);
  Answer answer(rules, names);
  for (const Family family : {Family::V4, Family::V6})
    answer.add_family(asked, family);
  return answer.take();
}

std::vector<std::string> port_hints(const PacketQuery& query, const Policy& policy,
                                    const Catalogue& catalogue) {
  std::vector<std::string> hints;
  const auto profile = catalogue.profiles.find(policy.profile);
  const PortSet asked = query.destination_ports.value_or(PortSet());
  if (asked.intervals().size() != 1 || asked.intervals()[0].first != asked.intervals()[0].last)
    return hints;
  const auto collect = [&](const Service& service, const Function* function,
                           const std::vector<Endpoint>& endpoints, const ServiceState& state) {
    for (const Endpoint& endpoint : endpoints) {
      const auto& ports = endpoint.direction == Direction::In ? endpoint.local : endpoint.remote;
      if (!ports || !touches(endpoint, chosen_ports(*ports, service, function, policy), query))
        continue;
      std::string text = hint(service, function, endpoint, state, policy, asked);
      if (std::find(hints.begin(), hints.end(), text) == hints.end())
        hints.push_back(std::move(text));
    }
  };
  for (const auto& [id, service] : catalogue.services) {
    const ServiceState state = service_state(
        service, policy, profile == catalogue.profiles.end() ? Profile{} : profile->second);
    collect(service, nullptr, service.endpoints, state);
    for (const Function& function : service.functions)
      collect(service, &function, function.endpoints, state);
  }
  return hints;
}

}  // namespace quay
