// ufw's rule grammar (ufw(8), version 0.36), simple and full, without `route`.
//
//   [delete NUMBER | delete | insert NUMBER | prepend]
//   allow|deny|reject|limit [in|out] [log|log-all] PORT[/PROTOCOL] | NAME       [comment TEXT]
//   allow|deny|reject|limit [in|out [on INTERFACE]] [log|log-all] [proto PROTOCOL]
//       [from ADDRESS|any [port PORTS | app ID]] [to ADDRESS|any [port PORTS | app ID]]
//       [comment TEXT]
//
// PORTS are numbers, ranges (`8000:8010`) or one name out of /etc/services; a list or a range
// needs a protocol and holds at most 15 ports, a range counting as two. ID is a service of the
// catalogue. In the simple form a name of /etc/services comes before an equal service id, as ufw
// prefers it over an application profile.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "language/port_names.h"
#include "model/user_rule.h"

namespace quay {

// What a rule may name.
struct RuleNames {
  PortNames ports;
  std::vector<std::string> services;  // ids of the catalogue, sorted
};

// A comment stands between single quotes on one line, so it holds neither.
bool good_comment(std::string_view comment);

// Reads a rule alone, as it stands in a policy. Fails with the word that is wrong and why.
Result<UserRule> parse_user_rule(std::string_view text, const RuleNames& names);

// Reads a rule with the edit before it, as it stands on a command line.
Result<RuleCommand> parse_rule_command(const std::vector<std::string>& words,
                                       const RuleNames& names);

// The one canonical spelling: it parses back to an equal rule. Without ports and addresses of
// note it is the simple form.
std::string to_text(const UserRule& rule);
std::string to_text(const RuleCommand& command);

}  // namespace quay
