// A listing of nft's JSON as a ruleset of the common model.
#pragma once

#include "language/nft_json_listing.h"
#include "model/filter.h"

namespace quay::nft_json {

// Rules stand at their handle, or at what their member "place" says, which nft never writes and
// our own lists do.
filter::Ruleset ruleset_of(Listing listing);

}  // namespace quay::nft_json
