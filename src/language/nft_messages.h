// Reads the netlink messages in which the kernel tells its nftables rulesets.
//
// Layouts are those of linux/netfilter/nf_tables.h and of the kernel's net/netfilter/nft_*.c; an
// attribute, a flag or an expression that is not known here is written down as unknown.
#pragma once

#include <string_view>

#include "model/ruleset.h"

namespace quay {

// Takes the answers to NFT_MSG_GETTABLE, GETCHAIN, GETRULE, GETSET, GETSETELEM and GETOBJ, whole
// netlink messages in host byte order, one after the other, and puts what they tell of `table`
// into it: family and name say which that is. Messages about other tables are passed over.
// Elements must come after their set. Returns false when the bytes are no such messages; nothing is
// ever read beyond them.
bool read_nft_messages(std::string_view messages, nft::Table& table);

}  // namespace quay
