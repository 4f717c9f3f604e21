#include "policy/check.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "policy/explain.h"
#include "tests/support/generate.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

// One packet, or many: some of its fields, and ports around its own.
PacketQuery some_question() {
  const Packet packet = *generate::packet();
  const auto given = [] { return *rc::gen::arbitrary<bool>(); };
  PacketQuery question{.direction = packet.direction};
  if (given())
    question.interface = packet.interface == "eth0" ? "lan" : packet.interface;
  if (given())
    question.source = Prefix{packet.source, given()                              ? 8
                                            : packet.source.family == Family::V4 ? 32
                                                                                 : 128};
  if (given())
    question.destination = Prefix{packet.destination, 4};
  if (given() || given()) {
    question.protocols = {packet.protocol};
    if (has_ports(packet.protocol) && given())
      question.destination_ports =
          PortSet({{packet.destination_port, given() ? packet.destination_port : Port{65535}}});
    if (packet.protocol == Protocol::Icmp || packet.protocol == Protocol::Icmpv6)
      question.icmp_type = packet.icmp_type;
  }
  question.state = given() ? State::New : packet.state;
  return question;
}

// A test fails exactly when some packet of it has another verdict, by explain()'s account, which
// decides rule by rule; and the packet that is told is one of these.
RC_GTEST_PROP(Check, TestsFailWhenSomePacketDoes, ()) {
  Policy policy = read_policy("[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n");
  policy.rules = *rc::gen::container<std::vector<UserRule>>(generate::user_rule());
  for (int i = 0; i < 3; ++i)
    policy.tests.push_back(
        {some_question(), *rc::gen::element(Verdict::Accept, Verdict::Drop, Verdict::Reject)});
  const Compiled compiled = compile(policy, shipped_catalogue(), kNow);
  const Report report = check(policy, shipped_catalogue(), compiled);
  std::size_t failed = 0;
  for (std::size_t i = 0; i < policy.tests.size(); ++i) {
    const auto answer = explain(policy.tests[i].packet, compiled.rules, policy);
    bool fails = false;
    for (const Outcome& outcome : answer ? answer->outcomes : std::vector<Outcome>{}) {
      const Verdict verdict = outcome.rule->verdict;
      fails = fails ||
              (verdict == Verdict::Limit ? Verdict::Accept : verdict) != policy.tests[i].expect;
    }
    RC_ASSERT(fails == (failed < report.failed.size() && report.failed[failed].number == i + 1));
    if (!fails)
      continue;
    const FailedTest& told = report.failed[failed++];
    const Verdict verdict = told.rule->verdict;
    RC_ASSERT((verdict == Verdict::Limit ? Verdict::Accept : verdict) != told.test.expect);
    RC_ASSERT(std::ranges::any_of(
        answer->outcomes, [&](const Outcome& outcome) { return outcome.rule == told.rule; }));
  }
  RC_ASSERT(failed == report.failed.size());
}

TEST(Check, ATestOfNoPacketIsTold) {
  Policy policy = read_policy("");
  PacketQuery of_both;
  of_both.source = *parse_prefix("10.0.0.0/8");
  of_both.destination = *parse_prefix("fd00::/8");
  policy.tests.push_back({of_both, Verdict::Drop});
  const Report report =
      check(policy, shipped_catalogue(), compile(policy, shipped_catalogue(), kNow));
  EXPECT_TRUE(report.failed.empty());
  EXPECT_EQ(report.warnings, std::vector<std::string>{"test 1: no packet is like that"});
}

}  // namespace
}  // namespace quay
