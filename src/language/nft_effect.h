// What counts and limits, in nft's words.
#pragma once

#include <string>

#include "model/ruleset.h"

namespace quay::nft {

std::string to_text(const Limit& limit);            // "limit rate over 5/second burst 5 packets"
std::string to_text(const Quota& quota);            // "quota over 1000 bytes"
std::string to_text(const ConnectionLimit& limit);  // "ct count over 20"
std::string to_text(const Effect& effect);

}  // namespace quay::nft
