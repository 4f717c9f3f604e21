#include "app/manager.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "app/first_policy.h"
#include "base/checksum.h"
#include "language/policy_file.h"

namespace quay {
namespace {

constexpr std::size_t kRememberedRevisions = 16;

Refusal refuse(Refusal::Kind kind, std::vector<Error> errors) {
  return {.kind = kind, .errors = std::move(errors), .changed = {}};
}

std::unexpected<Refusal> refused(Refusal::Kind kind, Error error) {
  return std::unexpected(refuse(kind, {std::move(error)}));
}

Enforcement enforcement_of(Restored restored) {
  switch (restored) {
    case Restored::Policy:
      return Enforcement::On;
    case Restored::Off:
      return Enforcement::Off;
    case Restored::Kept:
      return Enforcement::Kept;
    case Restored::LastGood:
      return Enforcement::LastGood;
    case Restored::FailSafe:
      break;
  }
  return Enforcement::FailSafe;
}

std::vector<std::string> lines(const Effects& effects) {
  std::vector<std::string> result;
  result.reserve(effects.opens.size() + effects.closes.size());
  for (const Effect& effect : effects.opens)
    result.push_back("opens " + to_text(effect));
  for (const Effect& effect : effects.closes)
    result.push_back("closes " + to_text(effect));
  return result;
}

}  // namespace

Manager::Manager(Firewall& firewall, Files& files, Clock& clock, RestorePaths paths)
    : firewall_(firewall),
      kernel_(firewall),
      files_(files),
      clock_(clock),
      paths_(std::move(paths)) {}

// What the kernel holds is what later changes start from.
void Manager::learn_table() {
  const auto held = kernel_.read();
  written_.reset();
  if (held && held->sound())
    written_.emplace(held->table, held->slot);
}

void Manager::load_inventory() {
  port_names_ = load_port_names(files_);
  Parsed<Catalogue> catalogue = load_catalogue(files_, paths_.catalogue);
  catalogue_ = std::move(catalogue.value);
  catalogue_faults_ = std::move(catalogue.errors);
}

Result<void> Manager::start() {
  load_inventory();
  // A process that was killed may have left a staged file; staging and dropping another clears it.
  for (const std::string& path : {paths_.policy, paths_.last_good})
    if (files_.modified(path))
      static_cast<void>(files_.stage(path, ""));
  if (!files_.modified(paths_.policy) && !files_.modified(paths_.last_good)) {
    faults_ = catalogue_faults_;
    enforcement_ = Enforcement::NoPolicy;
    return {};
  }
  auto report = restore(firewall_, files_, clock_, paths_);
  if (!report)
    return fail(report.error());
  faults_ = std::move(report->errors);
  warnings_ = std::move(report->notes);
  enforcement_ = enforcement_of(report->restored);
  in_force_ = std::move(report->policy);
  file_text_ = files_.read(paths_.policy).value_or("");
  if (in_force_)
    revision_ = checksum(to_text(in_force_->policy));
  learn_table();
  return {};
}

bool Manager::edited_by_hand() const {
  const auto text = files_.read(paths_.policy);
  if (text.value_or("") == file_text_)
    return false;
  // Another spelling of the same policy is no edit.
  if (!text || !in_force_)
    return true;
  const Parsed<Policy> parsed = parse_policy(*text, paths_.policy, catalogue_, port_names_);
  return !parsed.ok() || parsed.value != in_force_->policy;
}

std::expected<Policy, Refusal> Manager::first_policy(const std::vector<std::string>& interfaces,
                                                     bool factory) {
  if (enforcement_ != Enforcement::NoPolicy && !factory)
    return refused(Refusal::Kind::Invalid,
                   {paths_.policy,
                    "there is a policy already; `quaymaster init --factory` "
                    "replaces it with the one of a new gateway"});
  auto policy = quay::first_policy(files_, interfaces, factory);
  if (!policy)
    return refused(Refusal::Kind::Failed, policy.error());
  return std::move(*policy);
}

// A policy as the kernel sees it: not enforced, it lets everything pass.
Compilation Manager::effective(const std::optional<Compilation>& compilation) const {
  if (compilation && compilation->policy.enforcing)
    return *compilation;
  Compilation open{compilation ? compilation->policy : Policy{}, {}};
  for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward})
    open.compiled.rules.push_back({.direction = direction,
                                   .verdict = Verdict::Accept,
                                   .origin = {.kind = Origin::Kind::Profile, .name = "none"},
                                   .reason = "nothing is enforced"});
  return open;
}

// Somebody changed the policy in between: another client, or a hand with an editor.
std::optional<Refusal> Manager::conflict(const Change& change) {
  Refusal refusal;
  refusal.kind = Refusal::Kind::Conflict;
  if (!change.base.empty() && change.base != revision_) {
    refusal.errors.push_back(
        {"", fmt::format("the policy changed in between: it was revision {} and is {}", change.base,
                         revision_.empty() ? "none" : revision_)});
    for (const auto& [revision, text] : past_) {
      if (revision != change.base)
        continue;
      Parsed<Policy> then = parse_policy(text, "policy", catalogue_, port_names_);
      Compilation before{std::move(then.value), {}};
      before.compiled = compile(before.policy, catalogue_, clock_.now());
      refusal.changed = lines(effects(effective(before), effective(in_force_), catalogue_));
    }
    return refusal;
  }
  if (change.edit && edited_by_hand()) {
    refusal.errors.push_back(
        {paths_.policy,
         "was edited and is not in force yet; `quaymaster plan` shows what the edit does, "
         "`quaymaster apply` brings it into force"});
    return refusal;
  }
  return std::nullopt;
}

std::expected<Policy, Refusal> Manager::next_policy(const Change& change,
                                                    std::vector<std::string>& notes) {
  if (!change.edit) {
    Parsed<Policy> parsed = load_policy(files_, paths_.policy, catalogue_);
    if (!parsed.ok())
      return std::unexpected(refuse(Refusal::Kind::Invalid, std::move(parsed.errors)));
    return std::move(parsed.value);
  }
  const bool replaces = std::holds_alternative<ReplaceEdit>(*change.edit);
  if (!in_force_ && !replaces) {
    if (enforcement_ == Enforcement::NoPolicy)
      return refused(Refusal::Kind::Invalid,
                     {"", "there is no policy yet; `quaymaster init` makes the first one"});
    return refused(
        Refusal::Kind::Invalid,
        {paths_.policy, "the policy file is refused; mend it and say `quaymaster apply`"});
  }
  const Compilation none;
  const Compilation& now = in_force_ ? *in_force_ : none;
  auto edited = edit(now.policy, *change.edit, catalogue_, now.compiled);
  if (!edited)
    return refused(Refusal::Kind::Invalid, edited.error());
  notes = std::move(edited->notes);
  // What the file could not say must not come into force.
  Parsed<Policy> parsed = parse_policy(to_text(edited->policy), "policy", catalogue_, port_names_);
  for (Error& error : parsed.errors)
    error.place.clear();
  if (!parsed.ok())
    return std::unexpected(refuse(Refusal::Kind::Invalid, std::move(parsed.errors)));
  return std::move(parsed.value);
}

std::expected<Plan, Refusal> Manager::plan(const Change& change) {
  if (auto found = conflict(change))
    return std::unexpected(std::move(*found));
  if (!change.edit)
    load_inventory();
  Plan plan;
  plan.base = revision_;
  auto policy = next_policy(change, plan.notes);
  if (!policy)
    return std::unexpected(std::move(policy.error()));
  plan.next.policy = std::move(*policy);
  plan.next.compiled = compile(plan.next.policy, catalogue_, clock_.now());
  plan.revision = checksum(to_text(plan.next.policy));
  plan.changes = !in_force_ || plan.next.policy != in_force_->policy ||
                 (plan.next.policy.enforcing &&
                  (!written_ || nft_table(plan.next.compiled.rules) != written_->first));
  const Report report = check(plan.next.policy, catalogue_, plan.next.compiled);
  plan.warnings = report.warnings;
  if (!report.failed.empty())
    return std::unexpected(
        refuse(Refusal::Kind::Invalid, failed_tests(report, change.edit ? "" : paths_.policy)));
  if (plan.changes)
    plan.effects = effects(effective(in_force_), effective(plan.next), catalogue_);
  return plan;
}

// Brings a table into the kernel and reads it back. Where the kernel does not hold what we wrote
// last, a small change is not enough: then everything is written.
Result<void> Manager::load(const NftTable& table) {
  if (written_) {
    const auto slot = kernel_.change(written_->first, table, written_->second);
    if (!slot)
      return fail(slot.error());
    written_.emplace(table, *slot);
    if (kernel_.verify(table))
      return {};
  }
  if (auto done = kernel_.replace(table); !done)
    return done;
  learn_table();
  return kernel_.verify(table);
}

// Makes the kernel hold again what it held before a change that failed. Where it refuses even that,
// the next examine() tries again.
Refusal Manager::roll_back(const std::optional<std::pair<NftTable, Slot>>& before, Error why) {
  Refusal refusal = refuse(Refusal::Kind::Failed, {std::move(why)});
  const Result<void> back = before ? kernel_.replace(before->first) : kernel_.remove();
  if (back) {
    learn_table();
  } else {
    refusal.errors.push_back(back.error());
    written_ = before;
  }
  return refusal;
}

Result<void> Manager::enforce(const Plan& plan) {
  if (plan.next.policy.enforcing)
    return load(nft_table(plan.next.compiled.rules));
  auto removed = kernel_.remove();
  if (removed)
    written_.reset();
  return removed;
}

void Manager::adopt(const Plan& plan, std::string file_text) {
  if (!revision_.empty() && in_force_) {
    past_.emplace_back(revision_, to_text(in_force_->policy));
    if (past_.size() > kRememberedRevisions)
      past_.pop_front();
  }
  in_force_ = plan.next;
  revision_ = plan.revision;
  file_text_ = std::move(file_text);
  warnings_ = plan.warnings;
  faults_ = catalogue_faults_;
  drift_.clear();
  enforcement_ = plan.next.policy.enforcing ? Enforcement::On : Enforcement::Off;
}

std::expected<Plan, Refusal> Manager::apply(const Change& change) {
  auto planned = plan(change);
  if (!planned)
    return planned;
  const bool from_file = !change.edit.has_value();
  std::string text =
      from_file ? files_.read(paths_.policy).value_or("") : to_text(planned->next.policy);
  if (!planned->changes) {
    if (from_file)
      file_text_ = std::move(text);
    return planned;
  }

  std::unique_ptr<StagedFile> policy_file;
  std::unique_ptr<StagedFile> last_good;
  const auto stage = [&](const std::string& path, const std::string& content,
                         std::unique_ptr<StagedFile>& staged) -> Result<void> {
    auto file = files_.stage(path, content);
    if (!file)
      return fail(file.error());
    staged = std::move(*file);
    return {};
  };
  if (planned->next.policy.enforcing)
    if (auto done =
            stage(paths_.last_good,
                  seal(nft_script(nft_table(planned->next.compiled.rules), Slot::A)), last_good);
        !done)
      return refused(Refusal::Kind::Failed, done.error());
  if (!from_file)
    if (auto done = stage(paths_.policy, text, policy_file); !done)
      return refused(Refusal::Kind::Failed, done.error());

  const auto before = written_;
  if (auto done = enforce(*planned); !done)
    return std::unexpected(roll_back(before, done.error()));
  if (policy_file != nullptr)
    if (auto done = policy_file->commit(); !done)
      return std::unexpected(roll_back(before, done.error()));
  // The policy is in force whatever becomes of its fallback.
  if (last_good != nullptr)
    if (const auto done = last_good->commit(); !done)
      planned->warnings.push_back("the rules were not saved for bad times: " + done.error().text());
  adopt(*planned, std::move(text));
  return planned;
}

// quaymaster-restore may have brought an edited policy file, or an edited catalogue, into the
// kernel.
bool Manager::adopt_edit(const NftListing& held) {
  if (!held.sound())
    return false;
  const auto planned = plan({});
  if (!planned || !planned->next.policy.enforcing ||
      nft_table(planned->next.compiled.rules) != held.table)
    return false;
  adopt(*planned, files_.read(paths_.policy).value_or(""));
  written_.emplace(held.table, held.slot);
  return true;
}

Result<std::vector<std::string>> Manager::examine() {
  drift_.clear();
  if (enforcement_ == Enforcement::NoPolicy || enforcement_ == Enforcement::Off || !written_)
    return drift_;
  const auto held = kernel_.read();
  if (!held)
    return fail(held.error());
  drift_ = differences(written_->first, held->table);
  for (const std::string& line : held->unknown)
    drift_.push_back("+ " + line);
  if (drift_.empty() || adopt_edit(*held))
    return std::exchange(drift_, {});
  if (in_force_ && in_force_->policy.drift == Drift::Report)
    return drift_;
  const NftTable table = written_->first;
  if (auto done = kernel_.replace(table); !done)
    return fail(done.error());
  learn_table();
  if (auto same = kernel_.verify(table); !same)
    return fail(same.error());
  return std::exchange(drift_, {});
}

}  // namespace quay
