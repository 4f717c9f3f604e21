// Where a rule of nft's JSON stands: what must be known of its table to read it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "language/nft_json_access.h"
#include "model/filter.h"

namespace quay::nft_json {

// A named set or map.
struct NamedSet {
  std::vector<const Json*> elements;  // of a map: arrays of a key and a value
  // Rules put elements into it, or time takes them out: what it holds when a packet comes is not
  // known.
  bool changing = false;
  bool filled = false;  // by rules
};

using NamedSets = std::map<std::string, NamedSet, std::less<>>;

// From which base chains a chain can be reached.
struct Reached {
  bool before_conntrack = false;
  bool after_conntrack = false;
  // Only when the packet's addresses and ports are as they stay: in the hooks input and forward.
  bool settled = true;
};

struct Context {
  filter::TableFamily family = filter::TableFamily::Inet;
  const NamedSets* sets = nullptr;  // never nullptr while rules are read
  Reached reached;
  bool translates = false;  // some rule of the ruleset changes addresses or ports
  bool mangles = false;     // some rule changes marks or what packets hold

  // The set that "@name" says; nullptr when there is none.
  const NamedSet* set(std::string_view reference) const {
    if (!reference.starts_with('@'))
      return nullptr;
    const auto found = sets->find(reference.substr(1));
    return found == sets->end() ? nullptr : &found->second;
  }
};

}  // namespace quay::nft_json
