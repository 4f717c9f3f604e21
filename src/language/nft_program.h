// What the kernel's nftables does with packets, in the model that every analysis reads.
//
// Rules are interpreted expression by expression, with registers that know for each bit where it
// comes from; whatever is not known stays by name (filter::Rule::unknown), and then the rule may do
// anything. Neutral to packets, and left out: counters, logs, copies, comments.
//
// Assumed of packets: headers are whole and not fragmented, so that what a rule loads of them is
// there; IPv6 packets have no extension headers before their transport header.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "model/filter.h"
#include "model/ruleset.h"

namespace quay {

// `interfaces`: names by index, as the kernel's `iif` and `oif` compare; an index that is not among
// them is an interface that there cannot be, "#7". Places are "handle 12"; a rule of the kernel may
// become several of the model, of one place.
filter::Ruleset read_nft_program(const nft::Ruleset& ruleset,
                                 const std::map<std::uint32_t, std::string>& interfaces);

// By its number in the kernel (linux/netfilter.h: NFPROTO_*).
std::optional<filter::TableFamily> nft_table_family(std::uint8_t number);

}  // namespace quay
