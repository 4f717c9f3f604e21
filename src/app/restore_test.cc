#include "app/restore.h"

#include <gtest/gtest.h>

#include "base/checksum.h"
#include "language/nft_table.h"
#include "tests/fakes/fake_host.h"
#include "tests/support/listing.h"

namespace quay {
namespace {

class Restore : public testing::Test {
 protected:
  Restore() {
    files.content["/shipped/profiles/enhanced.toml"] =
        "id = \"enhanced\"\ntitle = \"E\"\ndescription = \"D\"\noutgoing = \"deny\"\n";
    files.content["/shipped/services/ssh.toml"] =
        "id = \"ssh\"\ntitle = \"SSH\"\ndescription = \"D\"\nclosing = \"C\"\n"
        "[[endpoints]]\ndirection = \"in\"\nprotocol = \"tcp\"\nlocal = \"22\"\n";
    files.content["/policy.toml"] = "profile = \"enhanced\"\n";
  }

  void kernel_holds_ours_after_a_script() { firewall.listing_after_run = kSoundListing; }

  Result<RestoreReport> run() { return restore(firewall, files, clock, paths); }

  FakeFirewall firewall;
  FakeFiles files;
  FakeClock clock;
  RestorePaths paths{"/policy.toml", "/last-good.nft", {"/shipped"}};
};

TEST_F(Restore, AKernelThatSaysNoFailsAndNothingIsSaved) {
  firewall.refuse_run = 1;
  const auto report = run();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().text(), "kernel: Could not process rule: Operation not permitted");
  EXPECT_TRUE(firewall.scripts.empty());
  EXPECT_FALSE(files.content.contains("/last-good.nft"));
}

TEST_F(Restore, AKernelThatCannotBeAskedFails) {
  firewall.refuse_list = true;
  const auto report = run();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().text(), "kernel: Operation not permitted");
  EXPECT_TRUE(firewall.scripts.empty());
}

TEST_F(Restore, AKernelThatHoldsSomethingElseAfterwardsFails) {
  kernel_holds_ours_after_a_script();
  const auto report = run();
  ASSERT_FALSE(report);
  EXPECT_TRUE(report.error().text().starts_with("kernel: the table is not what was written, "))
      << report.error().text();
  EXPECT_FALSE(files.content.contains("/last-good.nft"));
}

TEST_F(Restore, AWrongPolicyKeepsTheRulesThatAreInForce) {
  firewall.listing = kSoundListing;
  files.content["/policy.toml"] = "profile = \"strong\"\n";
  const auto report = run();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->restored, Restored::Kept);
  EXPECT_EQ(report->errors.at(0).text(), "/policy.toml:1: there is no profile `strong`: enhanced");
  EXPECT_TRUE(firewall.scripts.empty());
}

TEST_F(Restore, APolicyWhoseTestFailsIsRefused) {
  firewall.listing = kSoundListing;
  files.content["/policy.toml"] = "[[tests]]\npacket = \"in on eth0 22/tcp\"\nexpect = \"drop\"\n";
  const auto report = run();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->restored, Restored::Kept);
  EXPECT_EQ(report->errors.at(0).text(),
            "/policy.toml: test 1 fails: `in on eth0 22/tcp` should drop, but service ssh decides "
            "accept for in on eth0 22/tcp from 198.51.100.7 to 192.0.2.1 sport 40000");
  EXPECT_TRUE(firewall.scripts.empty());
}

TEST_F(Restore, RulesThatAreNotSoundAreNotKept) {
  firewall.listing = "table inet quaymaster {\n\tchain x {\n\t}\n}\n";
  firewall.listing_after_run = kSoundListing;
  files.content["/policy.toml"] = "nonsense";
  files.content["/last-good.nft"] = seal("the last good script\n");
  const auto report = run();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->restored, Restored::LastGood);
}

TEST_F(Restore, APolicyThatTheKernelRefusesAtBootBringsBackTheLastGoodRules) {
  firewall.listing_after_run = kSoundListing;
  files.content["/last-good.nft"] = seal("the last good script\n");
  firewall.refuse_run = 1;
  firewall.refuse_only_once = true;
  const auto report = run();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->restored, Restored::LastGood);
  EXPECT_EQ(report->errors.at(0).text(), "kernel: Could not process rule: Operation not permitted");
}

TEST_F(Restore, AnOpeningThatEndedStaysClosedWhenTheClockIsBehind) {
  files.content["/policy.toml"] =
      "[[openings]]\nrule = \"allow 8080/tcp\"\nuntil = 2026-01-01T00:00:00Z\n";
  files.content["/last-good.nft"] = "x";
  files.written = clock.time;
  clock.time = TimePoint(std::chrono::seconds(0));
  static_cast<void>(run());
  ASSERT_FALSE(firewall.scripts.empty());
  EXPECT_EQ(firewall.scripts[0].find("8080"), std::string::npos);
}

TEST_F(Restore, AtBootAWrongPolicyBringsBackTheLastGoodRules) {
  firewall.listing_after_run = kSoundListing;
  files.content["/policy.toml"] = "nonsense";
  files.content["/last-good.nft"] = seal("the last good script\n");
  const auto report = run();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->restored, Restored::LastGood);
  EXPECT_EQ(firewall.scripts, std::vector<std::string>{nft_clear() + "the last good script\n"});
}

TEST_F(Restore, DamagedLastGoodRulesGiveWayToTheFailSafeOnes) {
  files.content.erase("/policy.toml");
  files.content["/last-good.nft"] = seal("the last good script\n") + "x";
  const auto report = run();
  ASSERT_FALSE(report) << "the fake kernel holds nothing, so reading back fails";
  ASSERT_EQ(firewall.scripts.size(), 1U);
  EXPECT_NE(firewall.scripts[0].find("tcp . 22 : jump in_ssh"), std::string::npos);
}

TEST_F(Restore, LastGoodRulesThatTheKernelRefusesGiveWayToo) {
  files.content["/policy.toml"] = "nonsense";
  files.content["/last-good.nft"] = seal("the last good script\n");
  firewall.refuse_run = 1;
  const auto report = run();
  ASSERT_FALSE(report);
  EXPECT_TRUE(firewall.scripts.empty());
}

}  // namespace
}  // namespace quay
