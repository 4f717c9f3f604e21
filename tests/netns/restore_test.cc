// Restoring with the real kernel: what the in-memory host cannot judge.
#include "app/restore.h"

#include <gtest/gtest.h>

#include "base/checksum.h"
#include "tests/fakes/fake_host.h"
#include "tests/netns/netns.h"

namespace quay {
namespace {

class RestoreInKernel : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    if (!netns::available(why))
      GTEST_SKIP() << "SKIPPED: " << why;
    inside_ = std::make_unique<netns::Namespace>("restore");
    inside_->run([this] { firewall_ = std::make_unique<Nftables>(); });
    files_.content["/shipped/profiles/enhanced.toml"] =
        "id = \"enhanced\"\ntitle = \"E\"\ndescription = \"D\"\noutgoing = \"deny\"\n";
    files_.content["/shipped/services/ssh.toml"] =
        "id = \"ssh\"\ntitle = \"SSH\"\ndescription = \"D\"\nclosing = \"C\"\n"
        "[[endpoints]]\ndirection = \"in\"\nprotocol = \"tcp\"\nlocal = \"22\"\n";
    files_.content["/policy.toml"] = "[[rules]]\nrule = \"limit 8080/tcp\"\n";
  }

  Result<RestoreReport> run() { return restore(*firewall_, files_, clock_, paths_); }
  bool holds(const std::string& text) {
    return firewall_->list().value().find(text) != std::string::npos;
  }

  std::unique_ptr<netns::Namespace> inside_;
  std::unique_ptr<Nftables> firewall_;
  FakeFiles files_;
  FakeClock clock_;
  RestorePaths paths_{"/policy.toml", "/last-good.nft", {"/shipped"}};
};

TEST_F(RestoreInKernel, SavesWhatLoadedAndBringsItBack) {
  auto report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->restored, Restored::Policy);
  ASSERT_TRUE(files_.content.contains("/last-good.nft"));
  // A boot with a wrong policy.
  ASSERT_TRUE(firewall_->run("delete table inet quaymaster\n"));
  files_.content["/policy.toml"] = "nonsense";
  report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->restored, Restored::LastGood);
  EXPECT_TRUE(holds("in_own1-tcp-8080"));
  // The same with the saved rules damaged.
  ASSERT_TRUE(firewall_->run("delete table inet quaymaster\n"));
  files_.content["/last-good.nft"] += "x";
  report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->restored, Restored::FailSafe);
  EXPECT_FALSE(holds("8080"));
  EXPECT_TRUE(holds("tcp . 22 : jump in_ssh"));
}

TEST_F(RestoreInKernel, AFullDiskIsToldAndThePolicyIsInForce) {
  files_.disk_full = true;
  const auto report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->restored, Restored::Policy);
  ASSERT_EQ(report->errors.size(), 1U);
  EXPECT_EQ(report->errors[0].text(), "/last-good.nft: No space left on device");
  EXPECT_TRUE(holds("in_own1-tcp-8080"));
}

TEST_F(RestoreInKernel, RulesThatLimitComeAndGo) {
  for (const char* policy :
       {"[[rules]]\nrule = \"limit 8080/tcp\"\n", "", "[[rules]]\nrule = \"limit out 25/tcp\"\n",
        "[[rules]]\nrule = \"reject 8080/tcp\"\n", "[[rules]]\nrule = \"limit 8080/tcp\"\n"}) {
    files_.content["/policy.toml"] = policy;
    const auto report = run();
    ASSERT_TRUE(report) << policy << report.error().text();
    EXPECT_EQ(report->restored, Restored::Policy);
  }
}

TEST_F(RestoreInKernel, ATableThatSomebodyBrokeIsMadeAnew) {
  ASSERT_TRUE(run());
  for (const char* damage :
       {"add set inet quaymaster foo { type inet_service; }\n",
        "add table inet quaymaster { flags dormant; }\n",
        "delete table inet quaymaster\ntable inet quaymaster {\n chain input {\n"
        " type filter hook input priority 10; policy accept;\n }\n}\n",
        "flush table inet quaymaster\n"}) {
    ASSERT_TRUE(firewall_->run(damage)) << damage;
    const auto report = run();
    ASSERT_TRUE(report) << damage << report.error().text();
    EXPECT_EQ(report->restored, Restored::Policy) << damage;
    EXPECT_TRUE(holds("policy drop")) << damage;
  }
}

TEST_F(RestoreInKernel, WithoutTheRightToChangeRulesItFails) {
  class Unprivileged : public Firewall {
   public:
    Result<std::string> list() override { return std::string(); }
    Result<filter::Ruleset> ruleset() override { return filter::Ruleset(); }
    Result<void> run(const std::string&) override {
      return fail(Error{"kernel", "Operation not permitted"});
    }
    void settle() override {}
  } nobody;
  const auto report = restore(nobody, files_, clock_, paths_);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().text(), "kernel: Operation not permitted");
  EXPECT_FALSE(files_.content.contains("/last-good.nft"));
}

}  // namespace
}  // namespace quay
