// What a policy makes of one service: which of its endpoints are open, and on which ports.
#pragma once

#include <string>
#include <vector>

#include "model/policy.h"
#include "model/service.h"

namespace quay {

// An endpoint with the ports that the policy chose.
struct OpenEndpoint {
  const Endpoint* endpoint = nullptr;  // into the catalogue
  const Function* function = nullptr;  // that the endpoint belongs to; null: the service itself
  std::optional<PortSet> local;
  std::optional<PortSet> remote;
};

struct ServiceState {
  const Service* service = nullptr;  // into the catalogue
  bool enabled = false;
  bool exposed = false;                 // its server ports are open
  std::vector<OpenEndpoint> open;       // external endpoints alone, in the catalogue's order
  std::vector<std::string> forced_off;  // functions that the policy wants and the profile forbids
};

// `service` is one of the catalogue that `policy` was read against.
ServiceState service_state(const Service& service, const Policy& policy, const Profile& profile);

// The ports of an endpoint under a policy; nullopt when they are known only at run time.
std::optional<PortSet> chosen_ports(const Ports& ports, const Service& service,
                                    const Function* function, const Policy& policy);

}  // namespace quay
