// The policy file (docs/policy.md): strict to read, canonical to write.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "language/port_names.h"
#include "model/policy.h"
#include "model/service.h"

namespace quay {

// Reads a policy and holds it against the catalogue: unknown keys, services, functions and
// interfaces are errors with the near name; ports must be ones that the service may use. `file`
// names the file in errors ("policy.toml:14: ...").
Parsed<Policy> parse_policy(std::string_view text, const std::string& file,
                            const Catalogue& catalogue, const PortNames& port_names);

// A time as policy files and the API write it, RFC 3339 in UTC: "2026-11-23T18:00:00Z".
std::string time_text(TimePoint time);

// The canonical spelling: keys in one order, defaults left out, rules as to_text(UserRule)
// prints them. Parses back to an equal policy. Comments of TOML (`# ...`) are not kept; the keys
// `comment`, `reason` and `owner` are.
std::string to_text(const Policy& policy);

}  // namespace quay
