// Brings the policy's rules into the kernel without a daemon: at boot, and after every edit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/inventory.h"
#include "base/result.h"
#include "host/host.h"
#include "policy/check.h"
#include "policy/effects.h"

namespace quay {

struct RestorePaths {
  std::string policy = "/etc/quaymaster/policy.toml";
  std::string last_good = "/var/lib/quaymaster/last-good.nft";  // the rules that last loaded
  CatalogueFolders catalogue = kInstalledCatalogue;
  std::string lock = "/var/lib/quaymaster/lock";  // held by whoever changes the rules
};

// What is in the kernel now.
enum class Restored : std::uint8_t {
  Policy,    // the policy file's rules
  Off,       // nothing of ours: the policy says enforcing = false
  Kept,      // the policy being refused: the rules of ours that were there
  LastGood,  // there being none: the rules that loaded last
  FailSafe,  // there being none of those either: profile enhanced with the catalogue's defaults
};

struct RestoreReport {
  Restored restored = Restored::Policy;
  std::optional<Compilation> policy;  // with Restored::Policy and Restored::Off
  std::vector<Error> errors;          // what was wrong with the catalogue or the policy
  std::vector<std::string> notes;     // warnings about the policy that is in force
};

// The later of the clock and the last load: a gateway without a battery boots in the past, and an
// opening that has ended must not open again.
TimePoint now_at_least(Files& files, Clock& clock, const RestorePaths& paths);

// The policy's own tests that do not hold, an error each.
std::vector<Error> failed_tests(const Report& report, const std::string& policy_file);

// Reads, compiles, loads in one transaction, reads back and compares. A policy that cannot be
// read, whose own tests fail, or that the kernel refuses never opens anything and never closes the
// way in: see Restored. Fails when the kernel cannot be asked, takes no rules at all, or does not
// hold what was written.
Result<RestoreReport> restore(Firewall& firewall, Files& files, Clock& clock,
                              const RestorePaths& paths);

}  // namespace quay
