// Reads the expressions of nftables' rules, as netlink tells them.
//
// Attributes are those of linux/netfilter/nf_tables.h and, where that header is older than the
// kernel, of the kernel's net/netfilter/nft_*.c.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "model/ruleset.h"

namespace quay {

// The inside of an NFTA_LIST_ELEM. An expression, an attribute or a flag that is not known, and a
// value that is missing, make nft::Unknown, by name.
nft::Expression read_nft_expression(std::string_view bytes);

// The same, of what elements of sets do; others than those are Unknown.
nft::Effect read_nft_effect(std::string_view bytes);

// The inside of nft_data_attributes: a value or a verdict; nullopt for anything else.
std::optional<nft::Data> read_nft_data(std::string_view bytes);
std::optional<nft::Bytes> read_nft_bytes(std::optional<std::string_view> bytes);

// What an object holds (NFTA_OBJ_DATA), by its type (NFT_OBJECT_*).
nft::Effect read_nft_object(std::uint32_t type, std::string_view data);

}  // namespace quay
