// Verdict maps whose boxes overlap, as the kernel reads them.
#pragma once

#include <optional>

#include "model/filter.h"

namespace quay {

// The same decisions with boxes that are disjoint. The kernel takes overlapping elements of a
// concatenation when neither corner of the later one lies in an earlier one, and then the earlier
// one decides (net/netfilter/nft_set_pipapo.c): so of two boxes the one inside the other decides.
// Nullopt where neither is inside the other and their verdicts differ: which one came first is not
// told; and where what is left is no box, as with patterns of interface names.
std::optional<filter::VerdictMap> disjoint(filter::VerdictMap map);

}  // namespace quay
