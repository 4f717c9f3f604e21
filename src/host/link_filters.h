// What judges packets at the interfaces, before and after the chains of nftables.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace quay {

// What it is and where, a short sentence each, by the kernel's number of the interface: XDP
// programs, bridges, filters of tc. What the kernel refuses to tell is a sentence too. One dump of
// the interfaces, one of the queues, and one of the filters of each queue that may hold some.
//
// Looks at the network namespace that the calling thread is in (rtnetlink(7)). Needs no privileges,
// but for tcx programs, which want CAP_NET_ADMIN.
std::vector<std::string> link_filters();

}  // namespace quay
