#include "policy/port_table.h"

#include <algorithm>
#include <ranges>

#include "policy/explain.h"
#include "policy/numbered.h"
#include "policy/service_state.h"

namespace quay {
namespace {

bool has(const std::vector<Protocol>& protocols, Protocol protocol) {
  return std::find(protocols.begin(), protocols.end(), protocol) != protocols.end();
}

bool has_unit(const Service& service, const std::string& unit) {
  return std::find(service.units.begin(), service.units.end(), unit) != service.units.end();
}

const OpenEndpoint* find_open(const ServiceState& state, const Endpoint& endpoint) {
  const auto found = std::find_if(state.open.begin(), state.open.end(),
                                  [&](const OpenEndpoint& o) { return o.endpoint == &endpoint; });
  return found == state.open.end() ? nullptr : &*found;
}

// Builds the lines of one service after the other.
class TableMaker {
 public:
  TableMaker(const Catalogue& catalogue, const Policy& policy)
      : catalogue_(catalogue), policy_(policy) {}

  std::vector<PortLine> lines() {
    for (const auto& [id, service] : catalogue_.services) {
      add(service, nullptr, service.endpoints);
      for (const Function& function : service.functions)
        add(service, &function, function.endpoints);
    }
    return std::move(lines_);
  }

 private:
  Profile profile(const std::string& id) const {
    const auto found = catalogue_.profiles.find(id);
    return found == catalogue_.profiles.end() ? Profile{} : found->second;
  }
  bool open_by_default(const Service& service, const Endpoint& endpoint,
                       const std::string& id) const {
    const Profile defaults = profile(id);
    if (endpoint.direction == Direction::Out && !defaults.deny_outgoing)
      return true;
    Policy policy;
    policy.profile = id;
    return find_open(service_state(service, policy, defaults), endpoint) != nullptr;
  }
  void add(const Service& service, const Function* function,
           const std::vector<Endpoint>& endpoints);

  const Catalogue& catalogue_;
  const Policy& policy_;
  std::vector<PortLine> lines_;
};

void TableMaker::add(const Service& service, const Function* function,
                     const std::vector<Endpoint>& endpoints) {
  for (const Endpoint& endpoint : endpoints) {
    PortLine line{.service = &service, .function = function, .endpoint = &endpoint};
    const bool in = endpoint.direction == Direction::In;
    const auto& near = in ? endpoint.local : endpoint.remote;
    const auto& far = in ? endpoint.remote : endpoint.local;
    if (const auto& ports = near ? near : far)
      line.ports = chosen_ports(*ports, service, function, policy_);
    line.enhanced = open_by_default(service, endpoint, "enhanced");
    line.standard = open_by_default(service, endpoint, "standard");
    lines_.push_back(std::move(line));
  }
}

// The lines that a listener may fit.
std::vector<PortLine*> offered(std::vector<PortLine>& lines) {
  std::vector<PortLine*> result;
  for (PortLine& line : lines)
    if (line.endpoint->direction == Direction::In && line.endpoint->local)
      result.push_back(&line);
  return result;
}

// How well a line that is offered() fits a listener; 0: not at all.
int fit(const PortLine& line, const Listener& listener) {
  if (line.ports && !line.ports->contains(listener.port))
    return 0;
  if (!has(line.endpoint->protocols, listener.protocol))
    return 0;
  const bool unit = has_unit(*line.service, listener.unit);
  if (!line.ports)
    return unit ? 1 : 0;
  return unit ? 3 : 2;
}

// What a packet of the line's endpoint looks like on an interface.
PacketQuery query_of(const PortLine& line, const Policy& policy, const std::string& interface) {
  const Endpoint& endpoint = *line.endpoint;
  const auto chosen = [&](const std::optional<Ports>& ports) {
    return ports ? chosen_ports(*ports, *line.service, line.function, policy) : std::nullopt;
  };
  const bool in = endpoint.direction == Direction::In;
  return {.direction = endpoint.direction,
          .interface = interface,
          .protocols = endpoint.protocols,
          .source_ports = chosen(in ? endpoint.remote : endpoint.local),
          .destination_ports = chosen(in ? endpoint.local : endpoint.remote)};
}

// The interfaces that the policy names, and those that only its own rules are about.
std::vector<std::string> interfaces_of(const Policy& policy, const RuleList& rules) {
  const auto keys = policy.interfaces | std::views::keys;
  std::vector<std::string> names(keys.begin(), keys.end());
  for (const Rule& rule : rules) {
    if (!operator_made(rule) || !rule.match.interface || rule.match.interface_is_not)
      continue;
    const std::string name = interface_label(policy, *rule.match.interface);
    if (std::ranges::find(names, name) == names.end())
      names.push_back(name);
  }
  return names;
}

// Asks the rules about a line on one interface, or on all.
void ask(PortLine& line, const Policy& policy, const RuleList& rules,
         const std::string& interface) {
  const auto answer = explain(query_of(line, policy, interface), rules, policy);
  if (!answer)
    return;
  bool accepted = false;
  bool refused = false;
  for (const Outcome& outcome : answer->outcomes) {
    const Verdict verdict = outcome.rule->verdict;
    const bool accepts = verdict == Verdict::Accept || verdict == Verdict::Limit;
    (accepts ? accepted : refused) = true;
  }
  if (!accepted)
    return;
  line.allowed = true;
  // What a host needs is open for the one family and the one side that need it.
  line.partly = line.partly || (refused && line.service->switching != Switch::Host);
  if (!interface.empty())
    line.on.push_back(interface);
}

}  // namespace

void tell_allowed(PortTable& table, const Compilation& in_force, TimePoint now) {
  const Policy& policy = in_force.policy;
  RuleList rules = in_force.compiled.rules;
  std::erase_if(rules, [&](const Rule& rule) { return has_ended(rule, now); });
  const std::vector<std::string> interfaces = interfaces_of(policy, rules);
  for (PortLine& line : table.lines) {
    line.allowed = !policy.enforcing;
    if (!policy.enforcing || (!line.ports && line.endpoint->scope == Scope::Internal))
      continue;
    for (const std::string& name : interfaces)
      ask(line, policy, rules, name);
    if (interfaces.empty())
      ask(line, policy, rules, "");
    const auto said = policy.services.find(line.service->id);
    if (line.partly && line.endpoint->direction == Direction::In && said != policy.services.end())
      for (const Prefix& prefix : said->second.from)
        line.from.push_back(to_text(prefix));
  }
}

PortTable port_table(const Catalogue& catalogue, const Policy& policy,
                     std::vector<Listener> listeners) {
  PortTable table;
  table.lines = TableMaker(catalogue, policy).lines();
  table.sockets.reserve(listeners.size());
  const std::vector<PortLine*> candidates = offered(table.lines);
  for (Listener& listener : listeners) {
    PortLine* best = nullptr;
    int best_fit = 0;
    if (listener.kind == Listener::Kind::Server)
      for (PortLine* line : candidates)
        if (const int mine = fit(*line, listener); mine > best_fit) {
          best = line;
          best_fit = mine;
        }
    if (best != nullptr)
      best->sockets.push_back(table.sockets.size());
    const bool client =
        listener.kind == Listener::Kind::Client || (listener.ephemeral && best == nullptr);
    table.sockets.push_back(
        {std::move(listener), best != nullptr ? best->service : nullptr, client});
  }
  return table;
}

}  // namespace quay
