// How two packet filters differ, for every packet.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/filter.h"
#include "policy/filter_teller.h"

namespace quay {

// The packets that two rulesets judge differently, incoming, outgoing and routed, of both families.
struct Differences {
  std::vector<Difference> lines;
  // Packets of which neither ruleset tells what becomes of them: a program decides, or a value that
  // is not known. They may fare alike or not.
  std::vector<Difference> undecided;
  std::vector<std::string> unknown;  // what is not understood in either, and taken for the same
                                     // where it has the same words
  std::vector<std::string> outside;  // what else handles packets, of either
  Untold untold;                     // lines of either family that are not listed
  bool too_large = false;            // for an answer; there are no lines then

  bool equal() const { return lines.empty() && undecided.empty() && !too_large; }
};

// Rulesets that are filter::same() are equal. `most_nodes`: see FilterSpace.
Differences compare(const filter::Ruleset& first, const filter::Ruleset& second,
                    const Vocabulary& names,
                    std::size_t most_nodes = filter::FilterSpace::kMostNodes);

// What comparing is about.
std::string comparison_scope();

}  // namespace quay
