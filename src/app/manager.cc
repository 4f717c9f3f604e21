#include "app/manager.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "app/first_policy.h"
#include "base/checksum.h"
#include "base/text.h"
#include "language/policy_file.h"
#include "policy/vocabulary.h"

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

// The lines that only one of two texts has.
std::vector<std::string> line_changes(std::string_view before, std::string_view after) {
  const auto lines_of = [](std::string_view text) {
    std::multiset<std::string_view> lines;
    for (const std::string_view line : split(text, '\n'))
      if (!line.empty())
        lines.insert(line);
    return lines;
  };
  std::vector<std::string> result;
  const auto only_in = [&](std::string_view text, std::multiset<std::string_view> others,
                           const char* word) {
    for (const std::string_view line : split(text, '\n'))
      if (const auto found = others.find(line); found != others.end())
        others.erase(found);
      else if (!line.empty())
        result.push_back(fmt::format("{} {}", word, line));
  };
  only_in(before, lines_of(after), "removes");
  only_in(after, lines_of(before), "writes");
  return result;
}

std::optional<std::string> text_of(Files& files, const std::string& path) {
  auto text = files.read(path);
  return text ? std::optional(std::move(*text)) : std::nullopt;
}

bool may_close(const Plan& plan) {
  return !plan.effects_known || !plan.effects.complete || !plan.effects.closes.empty();
}

// The table that a policy wants; nullopt: none.
std::optional<NftTable> table_of(const Compilation& compilation) {
  if (!compilation.policy.enforcing)
    return std::nullopt;
  return nft_table(compilation.compiled.rules);
}

}  // namespace

Manager::Manager(Firewall& firewall, Files& files, Clock& clock, RestorePaths paths)
    : firewall_(firewall),
      held_(firewall),
      files_(files),
      clock_(clock),
      paths_(std::move(paths)) {}

void Manager::load_inventory() {
  port_names_ = load_port_names(files_);
  Parsed<Catalogue> catalogue = load_catalogue(files_, paths_.catalogue);
  catalogue_ = std::move(catalogue.value);
  catalogue_faults_ = std::move(catalogue.errors);
}

// Brings nothing into the kernel where there has never been a policy. True when that is so.
Result<bool> Manager::never_begun() {
  const bool killed_init = files_.clear_staged(paths_.policy);
  files_.clear_staged(paths_.last_good);
  if (files_.modified(paths_.policy) || files_.modified(paths_.last_good))
    return false;
  const auto held = held_.read();
  if (!held)
    return fail(held.error());
  if (held->empty())
    return true;
  // The table is what a first policy brought whose file had not taken its place yet. Or else the
  // files were deleted, and what is enforced must not end by that.
  if (!killed_init)
    return false;
  auto removed = held_.hold(std::nullopt, [] { return Result<void>(); });
  return removed ? Result<bool>(true) : fail(removed.error().front());
}

Result<void> Manager::start() {
  load_inventory();
  const auto fresh = never_begun();
  if (!fresh)
    return fail(fresh.error());
  if (*fresh) {
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
  if (in_force_) {
    revision_ = checksum(to_text(in_force_->policy));
    held_.assume(table_of(*in_force_));
    return {};
  }
  // Rules that no policy of ours stands for now: what is there is what should be.
  auto held = held_.read();
  if (!held)
    return fail(held.error());
  held_.assume(std::move(held->table));
  return {};
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

bool Manager::file_is_gone() const {
  return in_force_ && !files_.modified(paths_.policy);
}

std::vector<Error> Manager::faults() const {
  std::vector<Error> all = faults_;
  if (file_is_gone())
    all.push_back({paths_.policy,
                   "is gone; what it said is in force until the next start (`quaymaster apply "
                   "FILE` puts another in its place)"});
  return all;
}

bool Manager::edited_by_hand() const {
  const auto text = files_.read(paths_.policy);
  if (!text || *text == file_text_)
    return false;
  // Another spelling of the same policy is no edit.
  if (!in_force_)
    return true;
  const Parsed<Policy> parsed = parse_policy(*text, paths_.policy, catalogue_, port_names_);
  return !parsed.ok() || parsed.value != in_force_->policy;
}

// What the kernel enforces, rule by rule; nullopt when that is not known.
std::optional<Compilation> Manager::effective() const {
  if (in_force_)
    return in_force_;
  if (enforcement_ != Enforcement::NoPolicy)
    return std::nullopt;
  return Compilation{{.enforcing = false}, {}};
}

// What changed since a revision, as far as it is remembered.
std::vector<std::string> Manager::changes_since(const std::string& base) const {
  const auto now = effective();
  const auto then =
      std::find_if(past_.begin(), past_.end(), [&](const auto& one) { return one.first == base; });
  if (!now || then == past_.end())
    return {};
  Compilation before{parse_policy(then->second, "policy", catalogue_, port_names_).value, {}};
  before.compiled = compile(before.policy, catalogue_, clock_.now());
  std::vector<std::string> changes = lines(effects(before, *now, catalogue_, clock_.now()));
  return changes.empty() ? line_changes(then->second, to_text(now->policy)) : changes;
}

// Somebody changed the policy in between: another client, or a hand with an editor.
std::optional<Refusal> Manager::conflict(const Change& change) const {
  if (!change.base.empty() && change.base != revision_) {
    Refusal refusal =
        refuse(Refusal::Kind::Conflict,
               {{"", fmt::format("the policy changed in between: it was revision {} and is {}",
                                 change.base, revision_.empty() ? "none" : revision_)}});
    refusal.changed = changes_since(change.base);
    return refusal;
  }
  if (!change.edit)
    return std::nullopt;
  const bool whole = std::holds_alternative<ReplaceEdit>(*change.edit);
  if (file_is_gone() && !whole)
    return refuse(Refusal::Kind::Conflict, {faults().back()});
  if (!edited_by_hand() || (whole && !readable_file()))
    return std::nullopt;
  return refuse(Refusal::Kind::Conflict,
                {{paths_.policy,
                  "was edited and is not in force yet; `quaymaster plan` shows what the edit does, "
                  "`quaymaster apply` brings it into force"}});
}

bool Manager::readable_file() const {
  const auto text = files_.read(paths_.policy);
  return text && parse_policy(*text, paths_.policy, catalogue_, port_names_).ok();
}

// The policy that the file holds now.
std::expected<Policy, Refusal> Manager::policy_of_file(Plan& plan) {
  auto text = files_.read(paths_.policy);
  if (!text)
    return refused(Refusal::Kind::Invalid, text.error());
  plan.text = std::move(*text);
  Parsed<Policy> parsed = parse_policy(plan.text, paths_.policy, catalogue_, port_names_);
  if (!parsed.ok())
    return std::unexpected(refuse(Refusal::Kind::Invalid, std::move(parsed.errors)));
  return std::move(parsed.value);
}

// The policy that an edit makes of the one in force.
std::expected<Policy, Refusal> Manager::edited_policy(const Edit& change, Plan& plan) {
  if (!in_force_ && !std::holds_alternative<ReplaceEdit>(change)) {
    if (enforcement_ == Enforcement::NoPolicy)
      return refused(Refusal::Kind::Invalid,
                     {"", "there is no policy yet; `quaymaster init` makes the first one"});
    return refused(
        Refusal::Kind::Invalid,
        {paths_.policy, "the policy file is refused; mend it and say `quaymaster apply`"});
  }
  const Compilation now = in_force_.value_or(Compilation{});
  auto edited = edit(now.policy, change, catalogue_, now.compiled);
  if (!edited)
    return refused(Refusal::Kind::Invalid, edited.error());
  plan.notes = std::move(edited->notes);
  plan.text = to_text(edited->policy);
  // What the file could not say must not come into force.
  Parsed<Policy> parsed = parse_policy(plan.text, "policy", catalogue_, port_names_);
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
  auto policy = change.edit ? edited_policy(*change.edit, plan) : policy_of_file(plan);
  if (!policy)
    return std::unexpected(std::move(policy.error()));
  const TimePoint now = now_at_least(files_, clock_, paths_);
  plan.next.policy = std::move(*policy);
  plan.next.compiled = compile(plan.next.policy, catalogue_, now);
  plan.revision = checksum(to_text(plan.next.policy));
  plan.changes = !in_force_ || plan.next.policy != in_force_->policy ||
                 table_of(plan.next) != held_.wanted() || !drift_.empty();
  const Report report = check(plan.next.policy, catalogue_, plan.next.compiled);
  plan.warnings = report.warnings;
  if (!report.failed.empty())
    return std::unexpected(
        refuse(Refusal::Kind::Invalid, failed_tests(report, change.edit ? "" : paths_.policy)));
  const std::optional<Compilation> before = effective();
  // What somebody else made of the table stands for no policy.
  plan.effects_known = before.has_value() && drift_.empty();
  if (plan.changes && before)
    plan.effects = effects(*before, plan.next, catalogue_, now);
  return plan;
}

void Manager::adopt(const Plan& plan) {
  if (in_force_) {
    past_.emplace_back(revision_, to_text(in_force_->policy));
    if (past_.size() > kRememberedRevisions)
      past_.pop_front();
  }
  in_force_ = plan.next;
  remember(plan.proof);
  revision_ = plan.revision;
  file_text_ = plan.text;
  warnings_ = plan.warnings;
  faults_ = catalogue_faults_;
  drift_.clear();
  enforcement_ = plan.next.policy.enforcing ? Enforcement::On : Enforcement::Off;
}

Result<Proof> Manager::prove_of(const Compilation& compilation) {
  const auto live = firewall_.ruleset();
  if (!live)
    return fail(live.error());
  return quay::prove(compilation.compiled.rules, *live, vocabulary(compilation.policy, catalogue_));
}

void Manager::remember(const std::optional<Proof>& proof) {
  proof_ = proof;
  unproved_ =
      proof && proof->too_large ? "there are too many rules to hold them against the policy" : "";
}

Result<Proof> Manager::prove() {
  remember(std::nullopt);
  if (!in_force_)
    return fail("there is no policy in force to hold the kernel against");
  if (!in_force_->policy.enforcing)
    return fail("the policy is not enforced; `quaymaster enable` enforces it");
  auto proof = prove_of(*in_force_);
  if (proof)
    remember(*proof);
  else
    unproved_ = proof.error().text();
  return proof;
}

// Brings the plan's table into the kernel and proves it, then the staged policy file takes its
// place.
std::expected<void, Refusal> Manager::carry_out(Plan& plan, const std::optional<NftTable>& table,
                                                StagedFile* policy_file,
                                                const std::optional<std::string>& file) {
  auto kind = Refusal::Kind::Failed;
  const auto agreed = [&]() -> Result<void> {
    if (table) {
      auto proof = prove_of(plan.next);
      if (!proof)
        return fail(proof.error());
      if (!proof->differences.empty())
        return fail(Error{
            "kernel", "does not do what the policy says: " + to_text(proof->differences.front())});
      plan.proof = std::move(*proof);
    }
    if (text_of(files_, paths_.policy) != file) {
      kind = Refusal::Kind::Conflict;
      return fail(Error{paths_.policy, "was edited during the change, which is taken back"});
    }
    return policy_file == nullptr ? Result<void>() : policy_file->commit();
  };
  if (auto done = held_.hold(table, agreed); !done)
    return std::unexpected(refuse(kind, std::move(done.error())));
  return {};
}

// What the policy file holds and nobody could read is kept beside it, before another takes its
// place.
Result<void> Manager::keep_refused(const std::optional<std::string>& file, Plan& plan) {
  if (!file || *file == file_text_ || readable_file())
    return {};
  const std::string beside = paths_.policy + ".refused";
  if (auto kept = files_.write(beside, *file); !kept)
    return kept;
  plan.notes.push_back(fmt::format("what {} held is kept in {}", paths_.policy, beside));
  return {};
}

std::expected<Plan, Refusal> Manager::apply(const Change& change) {
  const std::optional<std::string> file = text_of(files_, paths_.policy);
  auto planned = plan(change);
  if (!planned)
    return planned;
  if (!planned->changes) {
    if (!change.edit)
      file_text_ = planned->text;
    return planned;
  }
  if (change.only_opening && may_close(*planned))
    return planned;
  const std::optional<NftTable> table = table_of(planned->next);
  std::unique_ptr<StagedFile> last_good;
  std::unique_ptr<StagedFile> policy_file;
  if (table) {
    auto staged = files_.stage(paths_.last_good, seal(nft_script(*table, Slot::A)));
    if (!staged)
      return refused(Refusal::Kind::Failed, staged.error());
    last_good = std::move(*staged);
  }
  if (change.edit) {
    if (auto kept = keep_refused(file, *planned); !kept)
      return refused(Refusal::Kind::Failed, kept.error());
    auto staged = files_.stage(paths_.policy, planned->text);
    if (!staged)
      return refused(Refusal::Kind::Failed, staged.error());
    policy_file = std::move(*staged);
  }
  if (auto done = carry_out(*planned, table, policy_file.get(), file); !done)
    return std::unexpected(std::move(done.error()));
  // The policy is in force whatever becomes of its fallback.
  if (last_good != nullptr)
    if (const auto done = last_good->commit(); !done)
      planned->warnings.push_back("the rules were not saved for bad times: " + done.error().text());
  adopt(*planned);
  planned->applied = true;
  return planned;
}

// quaymaster-restore may have brought an edited policy file, or an edited catalogue, into the
// kernel.
bool Manager::adopt_edit(const NftListing& held) {
  const auto planned = plan({});
  if (!planned || !held.unknown.empty())
    return false;
  std::optional<NftTable> table = table_of(planned->next);
  if (table.value_or(NftTable{}) != held.table)
    return false;
  held_.assume(std::move(table));
  adopt(*planned);
  return true;
}

Result<std::vector<std::string>> Manager::examine() {
  const auto held = held_.read();
  if (!held)
    return fail(held.error());
  drift_ = differences(held_.wanted().value_or(NftTable{}), held->table);
  for (const std::string& line : held->unknown)
    drift_.push_back("+ " + line);
  if (drift_.empty() || adopt_edit(*held))
    return std::exchange(drift_, {});
  // Where nothing of ours should be, there is nothing to put back.
  if (!held_.wanted() || (in_force_ && in_force_->policy.drift == Drift::Report)) {
    held_.doubt();
    return drift_;
  }
  if (auto done = held_.put_back(); !done)
    return fail(done.error());
  return std::exchange(drift_, {});
}

}  // namespace quay
