// What the routing table says of a packet, as fields of the common model: "fib daddr type".
#pragma once

#include "model/filter.h"

namespace quay {

// What the routing table says changes with what it is asked for: to every assignment of an address
// or a mark this adds that the fields that are asked with it, somewhere in the ruleset, are not
// known from there on. Their names say what they are asked with ("fib saddr . mark . iif oif").
void spread_to_routes(filter::Ruleset& ruleset);

}  // namespace quay
