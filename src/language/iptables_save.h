// Reads what iptables-save(8) and ip6tables-save(8) print, and what is written in that form.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "language/port_names.h"
#include "model/filter.h"

namespace quay {

// The tables that the text names, as iptables-restore(8) would load them: of family Ip or Ip6, with
// the kernel's hooks and priorities. Rules keep the numbers of their lines and their texts. What
// the model has no words for is named in Rule::unknown (language/xt_match.h, language/xt_target.h);
// a table that we do not know stands in Ruleset::outside. `ports` explains the names of services;
// others stand as unknown.
//
// Every fault is an error of its own: what iptables would refuse, jumps to chains that are not
// there or that lead in a circle, a text that ends before its COMMIT.
Parsed<filter::Ruleset> parse_iptables_save(std::string_view text, const std::string& file,
                                            Family family, const PortNames& ports = {});

}  // namespace quay
