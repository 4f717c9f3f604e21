// Dumps of real firewalls, rules with their translations, and rulesets whose decisions have bounds
// that a machine has proved. The corpus is not part of the source; QUAY_CORPORA or
// ../shared/corpora says where it is.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "language/iptables_save.h"

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

Parsed<filter::Ruleset> load(const fs::path& path) {
  return parse_iptables_save(contents(path), path.filename(),
                             path.extension() == ".v6" ? Family::V6 : Family::V4);
}

// Everything that the model does not say exactly is named, and what is named is there.
void expect_named(const filter::Rule& rule) {
  bool atom = rule.verdict.kind == filter::Verdict::Kind::Unknown;
  for (const filter::Condition& condition : rule.conditions)
    atom = atom || std::holds_alternative<filter::Atom>(condition);
  EXPECT_EQ(atom, !rule.unknown.empty()) << rule.text;
}

template <typename Function>
void for_each_rule(const filter::Ruleset& ruleset, Function function) {
  for (const filter::Table& table : ruleset.tables)
    for (const filter::Chain& chain : table.chains)
      for (const filter::Rule& rule : chain.rules)
        function(rule);
}

void expect_no_errors(const Parsed<filter::Ruleset>& parsed) {
  for (const Error& error : parsed.errors)
    ADD_FAILURE() << error.text();
}

TEST(IptablesCorpus, DumpsAreReadWhole) {
  const fs::path folder = corpora() + "/iptables-save";
  if (!fs::exists(folder))
    GTEST_SKIP() << "SKIPPED: no corpus at " << folder;
  std::size_t dumps = 0;
  std::size_t rules = 0;
  std::map<std::string, std::size_t> unknown;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto parsed = load(entry.path());
    ++dumps;
    expect_no_errors(parsed);
    for_each_rule(parsed.value, [&](const filter::Rule& rule) {
      ++rules;
      expect_named(rule);
      for (const std::string& what : rule.unknown)
        ++unknown[what];
    });
  }
  std::cout << dumps << " dumps, " << rules << " rules; not modelled exactly:\n";
  for (const auto& [what, count] : unknown)
    std::cout << "  " << count << " " << what << "\n";
  EXPECT_GT(dumps, 10U);
}

TEST(IptablesCorpus, RulesWithTranslationsAreRead) {
  const std::string path = corpora() + "/iptables-to-nft.json";
  if (!fs::exists(path))
    GTEST_SKIP() << "SKIPPED: no corpus at " << path;
  std::size_t rules = 0;
  const boost::json::value rows = boost::json::parse(contents(path));
  for (const auto& row : rows.as_array()) {
    const auto& pair = row.as_object();
    const std::string text =
        fmt::format("*filter\n-A {} {}\nCOMMIT\n", std::string(pair.at("hook").as_string()),
                    std::string(pair.at("ipt").as_string()));
    const auto parsed =
        parse_iptables_save(text, "rule", pair.at("v6").as_bool() ? Family::V6 : Family::V4);
    expect_no_errors(parsed);
    ++rules;
    for_each_rule(parsed.value, [](const filter::Rule& rule) {
      expect_named(rule);
      for (const std::string& what : rule.unknown)
        std::cout << "  " << what << ": " << rule.text << "\n";
    });
  }
  std::cout << rules << " rules read\n";
  EXPECT_GT(rules, 50U);
}

}  // namespace
}  // namespace quay
