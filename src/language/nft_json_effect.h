// What statements of nft's JSON change: marks, headers, addresses, whether a packet is tracked.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "language/nft_json_access.h"
#include "language/nft_json_context.h"
#include "language/nft_json_match.h"
#include "model/filter.h"

namespace quay::nft_json {

struct Effect {
  Meaning needs;  // without which the kernel breaks off here
  std::vector<filter::Assign> assigns;
};

// {"key": ..., "value": ...}. Nullopt: what is changed is not known.
std::optional<Effect> mangling(const Json& mangle, const Context& context);

// The key of a map must be in it, or the rule ends there.
Meaning map_needs(const Json& map, const Context& context);

// snat, dnat, masquerade, redirect: after it the base chain ends with accept.
Effect translation(std::string_view kind, const Json& value, const Context& context);

}  // namespace quay::nft_json
