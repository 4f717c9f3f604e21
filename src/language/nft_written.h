// What rules change; see also add_written() in nft_rule.h.
#pragma once

#include "model/filter.h"

namespace quay::nft {

// The largest segment of TCP, which rules set for the way ahead.
filter::Field segment_size();

// Whether later rules find in a field what was written to it. The kernel writes no type of packet
// that it has no name for, and no zone of a flow that it knows (nft_meta_set_eval(),
// nft_ct_set_zone_eval()); and a packet's protocol it has looked at before it asks a chain.
bool keeps_what_is_written(const filter::Field& field);

}  // namespace quay::nft
