// The proof on the real kernel: our own tables are equal to their policies, and whatever is changed
// in one is found.
#include "policy/proof.h"

#include <memory>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "host/nftables.h"
#include "language/nft_table.h"
#include "policy/compile.h"
#include "policy/vocabulary.h"
#include "tests/netns/netns.h"
#include "tests/support/generate.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

const std::string kInterfaces = "[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n";

class ProofInKernel : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    if (!netns::available(why))
      GTEST_SKIP() << "SKIPPED: " << why;
    inside_ = std::make_unique<netns::Namespace>("proof");
    inside_->run([this] { firewall_ = std::make_unique<Nftables>(); });
  }

  void load(const RuleList& rules) {
    const auto done = firewall_->run(nft_clear() + nft_script(nft_table(rules), Slot::A));
    ASSERT_TRUE(done) << done.error().text();
  }
  Proof prove_kernel(const RuleList& rules) {
    const auto live = firewall_->ruleset();
    EXPECT_TRUE(live);
    return prove(rules, live.value_or(filter::Ruleset()),
                 vocabulary(read_policy(kInterfaces), shipped_catalogue()));
  }
  static std::string lines(const std::vector<Difference>& differences) {
    std::string text;
    for (const Difference& difference : differences)
      text += to_text(difference) + "\n  " + difference.example + "\n";
    return text;
  }
  static RuleList rules_of(const std::string& text) {
    return compile(read_policy(kInterfaces + text), shipped_catalogue(), kNow).rules;
  }

  std::unique_ptr<netns::Namespace> inside_;
  std::unique_ptr<Nftables> firewall_;
};

TEST_F(ProofInKernel, WhatIsCompiledIsWhatThePolicySays) {
  ASSERT_TRUE(rc::check("of any policy", [this] {
    Policy policy = read_policy(kInterfaces);
    policy.profile = *rc::gen::element<std::string>("standard", "enhanced");
    for (const std::string& id : generate::service_ids())
      policy.services[id].enabled = *rc::gen::arbitrary<bool>();
    policy.services["ssh"].from = {*generate::prefix()};
    const int rules = *rc::gen::inRange(0, 8);
    for (int i = 0; i < rules; ++i)
      policy.rules.push_back(*generate::user_rule());
    const RuleList compiled = compile(policy, shipped_catalogue(), kNow).rules;
    load(compiled);
    const Proof proof = prove_kernel(compiled);
    if (!proof.equal())
      RC_LOG() << lines(proof.differences);
    RC_ASSERT(proof.equal());
    RC_ASSERT(proof.unknown.empty());
  }));
}

TEST_F(ProofInKernel, AnOpeningWithAnEndIsProvedToo) {
  const RuleList rules =
      rules_of("[[openings]]\nrule = \"allow 8080/tcp\"\nuntil = 2030-01-01T00:00:00Z\n");
  load(rules);
  const Proof proof = prove_kernel(rules);
  EXPECT_TRUE(proof.equal()) << lines(proof.differences);
}

TEST_F(ProofInKernel, FindsWhatSomebodyAdded) {
  const RuleList rules = rules_of("");
  load(rules);
  inside_->shell("nft insert rule inet quaymaster input iifname eth1 tcp dport 1883 accept");
  const std::string text = lines(prove_kernel(rules).differences);
  EXPECT_NE(text.find("in tcp 1883 (mqtt) from wan (eth1): kernel accepts "
                      "(inet/quaymaster/input handle "),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("policy drops (profile enhanced)"), std::string::npos) << text;
}

TEST_F(ProofInKernel, TellsWhatOtherTablesClose) {
  const RuleList rules = rules_of("");
  load(rules);
  inside_->shell(
      "nft add table ip filter; "
      "nft add chain ip filter INPUT \"{ type filter hook input priority 0; }\"; "
      "nft add rule ip filter INPUT tcp dport 22 drop");
  const Proof proof = prove_kernel(rules);
  EXPECT_TRUE(proof.equal()) << lines(proof.differences);
  const std::string text = lines(proof.closed);
  EXPECT_NE(text.find("tcp 22 (ssh)"), std::string::npos) << text;
  EXPECT_NE(text.find("kernel drops (ip/filter/INPUT handle "), std::string::npos) << text;
}

TEST_F(ProofInKernel, SaysThatNothingIsEnforced) {
  const Proof proof = prove_kernel(rules_of(""));
  EXPECT_FALSE(proof.equal());
}

}  // namespace
}  // namespace quay
