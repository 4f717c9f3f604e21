// A rule of iptables in the words of the common model.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "language/xt_meaning.h"

namespace quay::xt {

// The rules that it stands for, in their order; their places and texts are left empty. More than
// one where addresses are listed with commas, as iptables itself makes them, and where the model
// needs two (NOTRACK leaves packets alone that came from the host itself). None when the rule is
// for the other family (`-4`, `-6`). `chains` are those of the table that rules may jump to.
// Refuses, never opaque, what iptables would not load.
Read<std::vector<filter::Rule>> filter_rules(const Rule& rule, Context context,
                                             const std::set<std::string, std::less<>>& chains);

}  // namespace quay::xt
