#include "policy/service_state.h"

#include <algorithm>

namespace quay {
namespace {

const ServicePolicy& policy_of(const Service& service, const Policy& policy) {
  static const ServicePolicy unsaid;
  const auto found = policy.services.find(service.id);
  return found == policy.services.end() ? unsaid : found->second;
}

FunctionPolicy function_policy(const Function& function, const ServicePolicy& said) {
  const auto found = said.functions.find(function.id);
  return found == said.functions.end() ? FunctionPolicy{} : found->second;
}

// What is open of `endpoints`, the service's own or those of one of its functions.
void open_endpoints(const std::vector<Endpoint>& endpoints, const Function* function,
                    const Policy& policy, ServiceState& state) {
  for (const Endpoint& endpoint : endpoints) {
    if (endpoint.scope == Scope::Internal || (endpoint.server && !state.exposed))
      continue;
    OpenEndpoint open{&endpoint, function, {}, {}};
    bool dynamic = false;
    for (const auto& [ports, chosen] :
         {std::pair{&endpoint.local, &open.local}, std::pair{&endpoint.remote, &open.remote}}) {
      if (!*ports)
        continue;
      *chosen = chosen_ports(**ports, *state.service, function, policy);
      dynamic = dynamic || !*chosen;
    }
    if (!dynamic)
      state.open.push_back(std::move(open));
  }
}

}  // namespace

std::optional<PortSet> chosen_ports(const Ports& ports, const Service& service,
                                    const Function* function, const Policy& policy) {
  struct Choose {
    const Service& service;
    const Function* function;
    const ServicePolicy& said;

    std::optional<PortSet> operator()(const PortSet& fixed) const { return fixed; }
    std::optional<PortSet> operator()(ChosenPort) const {
      const std::optional<PortChoice>& choice = function != nullptr ? function->port : service.port;
      const auto port = function != nullptr ? function_policy(*function, said).port : said.port;
      if (port)
        return one_port(*port);
      return choice ? std::optional(choice->standard) : std::nullopt;
    }
    std::optional<PortSet> operator()(ChosenClients) const {
      if (said.clients)
        return said.clients;
      return service.clients ? std::optional(service.clients->standard) : std::nullopt;
    }
    std::optional<PortSet> operator()(DynamicPort) const { return std::nullopt; }
  };
  return std::visit(Choose{service, function, policy_of(service, policy)}, ports);
}

ServiceState service_state(const Service& service, const Policy& policy, const Profile& profile) {
  const ServicePolicy& said = policy_of(service, policy);
  const bool free = service.switching == Switch::Free;
  ServiceState state{.service = &service};
  state.enabled = !free || said.enabled.value_or(!service.optional);
  state.exposed = state.enabled && (!free || said.exposed.value_or(true));
  if (!state.enabled)
    return state;
  open_endpoints(service.endpoints, nullptr, policy, state);
  for (const Function& function : service.functions) {
    if (!function_policy(function, said).enabled.value_or(false))
      continue;
    const std::string name = service.id + "." + function.id;
    if (std::find(profile.forces_off.begin(), profile.forces_off.end(), name) !=
        profile.forces_off.end()) {
      state.forced_off.push_back(name);
      continue;
    }
    open_endpoints(function.endpoints, &function, policy, state);
  }
  return state;
}

}  // namespace quay
