#include "app/restore.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "app/kernel_table.h"
#include "base/checksum.h"
#include "language/packet_text.h"
#include "policy/check.h"
#include "policy/compile.h"

namespace quay {
namespace {

// A policy and what it compiles to.
struct Candidate {
  Policy policy;
  Compiled compiled;
};

// Loads the rules that loaded last, when their file is whole and the kernel takes them.
bool load_last_good(Firewall& firewall, Files& files, const RestorePaths& paths) {
  const auto text = files.read(paths.last_good);
  const auto script = text ? unseal(*text) : std::nullopt;
  return script && firewall.run(*script);
}

// The policy file's policy, when it is right in every way; else `errors` says why not.
std::optional<Candidate> read_candidate(Files& files, Clock& clock, const RestorePaths& paths,
                                        const Catalogue& catalogue, std::vector<Error>& errors) {
  Parsed<Policy> parsed = load_policy(files, paths.policy, catalogue);
  if (!parsed.ok()) {
    std::move(parsed.errors.begin(), parsed.errors.end(), std::back_inserter(errors));
    return std::nullopt;
  }
  Candidate candidate{std::move(parsed.value), {}};
  candidate.compiled = compile(candidate.policy, catalogue, clock.now());
  const Report report = check(candidate.policy, catalogue, candidate.compiled);
  for (const FailedTest& failed : report.failed)
    errors.push_back({paths.policy,
                      fmt::format("test {} fails: `{}` should {}, but {} decides {}", failed.number,
                                  to_text(failed.test.packet), to_text(failed.test.expect),
                                  failed.rule->origin.text(), to_text(failed.rule->verdict))});
  if (!report.failed.empty())
    return std::nullopt;
  candidate.compiled.notes = report.warnings;
  return candidate;
}

}  // namespace

Result<RestoreReport> restore(Firewall& firewall, Files& files, Clock& clock,
                              const RestorePaths& paths) {
  RestoreReport report;
  Parsed<Catalogue> catalogue = load_catalogue(files, paths.catalogue);
  report.errors = std::move(catalogue.errors);
  KernelTable kernel(firewall);

  std::optional<Candidate> chosen =
      read_candidate(files, clock, paths, catalogue.value, report.errors);
  if (!chosen) {
    const auto held = kernel.read();
    if (held && !held->table.chains.empty()) {
      report.restored = Restored::Kept;
      return report;
    }
    if (load_last_good(firewall, files, paths)) {
      report.restored = Restored::LastGood;
      return report;
    }
    report.restored = Restored::FailSafe;
    chosen = Candidate{Policy{}, compile(Policy{}, catalogue.value, clock.now())};
  }

  const NftTable table = nft_table(chosen->compiled.rules);
  if (auto done = kernel.replace(table); !done)
    return fail(done.error());
  if (auto same = kernel.verify(table); !same)
    return fail(same.error());
  report.notes = std::move(chosen->compiled.notes);
  report.rules = chosen->compiled.rules.size();
  if (report.restored == Restored::Policy)
    if (auto saved = files.write(paths.last_good, seal(nft_script(table, Slot::A))); !saved)
      report.errors.push_back(saved.error());
  return report;
}

}  // namespace quay
