// `analyze`: what anybody's packet filter lets through.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "model/filter.h"

namespace quay {

// `live` is the kernel's, beside the files or alone; null: it is not asked for.
//
// One ruleset: what is open, and what is wrong with it. Two: the packets that they judge
// differently; but an iptables-save and an ip6tables-save file are the two halves of one ruleset.
// kReport where there is something to mend, or a difference.
int analyze_filters(const Context& context, const std::vector<std::string>& paths,
                    const std::function<Result<filter::Ruleset>()>& live);

}  // namespace quay
