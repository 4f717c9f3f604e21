// Readers of the expressions that do something with a packet, or ask for more than its bytes. For
// nft_expressions.cc alone.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "language/nft_attributes.h"
#include "model/ruleset.h"

namespace quay {

using NftReading = std::optional<nft::Expression>;  // nullopt: a value that is not known

// By the names that the kernel gives them (struct nft_expr_type in net/netfilter).
std::vector<std::pair<std::string_view, NftReading (*)(NftAttributes&)>> nft_statement_readers();

}  // namespace quay
