#include "policy/lost_answers.h"

#include <array>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "language/iptables_save.h"

namespace quay {
namespace {

// One line for each flow of a filter that has these rules, and drops what none of them takes.
std::string lost(const std::string& rules, Family family = Family::V4) {
  const auto parsed = parse_iptables_save(
      "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT DROP [0:0]\n" + rules + "COMMIT\n",
      "rules", family);
  EXPECT_TRUE(parsed.ok());
  const std::array<const filter::Ruleset*, 1> rulesets{&parsed.value};
  const std::vector<filter::Box> questions = answer_questions(family);
  filter::FilterSpace space(family, rulesets, questions);
  const LostAnswers found = lost_answers(space, parsed.value, {});
  EXPECT_TRUE(found.complete);
  std::string text;
  for (const Difference& flow : found.flows)
    text += fmt::format("{} {}: {}, answer {}{}\n", to_text(flow.direction), flow.packets,
                        flow.first, flow.second, flow.certain ? "" : " perhaps");
  return text;
}

TEST(LostAnswers, AreNoneWhereEstablishedFlowsPass) {
  const std::string established =
      "-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT\n"
      "-A OUTPUT -m state --state ESTABLISHED,RELATED -j ACCEPT\n";
  EXPECT_EQ(lost(established + "-A INPUT -p tcp --dport 22 -j ACCEPT\n"
                               "-A OUTPUT -p udp --dport 53 -j ACCEPT\n"
                               "-A INPUT -p icmp --icmp-type 8 -j ACCEPT\n"),
            "");
  // Without states, a rule each way.
  EXPECT_EQ(lost("-A INPUT -i eth0 -s 10.0.0.0/8 -p tcp --dport 22 -j ACCEPT\n"
                 "-A OUTPUT -o eth0 -d 10.0.0.0/8 -p tcp --sport 22 -j ACCEPT\n"),
            "");
}

// Neighbours have no state that a flow could begin in.
TEST(LostAnswers, AreToldOfFlowsAlone) {
  EXPECT_EQ(lost("-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT\n", Family::V6),
            "in icmpv6 type 128 code 0: accepts (ip6/filter/INPUT line 5), answer drops "
            "(ip6/filter/OUTPUT policy)\n");
}

TEST(LostAnswers, AreToldByTheFlow) {
  EXPECT_EQ(lost("-A INPUT -p tcp --dport 22 -j ACCEPT\n"),
            "in tcp 22: accepts (ip/filter/INPUT line 5), answer drops (ip/filter/OUTPUT "
            "policy)\n");
  EXPECT_EQ(lost("-A INPUT -p tcp --dport 22 -j ACCEPT\n"
                 "-A OUTPUT -d 10.0.0.0/8 -p tcp --sport 22 -j ACCEPT\n"),
            "in tcp 22 source not 10.0.0.0/8,127.0.0.0/8: accepts (ip/filter/INPUT line 5), "
            "answer drops "
            "(ip/filter/OUTPUT policy)\n");
  EXPECT_EQ(lost("-A INPUT -p icmp --icmp-type 8 -j ACCEPT\n"),
            "in icmp type 8 code 0: accepts (ip/filter/INPUT line 5), answer drops "
            "(ip/filter/OUTPUT policy)\n");
  EXPECT_EQ(lost("-A FORWARD -i eth0 -o eth1 -p udp --dport 53 -j ACCEPT\n"),
            "forward udp 53 from eth0 to eth1: accepts (ip/filter/FORWARD line 5), answer "
            "drops (ip/filter/FORWARD policy)\n");
}

TEST(LostAnswers, WhereAnAtomDecidesTheyArePerhaps) {
  EXPECT_EQ(lost("-A INPUT -p tcp --dport 22 -j ACCEPT\n"
                 "-A OUTPUT -m string --algo bm --string x -j ACCEPT\n"),
            "in tcp 22: accepts (ip/filter/INPUT line 5), answer drops (ip/filter/OUTPUT "
            "policy) perhaps\n");
}

}  // namespace
}  // namespace quay
