// One rule changed: packets of which two rulesets say different things.
#pragma once

#include <optional>

#include "model/filter.h"
#include "tests/oracle/corners.h"
#include "tests/oracle/dice.h"
#include "tests/oracle/sample.h"
#include "tests/oracle/script.h"

namespace quay::oracle {

// The script with one rule taken away, or deciding otherwise. nullopt when it has none to change.
std::optional<Script> mutant(Script script, Dice& dice);

// What two rulesets do with all packets there are.
struct Comparison {
  bool alike = true;  // no packet is surely accepted by one, and surely not by the other
  // One that is, and that the gateway can send; nullopt where none was found among the drafts.
  std::optional<Sample> counterexample;
};
Comparison compare(const filter::Ruleset& first, const filter::Ruleset& second,
                   const Corners& corners, Dice& dice);

}  // namespace quay::oracle
