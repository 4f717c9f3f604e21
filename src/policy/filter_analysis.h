// What anybody's packet filter lets through, and what is wrong with it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/filter.h"
#include "policy/filter_teller.h"

namespace quay {

// First packets of flows that are accepted.
struct Exposure {
  Direction direction = Direction::In;
  std::vector<std::string> interfaces;  // where they come from, for outgoing ones where they go
  std::vector<std::string> accepted;    // "tcp 22 (ssh)"; of one family: "..., IPv6"
  std::vector<std::string> maybe;       // by something that is not understood, or that changes
  bool operator==(const Exposure&) const = default;
};

struct FilterFinding {
  std::string place;
  std::string text;             // the rule, where its source had words for it
  std::vector<std::string> by;  // places
  bool operator==(const FilterFinding&) const = default;
};

struct FilterAnalysis {
  std::vector<Exposure> exposures;       // interfaces that fare alike stand together
  std::vector<FilterFinding> dead;       // rules that decide no packet, by those that decide theirs
  std::vector<FilterFinding> redundant;  // rules without which nothing would change
  std::vector<FilterFinding> spoofing;   // accepting packets from a wire with loopback's addresses,
                                         // or from one interface with those of another's network
  std::vector<std::string> unknown;      // what is not understood, and where
  std::vector<std::string> outside;      // what else handles packets
  std::size_t rules = 0;
  std::size_t exact = 0;   // rules that are understood in full
  Untold untold;           // lines of either family that are not listed
  bool too_large = false;  // for an answer: only what is unknown, and the numbers, are told
};

// `most_nodes`: see FilterSpace.
FilterAnalysis analyze(const filter::Ruleset& ruleset, const Vocabulary& names,
                       std::size_t most_nodes = filter::FilterSpace::kMostNodes);

}  // namespace quay
