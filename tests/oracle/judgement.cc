#include "tests/oracle/judgement.h"

#include <fmt/format.h>

#include "language/filter_text.h"
#include "tests/support/filter_text.h"

namespace quay::oracle {

using filter::Fate;

Tally& Tally::operator+=(const Tally& other) {
  rulesets += other.rulesets;
  refused += other.refused;
  unlisted += other.unlisted;
  packets += other.packets;
  accepted += other.accepted;
  rejected += other.rejected;
  lost += other.lost;
  claims += other.claims;
  not_claimed += other.not_claimed;
  mismatches += other.mismatches;
  return *this;
}

PairTally& PairTally::operator+=(const PairTally& other) {
  told += other.told;
  alike += other.alike;
  undecided += other.undecided;
  unreachable += other.unreachable;
  refused += other.refused;
  mismatches += other.mismatches;
  return *this;
}

void forget_atoms(filter::Ruleset& ruleset) {
  for (filter::Table& table : ruleset.tables)
    for (filter::Chain& chain : table.chains)
      for (filter::Rule& rule : chain.rules)
        for (filter::Condition& condition : rule.conditions)
          if (auto* atom = std::get_if<filter::Atom>(&condition))
            atom->stateful = true;
}

bool claims(const filter::Ruleset& ruleset, const Sample& sample) {
  const Fate fate = filter::walk(ruleset, sample.point).fate;
  return fate == filter::kAccepted || (fate & filter::kAccepted) == 0;
}

std::optional<filter::Walk> disagreement(const filter::Ruleset& ruleset, const Sample& sample,
                                         const Ruling& ruling) {
  Fate possible = filter::kDropped | filter::kRejected;
  if (ruling.accepted)
    possible = filter::kAccepted;
  else if (ruling.refused)
    possible = filter::kRejected;
  filter::Walk walk = filter::walk(ruleset, sample.point);
  if ((walk.fate & possible) != 0)
    return std::nullopt;
  return walk;
}

std::string describe(const Reading& reading, const Sample& sample, const Ruling& ruling) {
  const filter::Walk walk = filter::walk(reading.ruleset, sample.point);
  const char* did = ruling.accepted ? "accepts" : ruling.refused ? "rejects" : "does not accept";
  std::string text = fmt::format("the kernel {}, {} {}:\n  {}\n", did, reading.reader,
                                 fate_text(walk.fate), point_text(sample.point));
  for (const filter::Step& step : walk.steps) {
    const filter::Rule none{.place = "policy", .text = {}, .unknown = {}};
    const filter::Rule& rule = step.rule != nullptr ? *step.rule : none;
    text += fmt::format("    {}: {} -> {}\n", place_of(*step.table, *step.chain, rule),
                        step.rule != nullptr ? text_of(rule) : "", text_of(step.verdict));
  }
  return text;
}

}  // namespace quay::oracle
