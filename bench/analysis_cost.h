// What it costs to compare policies and to find idle rules, without any kernel.
#pragma once

#include <string>
#include <vector>

#include "bench/control_cost.h"

namespace quay::bench {

// A change of one rule in a policy of `rules` random own rules of a host: what it opens and closes.
ChangeCost effects_cost(int rules, int rounds);

// Of such a policy: the idle rules, and the accepted packets of IPv4 alone by our diagrams and by
// BuDDy's. Medians of interleaved rounds. `Rules::ClassBench` are between networks, in that
// generator's manner.
enum class Rules : bool { Host, ClassBench };
std::vector<ChangeCost> analysis_costs(int rules, int rounds, Rules kind = Rules::Host);

}  // namespace quay::bench
