// Commands recorded from the real ufw: what it accepts or refuses, our grammar accepts or refuses.
// The corpus is not part of the source; QUAY_CORPORA or ../shared/corpora says where it is.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "base/text.h"
#include "language/user_rule_text.h"

namespace quay {
namespace {

std::string corpora() {
  const char* named = std::getenv("QUAY_CORPORA");
  return named != nullptr ? named : QUAY_SOURCE "/../shared/corpora";
}

// The command without ufw's options; nothing when it is not about rules, or when its verdict hangs
// on what ufw's test machine had set up.
std::vector<std::string> rule_words(const boost::json::object& row) {
  std::vector<std::string> words;
  for (const auto& word : row.at("argv").as_array())
    words.emplace_back(word.as_string());
  std::erase_if(words, [](const std::string& w) { return w.starts_with("--"); });
  if (!words.empty() && words[0] == "rule")
    words.erase(words.begin());
  const std::string out(row.at("out").as_string());
  constexpr std::string_view kVerbs[] = {"allow",  "deny",   "reject", "limit",
                                         "delete", "insert", "prepend"};
  const bool rule = !words.empty() &&
                    std::find(std::begin(kVerbs), std::end(kVerbs), words[0]) != std::end(kVerbs);
  for (const char* environment :
       {"IPv6 support not enabled", "Invalid position", "Could not delete non-existent",
        "Could not find rule", "Could not find a profile matching"})
    if (out.find(environment) != std::string::npos)
      return {};
  return rule ? words : std::vector<std::string>{};
}

TEST(UfwCorpus, AcceptedAndRefusedAlike) {
  const std::string path = corpora() + "/ufw/func.jsonl";
  if (!std::filesystem::exists(path))
    GTEST_SKIP() << "SKIPPED: no corpus at " << path;
  std::ifstream services("/etc/services");
  const std::string services_text((std::istreambuf_iterator<char>(services)), {});
  RuleNames names{parse_port_names(services_text), {}};
  std::ifstream in(path);
  std::size_t alike = 0;
  std::map<std::string, std::size_t> different;
  for (std::string line; std::getline(in, line);) {
    const boost::json::object row = boost::json::parse(line).as_object();
    const std::vector<std::string> words = rule_words(row);
    if (words.empty())
      continue;
    const bool refused = row.at("rc").as_int64() != 0;
    // The profiles of ufw's own test machine stand for our services.
    names.services.clear();
    if (row.contains("apps") && !refused)
      for (const std::string& word : words)
        names.services.push_back(word);
    std::sort(names.services.begin(), names.services.end());
    const auto command = parse_rule_command(words, names);
    if (command.has_value() == !refused)
      ++alike;
    else
      ++different[join(words, " ") +
                  (command ? " (we accept)" : " (" + command.error().reason + ")")];
  }
  std::size_t holes = 0;
  for (const auto& [text, count] : different) {
    const bool netmask = text.find("has holes") != std::string::npos;
    holes += netmask ? count : 0;
    if (!netmask)
      ADD_FAILURE() << text;
  }
  std::cout << alike << " commands accepted or refused alike; " << holes
            << " with a netmask that has holes, which we refuse\n";
  EXPECT_GT(alike, 500U);
}

}  // namespace
}  // namespace quay
