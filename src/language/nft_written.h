// What rules change. For nft_rule.cc and nft_written.cc alone; see add_written() in nft_rule.h.
#pragma once

#include "model/filter.h"

namespace quay::nft {

// The largest segment of TCP, which rules set for the way ahead.
filter::Field segment_size();

}  // namespace quay::nft
