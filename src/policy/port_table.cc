#include "policy/port_table.h"

#include <algorithm>

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
      : catalogue_(catalogue), policy_(policy), profile_(profile(policy.profile)) {}

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
  void say_allowed(const Service& service, const ServiceState& state, PortLine& line) const;

  const Catalogue& catalogue_;
  const Policy& policy_;
  Profile profile_;
  std::vector<PortLine> lines_;
};

void TableMaker::say_allowed(const Service& service, const ServiceState& state,
                             PortLine& line) const {
  const bool out = line.endpoint->direction == Direction::Out;
  if (!policy_.enforcing || service.switching == Switch::Host || (out && !profile_.deny_outgoing)) {
    line.allowed = true;
    return;
  }
  line.allowed = find_open(state, *line.endpoint) != nullptr;
  if (line.allowed == false)
    return;
  const auto found = policy_.services.find(service.id);
  const ServicePolicy said = found == policy_.services.end() ? ServicePolicy{} : found->second;
  for (const auto& [name, interface] : policy_.interfaces)
    if (const auto& on = said.on; !on || std::find(on->begin(), on->end(), name) != on->end())
      line.on.push_back(name);
  line.allowed = policy_.interfaces.empty() || !line.on.empty();
  if (!out)
    for (const Prefix& prefix : said.from)
      line.from.push_back(to_text(prefix));
}

void TableMaker::add(const Service& service, const Function* function,
                     const std::vector<Endpoint>& endpoints) {
  const ServiceState state = service_state(service, policy_, profile_);
  for (const Endpoint& endpoint : endpoints) {
    PortLine line{.service = &service, .function = function, .endpoint = &endpoint};
    const bool in = endpoint.direction == Direction::In;
    const auto& near = in ? endpoint.local : endpoint.remote;
    const auto& far = in ? endpoint.remote : endpoint.local;
    if (const auto& ports = near ? near : far)
      line.ports = chosen_ports(*ports, service, function, policy_);
    line.enhanced = open_by_default(service, endpoint, "enhanced");
    line.standard = open_by_default(service, endpoint, "standard");
    say_allowed(service, state, line);
    lines_.push_back(std::move(line));
  }
}

// How well a line fits a listener; 0: not at all.
int fit(const PortLine& line, const Listener& listener) {
  const Endpoint& endpoint = *line.endpoint;
  if (endpoint.direction != Direction::In || !endpoint.local ||
      !has(endpoint.protocols, listener.protocol))
    return 0;
  if (line.ports && !line.ports->contains(listener.port))
    return 0;
  const bool unit = has_unit(*line.service, listener.unit);
  if (!line.ports)
    return unit ? 1 : 0;
  return unit ? 3 : 2;
}

}  // namespace

PortTable port_table(const Catalogue& catalogue, const Compilation& in_force,
                     std::vector<Listener> listeners) {
  PortTable table;
  table.lines = TableMaker(catalogue, in_force.policy).lines();
  table.sockets.reserve(listeners.size());
  for (Listener& listener : listeners) {
    PortLine* best = nullptr;
    int best_fit = 0;
    if (listener.kind == Listener::Kind::Server)
      for (PortLine& line : table.lines)
        if (const int mine = fit(line, listener); mine > best_fit) {
          best = &line;
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
