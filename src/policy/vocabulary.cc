#include "policy/vocabulary.h"

#include <map>
#include <utility>

#include "policy/service_state.h"

namespace quay {

Vocabulary vocabulary(const Policy& policy, const Catalogue& catalogue) {
  Vocabulary names;
  for (const auto& [name, interface] : policy.interfaces)
    names.interfaces[interface.text] = name;
  std::map<std::pair<Protocol, Port>, std::string> services;
  for (const auto& [id, service] : catalogue.services)
    for (const Endpoint& endpoint : service.endpoints) {
      if (endpoint.direction != Direction::In || !endpoint.local)
        continue;
      const auto ports = chosen_ports(*endpoint.local, service, nullptr, policy);
      if (!ports || ports->intervals().size() != 1)
        continue;
      const auto [first, last] = ports->intervals().front();
      if (first == last)
        for (const Protocol protocol : endpoint.protocols)
          services.try_emplace({protocol, first}, id);
    }
  names.service = [services = std::move(services)](Protocol protocol, Port port) {
    const auto found = services.find({protocol, port});
    return found == services.end() ? std::string() : found->second;
  };
  return names;
}

}  // namespace quay
