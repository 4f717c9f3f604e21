// Links and sockets of the network namespace that the process was in at the start.
#pragma once

#include "host/host.h"

namespace quay {

// Asks the kernel by sock_diag(7). Needs no privileges.
class SystemNetwork : public Network {
 public:
  std::vector<std::string> interfaces() override;
  Result<std::vector<Listener>> sockets() override;
};

}  // namespace quay
