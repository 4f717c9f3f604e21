// Random rulesets for nft -f.
#pragma once

#include "tests/oracle/corners.h"
#include "tests/oracle/dice.h"
#include "tests/oracle/script.h"

namespace quay::oracle {

// Tables of all families with base chains, and chains that they jump to; over the corners that
// packets are made from.
Script some_nft_script(const Corners& corners, Dice& dice);

// Of each hook a chain with rules that `nft -o` merges: of others it breaks off.
Script some_similar_rules(const Corners& corners, Dice& dice);

}  // namespace quay::oracle
