// Rules of real firewalls that are said to do nothing can go. The corpus is not part of the source;
// QUAY_CORPORA or ../shared/corpora says where it is.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "language/iptables_save.h"
#include "policy/filter_analysis.h"
#include "tests/support/same_decisions.h"
#include "tests/support/silenced.h"

namespace quay {
namespace {

namespace fs = std::filesystem;

// Without some of what was found.
filter::Ruleset without(const filter::Ruleset& ruleset, const std::vector<FilterFinding>& idle) {
  return filter::silenced(ruleset, [&](const std::string& place) {
    return std::ranges::find(idle, place, &FilterFinding::place) != idle.end();
  });
}

TEST(IdleCorpus, RulesOfDumpsThatDecideNothingCanGo) {
  constexpr std::size_t kMostSingles = 20;  // of one dump
  const char* named = std::getenv("QUAY_CORPORA");
  const fs::path folder =
      fs::path(named != nullptr ? named : QUAY_SOURCE "/../shared/corpora") / "iptables-save";
  if (!fs::exists(folder))
    GTEST_SKIP() << "SKIPPED: no corpus at " << folder;
  std::size_t dead = 0;
  std::size_t redundant = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::ifstream in(entry.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const auto parsed = parse_iptables_save(
        text, entry.path().filename(), entry.path().extension() == ".v6" ? Family::V6 : Family::V4);
    const FilterAnalysis found = analyze(parsed.value, {});
    EXPECT_FALSE(found.too_large) << entry.path();
    dead += found.dead.size();
    redundant += found.redundant.size();
    EXPECT_EQ(filter::difference(parsed.value, without(parsed.value, found.dead)), "")
        << entry.path();
    for (std::size_t i = 0; i < std::min(found.redundant.size(), kMostSingles); ++i) {
      // With what decides nothing, for people remove both.
      std::vector<FilterFinding> idle = found.dead;
      idle.push_back(found.redundant[i]);
      EXPECT_EQ(filter::difference(parsed.value, without(parsed.value, idle)), "")
          << entry.path() << ": " << found.redundant[i].place;
    }
  }
  std::cout << fmt::format("{} dead rules and {} redundant ones\n", dead, redundant);
}

}  // namespace
}  // namespace quay
