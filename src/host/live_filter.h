// What judges packets on this host now, in the model that every analysis reads.
#pragma once

#include "base/result.h"
#include "host/nft_dump.h"
#include "model/filter.h"

namespace quay {

// The tables of nftables by `dump`, in one state that there was; what is beside them
// (host/outside.h); and the networks that the interfaces are attached to. Fails when the kernel
// does not tell its tables: it tells them to those who have CAP_NET_ADMIN.
Result<filter::Ruleset> live_filter(NftDump& dump);

}  // namespace quay
