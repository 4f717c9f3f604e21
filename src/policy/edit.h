// What the changing verbs do to a policy. Pure: the policy that comes out has still to be held
// against the catalogue (parse_policy of its text does that).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/policy.h"
#include "model/service.h"
#include "model/user_rule.h"
#include "policy/compile.h"

namespace quay {

// `service enable|disable|expose|hide|set`. Unset fields stay as they are. `id` may name a
// function ("lon.rni"): then `enabled` and `port` are the function's.
struct ServiceEdit {
  std::string id;
  std::optional<bool> enabled;
  std::optional<bool> exposed;
  bool everywhere = false;  // `--on all`
  std::optional<std::vector<std::string>> on;
  std::optional<std::vector<Prefix>> from;
  std::optional<Port> port;
  std::optional<PortSet> clients;
  std::optional<std::string> reason;
  std::optional<std::string> owner;
  bool operator==(const ServiceEdit&) const = default;
};

// `profile enhanced --keep mqtt,ssh`
struct ProfileEdit {
  std::string profile;
  std::vector<std::string> keep;  // service ids whose switches stay as they are
  bool operator==(const ProfileEdit&) const = default;
};

// `interface set lan=eth0`, `interface remove lan`
struct InterfaceEdit {
  std::map<std::string, InterfaceName> set;
  std::vector<std::string> remove;
  bool operator==(const InterfaceEdit&) const = default;
};

// An opening more, or another end for one that there is.
struct OpeningEdit {
  std::size_t number = 0;          // of [[openings]], from 1 on; 0: another one
  std::optional<UserRule> rule;    // of another one
  std::optional<TimePoint> until;  // nullopt: it is closed, and none any more
  std::optional<std::string> reason;
  bool operator==(const OpeningEdit&) const = default;
};

// `enable`, `disable`
struct EnforceEdit {
  bool enforcing = true;
  bool operator==(const EnforceEdit&) const = default;
};

// Another policy in its place: `apply`, `init`
struct ReplaceEdit {
  Policy policy;
  bool operator==(const ReplaceEdit&) const = default;
};

using Edit = std::variant<RuleCommand, ServiceEdit, ProfileEdit, InterfaceEdit, OpeningEdit,
                          EnforceEdit, ReplaceEdit>;

struct Edited {
  Policy policy;
  std::vector<std::string> notes;  // "the rule is there already"
};

// Fails when there is nothing that the edit speaks of, or when it says too little. `compiled` is
// what compile() made of `policy`: numbers count its listing (policy/numbered.h).
//
// A rule that is there already is not added again; one that differs in verdict, log or comment
// alone takes its place, as with ufw. Deleting the number of a service's line writes the policy
// key that closes it.
Result<Edited> edit(const Policy& policy, const Edit& change, const Catalogue& catalogue,
                    const Compiled& compiled);

}  // namespace quay
