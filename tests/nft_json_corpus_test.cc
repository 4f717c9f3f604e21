// Rulesets in use and nft's own rules, as JSON. The corpus is not part of the source; QUAY_CORPORA
// or ../shared/corpora says where it is.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "language/nft_json.h"

namespace quay {
namespace {

namespace fs = std::filesystem;

std::string corpora() {
  const char* named = std::getenv("QUAY_CORPORA");
  return named != nullptr ? named : QUAY_SOURCE "/../shared/corpora";
}

std::string contents(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Tally {
  std::size_t rules = 0;
  std::size_t exact = 0;
  std::map<std::string, std::size_t> unknown;

  // Everything that the model does not say exactly is named, and what is named is there.
  void add(const filter::Ruleset& ruleset) {
    for (const filter::Table& table : ruleset.tables)
      for (const filter::Chain& chain : table.chains)
        for (const filter::Rule& rule : chain.rules) {
          bool atom = rule.verdict.kind == filter::Verdict::Kind::Unknown;
          for (const filter::Condition& condition : rule.conditions)
            atom = atom || std::holds_alternative<filter::Atom>(condition);
          EXPECT_EQ(atom, !rule.unknown.empty()) << rule.text;
          ++rules;
          exact += rule.unknown.empty();
          for (const std::string& what : rule.unknown)
            ++unknown[what];
        }
  }

  void print(const std::string& of) const {
    std::cout << of << ": " << exact << " of " << rules << " rules exact; not modelled exactly:\n";
    for (const auto& [what, count] : unknown)
      std::cout << "  " << count << " " << what << "\n";
  }
};

void expect_ok(const Parsed<filter::Ruleset>& parsed) {
  for (const Error& error : parsed.errors)
    ADD_FAILURE() << error.text();
}

void read_folder(const std::string& name, std::size_t least) {
  const fs::path folder = fs::path(corpora()) / name;
  if (!fs::exists(folder))
    GTEST_SKIP() << "SKIPPED: no corpus at " << folder;
  Tally tally;
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string file = entry.path().filename();
    if (!file.ends_with(".json") || file.ends_with(".uci.json"))
      continue;
    const auto parsed = parse_nft_json(contents(entry.path()), file);
    expect_ok(parsed);
    tally.add(parsed.value);
    ++files;
  }
  tally.print(fmt::format("{} rulesets of {}", files, name));
  EXPECT_GE(files, least);
}

TEST(NftJsonCorpus, RulesetsInUseAreRead) {
  read_folder("nft-real", 50);
}

TEST(NftJsonCorpus, RulesetsOfFirewall4AreRead) {
  read_folder("nft-fw4", 8);
}

// The rule in a table of its own; ends it with a verdict, so that what it asks matters.
boost::json::value around(const boost::json::object& row, boost::json::value rule) {
  constexpr std::array<std::string_view, 6> ends{"accept", "drop", "vmap",
                                                 "reject", "dnat", "mangle"};
  const auto& last = rule.as_array().back().as_object();
  if (std::ranges::none_of(ends, [&](std::string_view end) { return last.contains(end); }))
    rule.as_array().emplace_back(boost::json::object{{"accept", nullptr}});
  boost::json::array objects;
  const boost::json::value family = row.at("family");
  using boost::json::object;
  objects.emplace_back(object{{"table", {{"family", family}, {"name", "t"}}}});
  objects.emplace_back(object{{"chain", {{"family", family}, {"table", "t"}, {"name", "c"}}}});
  objects.emplace_back(
      object{{"rule", {{"family", family}, {"table", "t"}, {"chain", "c"}, {"expr", rule}}}});
  return {{"nftables", objects}};
}

// The same rule as a person writes it and as the kernel's is listed.
TEST(NftJsonCorpus, RulesOfNftItselfAreReadBothWays) {
  const fs::path path = fs::path(corpora()) / "nft-rules.json";
  if (!fs::exists(path))
    GTEST_SKIP() << "SKIPPED: no corpus at " << path;
  Tally tally;
  std::size_t alike = 0;
  const boost::json::value rows = boost::json::parse(contents(path));
  for (const auto& value : rows.as_array()) {
    const auto& row = value.as_object();
    const std::string name(row.at("rule").as_string());
    const auto listed =
        parse_nft_json(boost::json::serialize(around(row, row.at("kernel_json"))), name);
    const auto written = parse_nft_json(boost::json::serialize(around(row, row.at("json"))), name);
    expect_ok(listed);
    expect_ok(written);
    tally.add(listed.value);
    const auto& one = listed.value.tables.at(0).chains.at(0).rules;
    const auto& other = written.value.tables.at(0).chains.at(0).rules;
    const bool same = one.size() == other.size() &&
                      std::equal(one.begin(), one.end(), other.begin(),
                                 [](const filter::Rule& a, const filter::Rule& b) {
                                   return a.conditions == b.conditions && a.map == b.map &&
                                          a.verdict == b.verdict && a.assigns == b.assigns;
                                 });
    alike += same;
    if (!same)
      std::cout << "  otherwise: " << name << "\n";
  }
  tally.print("nft's own");
  std::cout << alike << " of " << rows.as_array().size() << " read alike both ways\n";
}

}  // namespace
}  // namespace quay
