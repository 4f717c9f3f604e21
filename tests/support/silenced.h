// A ruleset with some of its rules doing nothing.
#pragma once

#include <string>
#include <utility>

#include "model/filter.h"

namespace quay::filter {

// They stay in their places, so that what asks for something that changes (limits) is known by the
// same number as before.
template <typename Named>
Ruleset silenced(Ruleset ruleset, Named named) {
  for (Table& table : ruleset.tables)
    for (Chain& chain : table.chains)
      for (Rule& rule : chain.rules)
        if (named(place_of(table, chain, rule))) {
          rule.verdict = {};
          rule.map.reset();
          rule.assigns.clear();
        }
  return ruleset;
}

}  // namespace quay::filter
