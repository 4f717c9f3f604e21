// The manager: one policy in force, and the way from it to the next.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/held_table.h"
#include "app/restore.h"
#include "base/result.h"
#include "host/host.h"
#include "language/user_rule_text.h"
#include "policy/check.h"
#include "policy/edit.h"
#include "policy/effects.h"
#include "policy/proof.h"

namespace quay {

// What somebody wants changed.
struct Change {
  std::optional<Edit> edit;   // nullopt: what the policy file and the catalogue's say now
  std::string base;           // the revision that it was made for; empty: whichever is in force
  bool only_opening = false;  // apply() only plans when something closes by it, or might
};

// What a change would do, or did.
struct Plan {
  Compilation next;
  std::string base;      // the revision in force that it starts from; empty without one
  std::string revision;  // of `next`
  std::string text;      // that the policy file then holds
  Effects effects;
  bool effects_known = true;          // false: what is in force now is not known rule by rule
  std::vector<std::string> notes;     // about the edit
  std::vector<std::string> warnings;  // about the policy that comes out
  bool changes = false;               // the policy differs from the one in force
  bool applied = false;               // and is now the one in force
  std::optional<Proof> proof;         // of what was applied, where it is enforced
};

// Why a change did not happen. Policy, kernel and files are then as they were.
struct Refusal {
  enum class Kind : std::uint8_t {
    Invalid,   // the change is wrong, or the policy that comes out
    Conflict,  // the policy is not the one that the change was made for
    Failed,    // the kernel or the disk said no
  };
  Kind kind = Kind::Invalid;
  std::vector<Error> errors;         // at least one
  std::vector<std::string> changed;  // with Conflict: what changed in between
};

// What is in the kernel, for people.
enum class Enforcement : std::uint8_t {
  NoPolicy,  // there is no policy file yet; the kernel is left alone
  Off,       // the policy says enforcing = false; our table is not in the kernel
  On,        // the policy's rules
  Kept,      // the policy file is refused: the rules that were there
  LastGood,  // or the rules that loaded last
  FailSafe,  // or the fail-safe ones
};

// Not for several threads at once. `firewall`, `files` and `clock` outlive it.
class Manager {
 public:
  Manager(Firewall& firewall, Files& files, Clock& clock, RestorePaths paths);

  // Brings the policy file's rules into the kernel as restore() does, or leaves the kernel alone
  // when there has never been a policy; then a table that a killed first policy left is taken away.
  // Once, before anything else.
  Result<void> start();

  Enforcement enforcement() const { return enforcement_; }
  const Catalogue& catalogue() const { return catalogue_; }
  // The policy in force; nullopt without one, and when the policy file is refused.
  const std::optional<Compilation>& in_force() const { return in_force_; }
  TimePoint now() const { return clock_.now(); }
  // Names the policy in force: the checksum of its canonical text. Empty without one.
  const std::string& revision() const { return revision_; }
  // What is wrong with the catalogue or the policy file, and could not be mended at start(); and
  // that the policy file is gone.
  std::vector<Error> faults() const;
  const std::vector<std::string>& warnings() const { return warnings_; }
  // How the kernel's table differs from what was written, by the last examine().
  const std::vector<std::string>& drift() const { return drift_; }

  // What rules may name: ports of /etc/services, services of the catalogue.
  RuleNames rule_names() const { return {port_names_, catalogue_.service_ids()}; }

  // The first policy of this gateway (app/first_policy.h). Refused when there is one already and
  // this is not a factory reset.
  std::expected<Policy, Refusal> first_policy(const std::vector<std::string>& interfaces,
                                              bool factory);

  // The policy file holds something that is not in force yet.
  bool edited_by_hand() const;

  std::expected<Plan, Refusal> plan(const Change& change);

  // Compiled, tested, staged on the disk, one transaction, read back and proved; then the files
  // take their place. A process that is killed on the way leaves the old policy file or the new
  // one, and the rules follow the file at the next start. A file that was saved meanwhile stays,
  // and the change is taken back. A whole policy takes the place of a file that nobody can read,
  // which is kept as `policy.toml.refused`.
  std::expected<Plan, Refusal> apply(const Change& change);

  // Whether the kernel does what the policy in force says, for every packet. Fails when there is
  // no such policy, or when the kernel cannot be asked.
  Result<Proof> prove();
  // What the last proof found, prove()'s or a change's; nullopt where none could be made.
  const std::optional<Proof>& proof() const { return proof_; }
  // Why there is no proof, where there should be one; empty otherwise.
  const std::string& unproved() const { return unproved_; }

  // Compares the kernel's table with what was written. A difference is put back, or stays when the
  // policy says `drift = "report"`. Returns the differences. Fails when the kernel says no.
  Result<std::vector<std::string>> examine();

 private:
  void load_inventory();
  Result<bool> never_begun();
  bool file_is_gone() const;
  bool readable_file() const;
  Result<void> keep_refused(const std::optional<std::string>& file, Plan& plan);
  std::optional<Compilation> effective() const;
  std::vector<std::string> changes_since(const std::string& base) const;
  std::optional<Refusal> conflict(const Change& change) const;
  std::expected<Policy, Refusal> policy_of_file(Plan& plan);
  std::expected<Policy, Refusal> edited_policy(const Edit& change, Plan& plan);
  void remember(const std::optional<Proof>& proof);
  Result<Proof> prove_of(const Compilation& compilation);
  std::expected<void, Refusal> carry_out(Plan& plan, const std::optional<NftTable>& table,
                                         StagedFile* policy_file,
                                         const std::optional<std::string>& file);
  void adopt(const Plan& plan);
  bool adopt_edit(const NftListing& held);

  Firewall& firewall_;
  HeldTable held_;
  Files& files_;
  Clock& clock_;
  RestorePaths paths_;

  Catalogue catalogue_;
  PortNames port_names_;
  Enforcement enforcement_ = Enforcement::NoPolicy;
  std::optional<Compilation> in_force_;
  std::optional<Proof> proof_;
  std::string unproved_;
  std::string revision_;
  std::string file_text_;  // of the policy file when it was last read or written
  std::vector<Error> catalogue_faults_;
  std::vector<Error> faults_;
  std::vector<std::string> warnings_;
  std::vector<std::string> drift_;
  std::deque<std::pair<std::string, std::string>> past_;  // revision and text, the latest last
};

}  // namespace quay
