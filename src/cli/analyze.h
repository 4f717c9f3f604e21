// `analyze`: what anybody's packet filter lets through.
#pragma once

#include <string>
#include <vector>

#include "cli/commands.h"

namespace quay {

// One ruleset: what is open, and what is wrong with it. Two: the packets that they judge
// differently; but an iptables-save and an ip6tables-save file are the two halves of one ruleset.
// kReport where there is something to mend, or a difference.
int analyze_filters(const Context& context, const std::vector<std::string>& paths);

}  // namespace quay
