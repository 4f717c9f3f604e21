#include "policy/proof.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "policy/compile.h"
#include "policy/policy_filter.h"
#include "tests/support/generate.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

const std::string kInterfaces = "[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n";

const Vocabulary kNames{.interfaces = {{"eth0", "lan"}, {"eth1", "wan"}},
                        .service = [](Protocol protocol, Port port) -> std::string {
                          return protocol == Protocol::Tcp && port == 1883 ? "mqtt" : "";
                        }};

RuleList rules_of(const std::string& text) {
  return compile(read_policy(text), shipped_catalogue(), kNow).rules;
}

// The kernel that does what these rules say.
filter::Ruleset kernel(const RuleList& rules) {
  filter::Ruleset ruleset = policy_filter(rules);
  ruleset.tables.front().name = "quaymaster";
  return ruleset;
}

std::string lines(const std::vector<Difference>& differences) {
  std::string text;
  for (const Difference& difference : differences)
    text += fmt::format("{} {}: kernel {}, policy {}\n", to_text(difference.direction),
                        difference.packets, difference.first, difference.second);
  return text;
}

TEST(Proof, AKernelThatDoesWhatThePolicySaysIsEqual) {
  for (const char* text :
       {"", "profile = \"standard\"\n", "[[rules]]\nrule = \"limit 22/tcp\"\n",
        "[[rules]]\nrule = \"reject from 10.0.0.0/8 to any port 1:1024 proto udp\"\n"}) {
    const RuleList rules = rules_of(kInterfaces + text);
    const Proof proof = prove(rules, kernel(rules), kNames);
    EXPECT_TRUE(proof.equal()) << lines(proof.differences);
    EXPECT_TRUE(proof.closed.empty());
  }
}

TEST(Proof, OfTooManyRulesThereIsNone) {
  const RuleList rules = rules_of(kInterfaces);
  const Proof proof = prove(rules, kernel(rules), kNames, 10);
  EXPECT_TRUE(proof.too_large && !proof.equal() && proof.differences.empty());
}

TEST(Proof, NamesThePacketsAndWhoDecides) {
  const RuleList wanted = rules_of(kInterfaces);
  const RuleList held = rules_of(kInterfaces + "[services.mqtt]\nenabled = true\non = [\"wan\"]\n");
  const Proof proof = prove(wanted, kernel(held), kNames);
  EXPECT_EQ(lines(proof.differences),
            "in tcp 1883 (mqtt) from wan (eth1): kernel accepts "
            "(inet/quaymaster/in service mqtt), policy drops (profile enhanced)\n");
  EXPECT_FALSE(proof.equal());
}

TEST(Proof, AKernelWithoutOurTableAcceptsEverything) {
  const Proof proof = prove(rules_of(kInterfaces), {}, kNames);
  EXPECT_FALSE(proof.equal());
  EXPECT_NE(lines(proof.differences).find("kernel accepts (no rule)"), std::string::npos);
}

TEST(Proof, TellsWhatOtherTablesClose) {
  const RuleList rules = rules_of(kInterfaces);
  filter::Ruleset live = kernel(rules);
  const filter::Values ssh{.field = {.kind = filter::Kind::DestinationPort},
                           .numbers = filter::Numbers({{22, 22}}),
                           .names = {}};
  const filter::Values tcp{
      .field = {.kind = filter::Kind::Protocol}, .numbers = filter::Numbers({{6, 6}}), .names = {}};
  filter::Rule drop{.conditions = {filter::Test{.boxes = {{ssh, tcp}}}},
                    .verdict = {.kind = filter::Verdict::Kind::Drop},
                    .place = "handle 7"};
  live.tables.push_back(
      {.family = filter::TableFamily::Ip,
       .name = "filter",
       .chains = {{"INPUT", filter::Base{.hook = filter::Hook::Input}, {std::move(drop)}}}});
  const Proof proof = prove(rules, live, kNames);
  EXPECT_TRUE(proof.equal());
  const std::string text = lines(proof.closed);
  EXPECT_NE(text.find("kernel drops (ip/filter/INPUT handle 7), policy accepts"), std::string::npos)
      << text;
  EXPECT_NE(text.find("tcp 22"), std::string::npos) << text;
  EXPECT_EQ(text.find("IPv6"), std::string::npos) << text;
}

// A table that does one thing with TCP to one port.
filter::Table table_about(Port port, const filter::Base& base, filter::Rule rule) {
  rule.conditions = {filter::Test{.boxes = {{{.field = {.kind = filter::Kind::DestinationPort},
                                              .numbers = filter::Numbers({{port, port}})},
                                             {.field = {.kind = filter::Kind::Protocol},
                                              .numbers = filter::Numbers({{6, 6}})}}}}};
  rule.place = "handle 7";
  return {.family = filter::TableFamily::Ip, .name = "other", .chains = {{"c", base, {rule}}}};
}

TEST(Proof, TellsWhatOthersLetInByTranslation) {
  const RuleList rules = rules_of(kInterfaces);
  filter::Ruleset live = kernel(rules);
  live.tables.push_back(
      table_about(9999, {.hook = filter::Hook::Prerouting, .priority = -100, .nat = true},
                  {.assigns = {{.field = {.kind = filter::Kind::DestinationPort}, .value = 22}},
                   .verdict = {.kind = filter::Verdict::Kind::Accept}}));
  const Proof proof = prove(rules, live, kNames);
  EXPECT_TRUE(proof.equal()) << "our own table is";
  const std::string text = lines(proof.opened);
  EXPECT_EQ(text,
            "in tcp 9999 from lan (eth0),wan (eth1), IPv4: kernel accepts (inet/quaymaster/in "
            "service ssh), policy drops (profile enhanced)\n");
}

TEST(Proof, TellsWhatOthersCloseOfALimit) {
  const RuleList rules = rules_of(kInterfaces + "[[rules]]\nrule = \"limit 2222/tcp\"\n");
  filter::Ruleset live = kernel(rules);
  live.tables.push_back(table_about(2222, {.hook = filter::Hook::Input},
                                    {.verdict = {.kind = filter::Verdict::Kind::Drop}}));
  const std::string text = lines(prove(rules, live, kNames).closed);
  EXPECT_NE(text.find("in tcp 2222"), std::string::npos) << text;
  EXPECT_NE(text.find("drops (ip/other/c handle 7), policy accepts (rule 1)"), std::string::npos)
      << text;
}

TEST(Proof, ATableThatDoesNothingOpensAndClosesNothing) {
  const RuleList rules = rules_of(kInterfaces + "[[rules]]\nrule = \"limit 2222/tcp\"\n");
  filter::Ruleset live = kernel(rules);
  live.tables.push_back(table_about(2222, {.hook = filter::Hook::Input}, {}));
  const Proof proof = prove(rules, live, kNames);
  EXPECT_EQ(lines(proof.closed) + lines(proof.opened), "");
}

TEST(Proof, SaysWhatElseHandlesPackets) {
  const RuleList rules = rules_of(kInterfaces);
  filter::Ruleset live = kernel(rules);
  live.outside = {"XDP program on eth0"};
  EXPECT_EQ(prove(rules, live, kNames).outside, live.outside);
}

// One rule is left out: then the packets are found that it decided, unless others do the same.
TEST(Proof, FindsEveryRuleThatIsMissing) {
  ASSERT_TRUE(rc::check("mutants are caught", [] {
    Policy policy = read_policy(kInterfaces);
    policy.rules = *rc::gen::container<std::vector<UserRule>>(generate::user_rule());
    const RuleList wanted = compile(policy, shipped_catalogue(), kNow).rules;
    RuleList held = wanted;
    const auto at = *rc::gen::inRange<std::size_t>(0, held.size());
    held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
    const Proof proof = prove(wanted, kernel(held), kNames);
    for (int i = 0; i < 30; ++i) {
      const Packet packet = *generate::packet();
      // Where no rule is left, the base chain drops.
      const auto verdict = [&](const RuleList& rules) {
        const Rule* rule = decide(rules, packet, kNow);
        return rule == nullptr ? Verdict::Drop : rule->verdict;
      };
      if (verdict(wanted) != verdict(held))
        RC_ASSERT(!proof.differences.empty());
    }
  }));
}

}  // namespace
}  // namespace quay
