#include "policy/affected_rules.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "policy/compile.h"
#include "tests/support/generate.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

RuleList compiled(const std::vector<UserRule>& own) {
  Policy policy = read_policy("[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n");
  policy.rules = own;
  return compile(policy, shipped_catalogue(), kNow).rules;
}

RuleList read(const std::string& rules) {
  return compile(read_policy(rules), shipped_catalogue(), kNow).rules;
}

TEST(AffectedRules, AreTheChangedOnesAndThoseThatTheyMeet) {
  const std::string others =
      "[[rules]]\nrule = \"deny in from 10.0.0.0/8 to any port 8080 proto tcp\"\n"
      "[[rules]]\nrule = \"allow in from 10.1.0.0/16 to any port 9090 proto tcp\"\n";
  const RuleList before = read(others);
  const RuleList after = read(others + "[[rules]]\nrule = \"allow 8080/tcp\"\n");
  const auto changed = changed_matches(before, after, Direction::In);
  ASSERT_EQ(changed.size(), 1U);
  EXPECT_EQ(changed.front()->destination_ports, one_port(8080));
  EXPECT_TRUE(changed_matches(before, after, Direction::Out).empty());
  const RuleList about = rules_meeting(after, Direction::In, changed);
  const auto has = [&](Port port) {
    return std::ranges::any_of(
        about, [&](const Rule& rule) { return rule.match.destination_ports == one_port(port); });
  };
  EXPECT_TRUE(has(8080));
  EXPECT_FALSE(has(9090));
  EXPECT_EQ(about.back().origin.kind, Origin::Kind::Profile);
}

RC_GTEST_PROP(AffectedRules, JudgeWhatTheListsJudgeDifferently, ()) {
  auto own = *rc::gen::container<std::vector<UserRule>>(generate::user_rule());
  const RuleList before = compiled(own);
  if (!own.empty() && *rc::gen::arbitrary<bool>())
    own.erase(own.begin() + *rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(own)));
  else
    own.insert(own.begin() + *rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(own) + 1),
               *generate::user_rule());
  const RuleList after = compiled(own);
  for (int i = 0; i < 20; ++i) {
    const Packet packet = *generate::packet();
    const auto changed = changed_matches(before, after, packet.direction);
    const Verdict one = decide(before, packet, kNow)->verdict;
    const Verdict other = decide(after, packet, kNow)->verdict;
    const bool about =
        std::ranges::any_of(changed, [&](const Match* match) { return matches(*match, packet); });
    RC_ASSERT(about || one == other);
    if (!about)
      continue;
    RC_ASSERT(decide(rules_meeting(before, packet.direction, changed), packet, kNow)->verdict ==
              one);
    RC_ASSERT(decide(rules_meeting(after, packet.direction, changed), packet, kNow)->verdict ==
              other);
  }
}

}  // namespace
}  // namespace quay
