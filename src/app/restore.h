// Brings the policy's rules into the kernel without a daemon: at boot, and after every edit.
#pragma once

#include <string>
#include <vector>

#include "app/inventory.h"
#include "base/result.h"
#include "host/host.h"

namespace quay {

struct RestorePaths {
  std::string policy = "/etc/quaymaster/policy.toml";
  std::string last_good = "/var/lib/quaymaster/last-good.nft";  // the rules that last loaded
  CatalogueFolders catalogue = kInstalledCatalogue;
};

// What was brought into the kernel.
enum class Restored {
  Policy,    // the policy file's rules
  Kept,      // nothing: the policy is wrong and the kernel has rules of ours, which stay
  LastGood,  // at boot, the policy being wrong: the rules that loaded last
  FailSafe,  // at boot, with neither: profile enhanced with the catalogue's defaults
};

struct RestoreReport {
  Restored restored = Restored::Policy;
  std::vector<Error> errors;       // what was wrong with the catalogue or the policy
  std::vector<std::string> notes;  // warnings about the policy that is in force
  std::size_t rules = 0;           // compiled
};

// Reads, compiles, loads in one transaction, reads back and compares. A wrong policy, or one
// whose own tests fail, never opens anything and never closes the way in: see Restored. Fails
// when the kernel refuses, and then it holds the rules it held before; or when it does not hold
// what was written, with the first difference.
Result<RestoreReport> restore(Firewall& firewall, Files& files, Clock& clock,
                              const RestorePaths& paths);

}  // namespace quay
