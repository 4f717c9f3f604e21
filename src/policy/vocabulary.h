// The names that a policy and the catalogue give to interfaces and ports.
#pragma once

#include "language/filter_text.h"
#include "model/policy.h"
#include "model/service.h"

namespace quay {

// Interfaces by the policy's names, ports by the services of the catalogue that listen on them: as
// the policy chose them, else as the catalogue has them.
Vocabulary vocabulary(const Policy& policy, const Catalogue& catalogue);

}  // namespace quay
