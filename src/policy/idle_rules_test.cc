#include "policy/idle_rules.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "policy/compile.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

// "rule 2 is dead (rule 1)", "rule 1 is redundant".
std::string idle(const std::vector<std::string>& rules) {
  std::string policy = "[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n";
  for (const std::string& rule : rules)
    policy += fmt::format("[[rules]]\nrule = \"{}\"\n", rule);
  const Compiled compiled = compile(read_policy(policy), shipped_catalogue(), kNow);
  std::vector<std::string> told;
  for (const IdleRule& one : idle_rules(compiled.rules)) {
    std::string text = one.rule->origin.text();
    text += one.redundant ? " is redundant" : " is dead";
    std::vector<std::string> deciders;
    for (const Origin& origin : one.deciders)
      deciders.push_back(origin.text());
    told.push_back(deciders.empty() ? text : fmt::format("{} ({})", text, join(deciders, ", ")));
  }
  return join(told, "; ");
}

TEST(IdleRules, AreDeadOrRedundant) {
  EXPECT_EQ(idle({"allow 8080/tcp"}), "");
  EXPECT_EQ(idle({"deny 8080/tcp"}), "rule 1 is redundant") << "the default drops it";
  EXPECT_EQ(idle({"allow 8080/tcp", "deny from 10.0.0.0/8"}), "");
  EXPECT_EQ(idle({"deny from 10.0.0.0/8", "allow from 10.1.0.0/16 to any port 8080 proto tcp"}),
            "rule 2 is dead (rule 1)");
  EXPECT_EQ(idle({"allow 8000:8099/tcp", "allow 8100:8199/tcp",
                  "deny in on eth1 to any port 8050:8150 proto tcp"}),
            "rule 3 is dead (rule 1, rule 2)");
  EXPECT_EQ(idle({"allow 22/tcp"}), "") << "it opens it on interfaces that nobody names";
}

// Removing every rule that is called idle must change nothing.
TEST(IdleRules, OfTwoThatAreEqualTheSecondIsDeadAndTheFirstMatters) {
  EXPECT_EQ(idle({"allow 8080/tcp", "allow 8080/tcp"}), "rule 2 is dead (rule 1)");
  EXPECT_EQ(idle({"allow 8080/tcp", "allow 8080:8081/tcp"}), "rule 1 is redundant");
  EXPECT_EQ(idle({"allow 8080/tcp", "allow 8080/tcp", "allow 8080:8081/tcp"}),
            "rule 1 is redundant; rule 2 is dead (rule 1)");
}

}  // namespace
}  // namespace quay
