// Random rulesets for nft -f.
#pragma once

#include "tests/oracle/corners.h"
#include "tests/oracle/dice.h"
#include "tests/oracle/script.h"

namespace quay::oracle {

// Tables of all families with base chains, and chains that they jump to; over the corners that
// packets are made from. `nat`: chains for translation as well.
Script some_nft_script(const Corners& corners, bool nat, Dice& dice);

}  // namespace quay::oracle
