// Changes as JSON (docs/openapi.yaml, Change).
#pragma once

#include <string>
#include <string_view>

#include "api/request.h"
#include "app/manager.h"
#include "base/result.h"
#include "language/user_rule_text.h"
#include "model/service.h"

namespace quay {

// What a body asks for.
struct ChangeRequest {
  Change change;
  bool dry_run = false;       // plan only
  Role needed = Role::Admin;  // to do it
  std::string first_policy;   // "init" or "factory": the policy is still to be made
};

// Strict: an unknown key, or two changes in one body, are errors. Rules may name what `names`
// knows, and a whole policy is held against `catalogue`.
Result<ChangeRequest> parse_change(std::string_view body, const RuleNames& names,
                                   const Catalogue& catalogue);

}  // namespace quay
