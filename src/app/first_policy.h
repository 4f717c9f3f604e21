// The first policy of a gateway.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "host/host.h"
#include "model/policy.h"

namespace quay {

// Profile enhanced, except on a gateway that was in use before it had profiles: there, where ufw
// is enabled, it stays standard, unless this is a factory reset. The wired ones of `interfaces`
// are named, eth0 as lan and eth1 as wan, any other by its own name; what is plugged in
// later (wwan0) starts closed. Fails when there is no wired interface to name.
Result<Policy> first_policy(Files& files, const std::vector<std::string>& interfaces, bool factory);

}  // namespace quay
