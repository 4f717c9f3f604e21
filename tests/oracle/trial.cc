#include "tests/oracle/trial.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <netinet/in.h>

#include "language/iptables_save.h"
#include "policy/filter_comparison.h"
#include "tests/oracle/iptables_script.h"
#include "tests/oracle/mutation.h"
#include "tests/oracle/nft_script.h"
#include "tests/oracle/policy_script.h"

namespace quay::oracle {
namespace {

// Of one ruleset: the others are likely to tell of the same mistake.
constexpr std::size_t kMostTold = 2;

const std::vector<Direction> kWays{Direction::In, Direction::Out, Direction::Forward,
                                   Direction::Forward};

const std::vector<Family> kFamilies{Family::V4, Family::V6};

const std::string kJson = "nft's JSON";

// ICMP of the other IP family, of which nft's JSON does not tell everything.
bool is_of_other_family(const Draft& draft) {
  return draft.family == Family::V4 ? draft.protocol == IPPROTO_ICMPV6
                                    : draft.protocol == IPPROTO_ICMP;
}

filter::Ruleset saved_ruleset(const Script& script) {
  const Family family = script.syntax == Script::Syntax::Iptables ? Family::V4 : Family::V6;
  auto parsed = parse_iptables_save(script.text(), "iptables-save", family);
  if (!parsed.errors.empty())
    throw std::runtime_error(parsed.errors.front().text());
  return std::move(parsed.value);
}

bool some_answer(const std::vector<Sample>& samples) {
  return std::ranges::any_of(samples, [](const Sample& sample) { return sample.draft.answer; });
}

}  // namespace

std::vector<Sample> Trial::samples(const Corners& corners, const std::vector<Family>& families,
                                   bool answers, std::size_t count) {
  std::set<std::string> flows;
  std::vector<Sample> samples;
  for (std::size_t tries = 0; tries < 4 * count && samples.size() < count; ++tries) {
    const Draft draft = some_draft(corners, kWays, families, answers, dice_);
    if (flows.insert(flow_of(draft)).second)
      samples.push_back(sample_of(draft));
  }
  return samples;
}

bool Trial::load(const Script& script, const std::vector<Sample>& samples) {
  gateway_.clear();
  gateway_.forget_flows();  // of the ruleset before, whose packets may have been the same
  if (some_answer(samples))
    gateway_.open(samples);
  std::string why;
  if (gateway_.load(script, why))
    return true;
  out_ << "refused: " << why << "\n";
  return false;
}

Script Trial::sound(Script script) {
  for (;;) {
    std::vector<std::size_t> refused = Gateway::refused_lines(script.text());
    std::erase_if(refused,
                  [&](std::size_t i) { return i >= script.lines.size() || !script.lines[i].rule; });
    if (refused.empty())
      return script;
    std::ranges::sort(refused, std::greater<>());
    refused.erase(std::ranges::unique(refused).begin(), refused.end());
    for (const std::size_t i : refused)
      script.lines.erase(script.lines.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

std::vector<Reading> Trial::readings(const Script& script) {
  auto from_kernel = gateway_.ruleset();
  if (!from_kernel)
    throw std::runtime_error(from_kernel.error().text());
  std::vector<Reading> all{{"the kernel's rules", std::move(*from_kernel)}};
  if (script.syntax != Script::Syntax::Nft)
    all.push_back({"iptables-save", saved_ruleset(script)});
  else if (auto from_json = gateway_.json_ruleset())
    all.push_back({kJson, std::move(*from_json)});
  for (Reading& reading : all)
    forget_atoms(reading.ruleset);
  return all;
}

bool Trial::disagrees(const Script& script, const Sample& sample, const std::string& reader) {
  if (!load(script, {sample}))
    return false;
  const Ruling ruling = gateway_.judge({sample}).front();
  return ruling.arrived && std::ranges::any_of(readings(script), [&](const Reading& reading) {
           return reading.reader == reader && disagreement(reading.ruleset, sample, ruling);
         });
}

Script Trial::smaller(Script script, const Sample& sample, const std::string& reader) {
  for (std::size_t i = script.lines.size(); i-- > 0;) {
    if (!script.lines[i].rule)
      continue;
    Script less = script;
    less.lines.erase(less.lines.begin() + static_cast<std::ptrdiff_t>(i));
    if (disagrees(less, sample, reader))
      script = std::move(less);
  }
  return script;
}

Tally Trial::compare(const std::vector<Reading>& readings, const std::vector<Sample>& samples,
                     const std::vector<Ruling>& rulings, const Script& script) {
  Tally tally;
  std::vector<std::pair<const Reading*, std::size_t>> told;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (!rulings[i].arrived) {
      ++tally.lost;
      continue;
    }
    ++tally.packets;
    tally.accepted += rulings[i].accepted;
    tally.rejected += rulings[i].refused;
    for (const Reading& reading : readings) {
      if (reading.reader == kJson && is_of_other_family(samples[i].draft))
        continue;
      ++(claims(reading.ruleset, samples[i]) ? tally.claims : tally.not_claimed);
      if (!disagreement(reading.ruleset, samples[i], rulings[i]))
        continue;
      ++tally.mismatches;
      if (told.size() < kMostTold)
        told.emplace_back(&reading, i);
    }
  }
  for (const auto& [reading, i] : told) {
    out_ << "MISMATCH: " << describe(*reading, samples[i], rulings[i]);
    const Script less = smaller(script, samples[i], reading->reader);
    out_ << less.text() << std::flush;
  }
  return tally;
}

Tally Trial::judge(const Script& script, const std::vector<Sample>& samples,
                   std::vector<Reading> more) {
  if (!load(script, samples))
    return {.refused = 1};
  std::vector<Reading> all = readings(script);
  const bool unlisted = all.size() < 2;
  std::ranges::move(more, std::back_inserter(all));
  Tally tally = compare(all, samples, gateway_.judge(samples), script);
  tally.rulesets = 1;
  tally.unlisted = unlisted ? 1 : 0;
  return tally;
}

Tally Trial::nft(std::size_t packets) {
  const Corners corners = some_corners(dice_);
  const Script script = sound(some_nft_script(corners, dice_));
  return judge(script, samples(corners, kFamilies, dice_.one_in(3), packets));
}

Tally Trial::iptables(std::size_t packets) {
  const Corners corners = some_corners(dice_);
  const Family family = dice_.one_of(kFamilies);
  const Script script = some_iptables_script(corners, family, dice_);
  return judge(script, samples(corners, {family}, dice_.one_in(3), packets));
}

Tally Trial::policy(std::size_t packets) {
  Corners corners = some_corners(dice_);
  PolicyScript made = some_policy_script(corners, catalogue_, dice_);
  add_corners(made.policy, corners);
  const auto all = samples(corners, kFamilies, dice_.one_in(3), packets);
  return judge(made.script, all, {{"the policy", std::move(made.policy)}});
}

PairTally Trial::judge(const Load& first, const Load& second, const Corners& corners,
                       std::size_t packets, const std::string& told) {
  const auto read = [&](const Load& load) -> std::optional<filter::Ruleset> {
    if (!load())
      return std::nullopt;
    auto rules = gateway_.ruleset();
    if (!rules)
      throw std::runtime_error(rules.error().text());
    forget_atoms(*rules);
    return std::move(*rules);
  };
  const auto other = read(second);
  const auto one = read(first);
  if (!one || !other)
    return {.refused = 1};
  const Comparison found = oracle::compare(*one, *other, corners, dice_);
  const bool called_equal = quay::compare(*one, *other, {}).equal();
  if (found.alike && !called_equal)
    return {.undecided = 1};
  if (!found.alike && called_equal) {
    out_ << "MISMATCH: called equal are rulesets that differ\n" << told << std::flush;
    return {.mismatches = 1};
  }
  if (!found.alike && !found.counterexample)
    return {.unreachable = 1};
  const auto all = found.alike ? samples(corners, kFamilies, false, packets)
                               : std::vector{*found.counterexample};
  gateway_.forget_flows();
  const std::vector<Ruling> before = gateway_.judge(all);
  second();
  gateway_.forget_flows();
  const std::vector<Ruling> after = gateway_.judge(all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool judged =
        before[i].arrived && after[i].arrived && claims(*one, all[i]) && claims(*other, all[i]);
    if (!judged || (before[i].accepted == after[i].accepted) == found.alike)
      continue;
    out_ << "MISMATCH: the kernel treats a packet of two rulesets "
         << (found.alike ? "otherwise: " : "alike: ")
         << describe({"the first", *one}, all[i], before[i])
         << describe({"the second", *other}, all[i], after[i]) << told << std::flush;
    return {.mismatches = 1};
  }
  return found.alike ? PairTally{.alike = 1} : PairTally{.told = 1};
}

PairTally Trial::mutant(std::size_t packets) {
  const Corners corners = some_corners(dice_);
  const Script script = sound(some_nft_script(corners, dice_));
  const std::optional<Script> changed = oracle::mutant(script, dice_);
  if (!changed)
    return {.refused = 1};
  return judge([&] { return load(script, {}); }, [&] { return load(*changed, {}); }, corners,
               packets, script.text() + changed->text());
}

PairTally Trial::optimised(std::size_t packets) {
  const Corners corners = some_corners(dice_);
  const Script script = some_similar_rules(corners, dice_);
  const auto optimised = [&] {
    gateway_.clear();
    std::string why;
    const bool done = Gateway::load_optimised(script, why);
    return done && why.find("Merging:") != std::string::npos;
  };
  return judge([&] { return load(script, {}); }, optimised, corners, packets, script.text());
}

PairTally Trial::restored(std::size_t packets) {
  const Corners corners = some_corners(dice_);
  const Script script = sound(some_nft_script(corners, dice_));
  const auto restored = [&] {
    std::string why;
    return load(script, {}) && Gateway::restore(why);
  };
  return judge([&] { return load(script, {}); }, restored, corners, packets, script.text());
}

}  // namespace quay::oracle
