// Verdicts and verdict maps of nft's JSON.
#pragma once

#include <optional>

#include "language/nft_json_access.h"
#include "language/nft_json_context.h"
#include "language/nft_json_match.h"
#include "model/filter.h"

namespace quay::nft_json {

// {"accept": null}, {"jump": {"target": "x"}}. Nullopt: it is none.
std::optional<filter::Verdict> verdict_of(const Json& statement);

// {"key": ..., "data": ...}: what must be there to be asked, and the verdicts. Without a map the
// verdict is not known.
struct VerdictChoice {
  Meaning needs;
  std::optional<filter::VerdictMap> map;
};
VerdictChoice verdict_choice(const Json& vmap, const Context& context);

}  // namespace quay::nft_json
