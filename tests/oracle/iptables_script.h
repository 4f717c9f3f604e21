// Random rulesets for iptables-nft-restore(8) and ip6tables-nft-restore(8).
#pragma once

#include "tests/oracle/corners.h"
#include "tests/oracle/dice.h"
#include "tests/oracle/script.h"

namespace quay::oracle {

// Tables filter, mangle and raw of one family, with chains of their own.
Script some_iptables_script(const Corners& corners, Family family, Dice& dice);

}  // namespace quay::oracle
