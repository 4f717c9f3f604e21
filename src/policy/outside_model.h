// What a ruleset has that the model of packet filters does not follow: of every answer about it the
// part that is not claimed.
#pragma once

#include <string>
#include <vector>

#include "model/filter.h"

namespace quay {

// "inet/t/input handle 4: match recent", for all that is not understood.
std::vector<std::string> unknown_in(const filter::Ruleset& ruleset);

// What else handles packets, and what rules do that is not followed, a sentence each: "ip/nat: 3
// rules translate to sources that are not known", "inet/a/x and ip/b/y are asked at one place
// (input 0): which is first is taken from the order in which they are listed".
std::vector<std::string> outside_of(const filter::Ruleset& ruleset);

}  // namespace quay
