// Random policies of ours, as they are compiled for the kernel.
#pragma once

#include "model/filter.h"
#include "model/service.h"
#include "tests/oracle/corners.h"
#include "tests/oracle/dice.h"
#include "tests/oracle/script.h"

namespace quay::oracle {

struct PolicyScript {
  Script script;           // one piece; the policy stands in comments before it
  filter::Ruleset policy;  // what the policy says, without the kernel
};

// Profiles, services and own rules over the corners that packets are made from.
PolicyScript some_policy_script(const Corners& corners, const Catalogue& catalogue, Dice& dice);

}  // namespace quay::oracle
