// A configuration of firewalld as the table that its nftables backend loads.
#pragma once

#include <boost/json/array.hpp>

#include "language/firewalld_config.h"

namespace quay::firewalld {

// The objects of `nft -j list table inet firewalld`, as firewalld 1.3 makes them: its own tests of
// state and route, dispatch by zones and policies, and for each of them chains "pre", "log",
// "deny", "allow" and "post". Rules that only log are left out. Each rule's member "place" names
// the file that it comes from.
boost::json::array table_of(const Configuration& configuration);

}  // namespace quay::firewalld
