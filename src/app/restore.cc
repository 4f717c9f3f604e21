#include "app/restore.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "app/kernel_table.h"
#include "base/checksum.h"
#include "policy/check.h"
#include "policy/compile.h"

namespace quay {
namespace {

// Loads the rules that loaded last, when their file is whole, the kernel takes them and then holds
// a table that can be ours.
bool load_last_good(Firewall& firewall, Files& files, const RestorePaths& paths) {
  const auto text = files.read(paths.last_good);
  const auto script = text ? unseal(*text) : std::nullopt;
  if (!script || !firewall.run(nft_clear() + *script))
    return false;
  const auto held = KernelTable(firewall).read();
  return held && held->sound();
}

// The policy file's policy, when it is right in every way; else `errors` says why not.
std::optional<Compilation> read_candidate(Files& files, Clock& clock, const RestorePaths& paths,
                                          const Catalogue& catalogue, std::vector<Error>& errors) {
  Parsed<Policy> parsed = load_policy(files, paths.policy, catalogue);
  if (!parsed.ok()) {
    std::move(parsed.errors.begin(), parsed.errors.end(), std::back_inserter(errors));
    return std::nullopt;
  }
  Compilation candidate{std::move(parsed.value), {}};
  candidate.compiled = compile(candidate.policy, catalogue, now_at_least(files, clock, paths));
  const Report report = check(candidate.policy, catalogue, candidate.compiled);
  if (!report.failed.empty()) {
    std::vector<Error> failed = failed_tests(report, paths.policy);
    std::move(failed.begin(), failed.end(), std::back_inserter(errors));
    return std::nullopt;
  }
  candidate.compiled.notes = report.warnings;
  return candidate;
}

}  // namespace

TimePoint now_at_least(Files& files, Clock& clock, const RestorePaths& paths) {
  return std::max(clock.now(), files.modified(paths.last_good).value_or(TimePoint{}));
}

std::vector<Error> failed_tests(const Report& report, const std::string& policy_file) {
  std::vector<Error> errors;
  errors.reserve(report.failed.size());
  for (const FailedTest& failed : report.failed)
    errors.push_back(
        {policy_file, fmt::format("test {} fails: {}", failed.number, to_text(failed))});
  return errors;
}

Result<RestoreReport> restore(Firewall& firewall, Files& files, Clock& clock,
                              const RestorePaths& paths) {
  RestoreReport report;
  Parsed<Catalogue> catalogue = load_catalogue(files, paths.catalogue);
  report.errors = std::move(catalogue.errors);
  KernelTable kernel(firewall);

  std::optional<Compilation> wanted =
      read_candidate(files, clock, paths, catalogue.value, report.errors);
  if (wanted && !wanted->policy.enforcing) {
    if (auto removed = kernel.remove(); !removed)
      return fail(removed.error());
    report.restored = Restored::Off;
    report.policy = std::move(wanted);
    return report;
  }
  if (wanted) {
    const NftTable table = nft_table(wanted->compiled.rules);
    const auto replaced = kernel.replace(table);
    if (replaced) {
      kernel.settle();
      if (auto same = kernel.verify(table); !same)
        return fail(same.error());
      report.notes = wanted->compiled.notes;
      if (auto saved = files.write(paths.last_good, seal(nft_script(table, Slot::A))); !saved)
        report.errors.push_back(saved.error());
      report.policy = std::move(wanted);
      return report;
    }
    report.errors.push_back(replaced.error());
  }

  const auto held = kernel.read();
  if (held && held->sound()) {
    report.restored = Restored::Kept;
    return report;
  }
  report.restored = Restored::LastGood;
  if (load_last_good(firewall, files, paths))
    return report;
  report.restored = Restored::FailSafe;
  const NftTable fail_safe = nft_table(compile(Policy{}, catalogue.value, clock.now()).rules);
  if (auto done = kernel.replace(fail_safe); !done)
    return fail(done.error());
  kernel.settle();
  if (auto same = kernel.verify(fail_safe); !same)
    return fail(same.error());
  return report;
}

}  // namespace quay
