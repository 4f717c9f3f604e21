// The manager with the real kernel: what it refuses leaves everything as it was, what somebody
// else does to its table is put back.
#include "app/manager.h"

#include <functional>

#include <gtest/gtest.h>

#include "tests/fakes/fake_host.h"
#include "tests/netns/netns.h"

namespace quay {
namespace {

// The real packet filter, that says no at the nth question, and may say so twice.
class Refusing : public Firewall {
 public:
  explicit Refusing(Firewall& real) : real_(real) {}

  int refuse = 0;                   // the nth call from now on, counted from 1; 0: never
  int times = 1;                    // in a row
  bool forgets = false;             // it says that it has no rules
  std::function<void()> meanwhile;  // what others do while a script runs
  int calls = 0;

  Result<std::string> list() override {
    return refuses() ? Result<std::string>(no()) : real_.list();
  }
  Result<filter::Ruleset> ruleset() override {
    if (forgets)
      return filter::Ruleset();
    return refuses() ? Result<filter::Ruleset>(no()) : real_.ruleset();
  }
  Result<void> run(const std::string& script) override {
    if (meanwhile)
      meanwhile();
    return refuses() ? Result<void>(no()) : real_.run(script);
  }
  void settle() override { real_.settle(); }

 private:
  bool refuses() {
    ++calls;
    return refuse != 0 && calls >= refuse && calls < refuse + times;
  }
  static std::unexpected<Error> no() { return fail(Error{"kernel", "Out of memory"}); }
  Firewall& real_;
};

class ManagerInKernel : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    if (!netns::available(why))
      GTEST_SKIP() << "SKIPPED: " << why;
    inside_ = std::make_unique<netns::Namespace>("manager");
    inside_->run([this] { real_ = std::make_unique<Nftables>(); });
    firewall_ = std::make_unique<Refusing>(*real_);
    for (const char* profile : {"enhanced", "standard"})
      files_.content[std::string("/shipped/profiles/") + profile + ".toml"] =
          std::string("id = \"") + profile +
          "\"\ntitle = \"E\"\ndescription = \"D\"\noutgoing = \"deny\"\n";
    files_.content["/shipped/services/ssh.toml"] =
        "id = \"ssh\"\ntitle = \"SSH\"\ndescription = \"D\"\nclosing = \"C\"\n"
        "[[endpoints]]\ndirection = \"in\"\nprotocol = \"tcp\"\nlocal = \"22\"\n";
    files_.content["/policy.toml"] = "[interfaces]\nlan = \"eth0\"\n";
    start();
  }

  void start() {
    manager_ = std::make_unique<Manager>(
        *firewall_, files_, clock_, RestorePaths{"/policy.toml", "/last-good.nft", {"/shipped"}});
    const auto started = manager_->start();
    ASSERT_TRUE(started) << started.error().text();
  }

  std::expected<Plan, Refusal> allow(const std::string& ports) {
    return manager_->apply({RuleCommand{AppendRule{}, *parse_user_rule("allow " + ports, {})}, ""});
  }
  std::string listing() { return real_->list().value(); }
  bool holds(const std::string& text) { return listing().find(text) != std::string::npos; }

  // What is enforced, whichever slot its maps are in.
  static NftTable chains(const std::string& listing) { return parse_nft_listing(listing)->table; }

  std::unique_ptr<netns::Namespace> inside_;
  std::unique_ptr<Firewall> real_;
  std::unique_ptr<Refusing> firewall_;
  FakeFiles files_;
  FakeClock clock_;
  std::unique_ptr<Manager> manager_;
};

TEST_F(ManagerInKernel, AChangeIsInTheKernelInTheFileAndInTheAnswer) {
  const auto done = allow("8080/tcp");
  ASSERT_TRUE(done) << done.error().errors[0].text();
  EXPECT_TRUE(done->changes);
  ASSERT_EQ(done->effects.opens.size(), 1U);
  EXPECT_EQ(to_text(done->effects.opens[0]), "8080/tcp in (rule 1)");
  EXPECT_TRUE(holds("in_own1-tcp-8080"));
  EXPECT_NE(files_.content["/policy.toml"].find("allow 8080/tcp"), std::string::npos);
  EXPECT_NE(files_.content["/last-good.nft"].find("8080"), std::string::npos);
  EXPECT_EQ(manager_->revision(), done->revision);
  // And it is what comes back at the next start.
  const std::string before = listing();
  start();
  EXPECT_EQ(manager_->revision(), done->revision);
  EXPECT_EQ(manager_->enforcement(), Enforcement::On);
}

TEST_F(ManagerInKernel, AKernelThatSaysNoAtAnyStepLeavesEverythingAsItWas) {
  ASSERT_TRUE(allow("8000/tcp"));
  firewall_->calls = 0;
  ASSERT_TRUE(allow("8001/tcp"));
  const int steps = firewall_->calls;
  ASSERT_GE(steps, 2);
  int refused = 0;
  for (int i = 0; i < 2 * steps; ++i) {
    const int step = i / 2 + 1;
    firewall_->times = i % 2 + 1;
    const auto content = files_.content;
    const std::string revision = manager_->revision();
    firewall_->calls = 0;
    firewall_->refuse = step;
    const auto done = allow("9000/tcp");
    firewall_->refuse = 0;
    if (done) {  // a step that nothing hangs on: clearing away what is no longer in use
      ASSERT_TRUE(
          manager_->apply({RuleCommand{DeleteRule{}, *parse_user_rule("allow 9000/tcp", {})}, ""}));
      continue;
    }
    ++refused;
    EXPECT_EQ(done.error().kind, Refusal::Kind::Failed);
    EXPECT_EQ(done.error().errors[0].text(), "kernel: Out of memory");
    EXPECT_EQ(files_.content, content) << "step " << step;
    EXPECT_EQ(manager_->revision(), revision);
    const auto drift = manager_->examine();
    ASSERT_TRUE(drift);
    EXPECT_TRUE(drift->empty()) << "step " << step << ": " << drift->front();
    EXPECT_FALSE(holds("9000")) << "step " << step;
  }
  EXPECT_GE(refused, 2);
  EXPECT_TRUE(allow("9000/tcp"));
}

TEST_F(ManagerInKernel, AChangeThatIsNotProvedIsTakenBack) {
  const std::string table = listing();
  const auto content = files_.content;
  firewall_->forgets = true;
  const auto done = allow("8080/tcp");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, Refusal::Kind::Failed);
  EXPECT_TRUE(
      done.error().errors[0].text().starts_with("kernel: does not do what the policy says: in "))
      << done.error().errors[0].text();
  EXPECT_EQ(files_.content, content);
  EXPECT_TRUE(manager_->examine()->empty());
  EXPECT_EQ(listing(), table);
  firewall_->forgets = false;
  const auto proved = allow("8080/tcp");
  ASSERT_TRUE(proved);
  ASSERT_TRUE(proved->proof);
  EXPECT_TRUE(proved->proof->equal());
}

TEST_F(ManagerInKernel, AFullDiskLeavesEverythingAsItWas) {
  const std::string table = listing();
  const auto content = files_.content;
  files_.disk_full = true;
  auto done = allow("8080/tcp");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().errors[0].reason, "No space left on device");
  EXPECT_EQ(listing(), table);
  EXPECT_EQ(files_.content, content);
  files_.disk_full = false;
  // The disk fails at the very last step.
  files_.refuse_commit = "/policy.toml";
  done = allow("8080/tcp");
  ASSERT_FALSE(done);
  EXPECT_TRUE(manager_->examine()->empty());
  EXPECT_FALSE(holds("8080"));
  EXPECT_EQ(files_.content, content);
  files_.refuse_commit.clear();
  EXPECT_TRUE(allow("8080/tcp"));
}

TEST_F(ManagerInKernel, APolicyThatBreaksItsTestsIsRefused) {
  files_.content["/policy.toml"] =
      "[interfaces]\nlan = \"eth0\"\n[[tests]]\npacket = \"in on lan 8080/tcp\"\nexpect = "
      "\"drop\"\n";
  ASSERT_TRUE(manager_->apply({}));
  const auto done = allow("8080/tcp");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, Refusal::Kind::Invalid);
  EXPECT_TRUE(done.error().errors[0].text().starts_with("test 1 fails"))
      << done.error().errors[0].text();
  EXPECT_FALSE(holds("8080"));
}

TEST_F(ManagerInKernel, OfTwoChangesAtOnceTheSecondIsToldOfTheFirst) {
  const std::string base = manager_->revision();
  ASSERT_TRUE(allow("8080/tcp"));
  const auto late = manager_->apply({ServiceEdit{.id = "ssh", .exposed = false}, base});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, Refusal::Kind::Conflict);
  EXPECT_EQ(late.error().changed, std::vector<std::string>{"opens 8080/tcp in (rule 1)"});
  EXPECT_TRUE(holds("tcp . 22")) << "ssh is as it was";
}

TEST_F(ManagerInKernel, AHandEditIsNotOverwritten) {
  files_.content["/policy.toml"] += "[[rules]]\nrule = \"allow 7000/tcp\"\n";
  EXPECT_TRUE(manager_->edited_by_hand());
  auto done = allow("8080/tcp");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, Refusal::Kind::Conflict);
  done = manager_->apply({});
  ASSERT_TRUE(done) << done.error().errors[0].text();
  EXPECT_TRUE(holds("7000"));
  EXPECT_FALSE(manager_->edited_by_hand());
  files_.content["/policy.toml"] = "profile = \"nonsense\"\n";
  done = manager_->apply({});
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().errors[0].text().starts_with("/policy.toml:1: "));
  EXPECT_TRUE(holds("7000"));
}

TEST_F(ManagerInKernel, AnotherSpellingOfThePolicyIsNoEdit) {
  files_.content["/policy.toml"] = "# a comment\n" + files_.content["/policy.toml"];
  EXPECT_FALSE(manager_->edited_by_hand());
  EXPECT_TRUE(allow("8080/tcp"));
}

TEST_F(ManagerInKernel, WhatSomebodyElseDoesIsPutBack) {
  ASSERT_TRUE(allow("8080/tcp"));
  for (const char* damage :
       {"flush ruleset\n", "delete table inet quaymaster\n", "flush chain inet quaymaster input\n",
        "add rule inet quaymaster input accept\n",
        "insert rule inet quaymaster input tcp dport 23 accept\n",
        "delete element inet quaymaster in_a { \"eth0\" . tcp . 22 }\n",
        "delete element inet quaymaster in_b { \"eth0\" . tcp . 22 }\n"}) {
    const bool done = real_->run(damage).has_value();
    if (!done)
      continue;  // the other slot is in use
    const auto found = manager_->examine();
    ASSERT_TRUE(found) << damage << found.error().text();
    EXPECT_FALSE(found->empty()) << damage;
    EXPECT_TRUE(manager_->examine()->empty()) << damage;
    EXPECT_TRUE(holds("in_own1-tcp-8080")) << damage;
    EXPECT_TRUE(holds("tcp . 22")) << damage;
  }
}

TEST_F(ManagerInKernel, ARefusedChangeNeverTakesTheTableAway) {
  ASSERT_TRUE(allow("8080/tcp"));
  // Something that we do not understand has come into our table, and the disk says no.
  ASSERT_TRUE(real_->run("add set inet quaymaster foreign { type ipv4_addr; }\n"));
  files_.refuse_commit = "/policy.toml";
  ASSERT_FALSE(allow("9000/tcp"));
  EXPECT_TRUE(holds("in_own1-tcp-8080"));
  EXPECT_TRUE(manager_->examine()->empty());
  EXPECT_FALSE(holds("9000"));
  files_.refuse_commit.clear();
  // And what somebody else put there never becomes what we wanted.
  ASSERT_TRUE(real_->run("insert rule inet quaymaster input tcp dport 23 accept\n"));
  ASSERT_TRUE(manager_->examine());
  EXPECT_FALSE(holds("dport 23"));
  EXPECT_FALSE(holds("foreign"));
}

TEST_F(ManagerInKernel, WhatEnforcingSaysIsAdoptedFromRestoreToo) {
  const RestorePaths paths{"/policy.toml", "/last-good.nft", {"/shipped"}};
  const std::string policy = files_.content["/policy.toml"];
  files_.content["/policy.toml"] = "enforcing = false\n" + policy;
  ASSERT_TRUE(restore(*real_, files_, clock_, paths));
  ASSERT_TRUE(manager_->examine());
  EXPECT_EQ(listing(), "");
  EXPECT_EQ(manager_->enforcement(), Enforcement::Off);
  files_.content["/policy.toml"] = policy;
  ASSERT_TRUE(restore(*real_, files_, clock_, paths));
  ASSERT_TRUE(manager_->examine());
  EXPECT_EQ(manager_->enforcement(), Enforcement::On);
  ASSERT_TRUE(real_->run("flush ruleset\n"));
  EXPECT_FALSE(manager_->examine()->empty());
  EXPECT_TRUE(holds("tcp . 22"));
}

TEST_F(ManagerInKernel, RulesThatStandForNoPolicyAreKeptAndNothingIsClaimedOfThem) {
  ASSERT_TRUE(allow("8080/tcp"));
  files_.content["/policy.toml"] = "nonsense";
  start();
  EXPECT_EQ(manager_->enforcement(), Enforcement::Kept);
  EXPECT_FALSE(allow("9000/tcp"));
  ASSERT_TRUE(real_->run("flush ruleset\n"));
  ASSERT_TRUE(manager_->examine());
  EXPECT_TRUE(holds("in_own1-tcp-8080"));
  files_.content.erase("/policy.toml");
  const auto planned = manager_->plan({ReplaceEdit{}, ""});
  ASSERT_TRUE(planned) << planned.error().errors[0].text();
  EXPECT_FALSE(planned->effects_known);
}

TEST_F(ManagerInKernel, OrIsReportedWhenThePolicySaysSo) {
  files_.content["/policy.toml"] = "drift = \"report\"\n" + files_.content["/policy.toml"];
  ASSERT_TRUE(manager_->apply({}));
  ASSERT_TRUE(real_->run("insert rule inet quaymaster input tcp dport 23 accept\n"));
  EXPECT_FALSE(manager_->examine()->empty());
  EXPECT_FALSE(manager_->drift().empty());
  EXPECT_TRUE(holds("dport 23"));
  // The next change makes the kernel hold the policy, whatever somebody else did to it.
  const auto done = allow("8080/tcp");
  ASSERT_TRUE(done) << done.error().errors[0].text();
  EXPECT_FALSE(holds("dport 23"));
  EXPECT_TRUE(holds("in_own1-tcp-8080"));
}

TEST_F(ManagerInKernel, AChangeWhereTheTableIsGoneWritesItAnew) {
  files_.content["/policy.toml"] = "drift = \"report\"\n" + files_.content["/policy.toml"];
  ASSERT_TRUE(manager_->apply({}));
  for (const bool seen : {true, false}) {
    ASSERT_TRUE(real_->run("flush ruleset\n"));
    if (seen) {
      ASSERT_TRUE(manager_->examine());
      const auto planned = manager_->plan({EnforceEdit{true}, ""});
      ASSERT_TRUE(planned);
      EXPECT_TRUE(planned->changes);
      EXPECT_FALSE(planned->effects_known) << "what is in the kernel stands for no policy";
    }
    const auto done = allow(seen ? "8080/tcp" : "8081/tcp");
    ASSERT_TRUE(done) << done.error().errors[0].text();
    EXPECT_TRUE(holds("tcp . 22"));
    EXPECT_TRUE(holds(seen ? "in_own1-tcp-8080" : "tcp . 8081"));
  }
}

TEST_F(ManagerInKernel, ARefusedChangeLeavesAReportedDifferenceAsItWas) {
  files_.content["/policy.toml"] = "drift = \"report\"\n" + files_.content["/policy.toml"];
  ASSERT_TRUE(manager_->apply({}));
  ASSERT_TRUE(real_->run("flush chain inet quaymaster in_ssh\n"));
  ASSERT_FALSE(manager_->examine()->empty());
  const std::string before = listing();
  files_.refuse_commit = "/policy.toml";
  ASSERT_FALSE(allow("8080/tcp"));
  files_.refuse_commit.clear();
  EXPECT_FALSE(manager_->examine()->empty());
  EXPECT_EQ(chains(listing()), chains(before));
}

TEST_F(ManagerInKernel, DisableTakesTheTableAwayAndEnableBringsItBack) {
  ASSERT_TRUE(manager_->apply({EnforceEdit{false}, ""}));
  EXPECT_EQ(listing(), "");
  EXPECT_TRUE(manager_->examine()->empty());
  start();
  EXPECT_EQ(manager_->enforcement(), Enforcement::Off);
  EXPECT_EQ(listing(), "");
  const auto done = manager_->apply({EnforceEdit{true}, ""});
  ASSERT_TRUE(done) << done.error().errors[0].text();
  EXPECT_TRUE(holds("tcp . 22"));
}

TEST_F(ManagerInKernel, TheFirstPolicyIsMadeOnce) {
  ASSERT_TRUE(real_->run("delete table inet quaymaster\n"));
  files_.content.erase("/policy.toml");
  files_.content.erase("/last-good.nft");
  start();
  EXPECT_EQ(manager_->enforcement(), Enforcement::NoPolicy);
  EXPECT_EQ(listing(), "") << "the kernel is left alone";
  EXPECT_FALSE(allow("8080/tcp"));
  EXPECT_FALSE(manager_->first_policy({"lo"}, false)) << "no interface to name";
  const std::vector<std::string> links{"lo", "eth0", "eth1", "wwan0", "docker0"};
  auto policy = manager_->first_policy(links, false);
  ASSERT_TRUE(policy);
  EXPECT_EQ(policy->profile, "enhanced");
  EXPECT_EQ(policy->interfaces,
            (std::map<std::string, InterfaceName>{{"lan", {"eth0"}}, {"wan", {"eth1"}}}));
  ASSERT_TRUE(manager_->apply({ReplaceEdit{*policy}, ""}));
  EXPECT_TRUE(holds("tcp . 22"));
  EXPECT_FALSE(manager_->first_policy(links, false)) << "there is one now";
  // A gateway that ufw has guarded so far stays as open as it was, unless it is reset.
  files_.content["/etc/ufw/ufw.conf"] = "# a comment\nENABLED=yes\n";
  EXPECT_EQ(manager_->first_policy(links, true)->profile, "enhanced");
  files_.content.erase("/policy.toml");
  files_.content.erase("/last-good.nft");
  ASSERT_TRUE(real_->run("delete table inet quaymaster\n"));  // it has just booted
  start();
  EXPECT_EQ(manager_->first_policy(links, false)->profile, "standard");
}

TEST_F(ManagerInKernel, AnInitThatWasKilledHasNeverBeen) {
  files_.content.erase("/policy.toml");
  files_.content.erase("/last-good.nft");
  files_.left = {"/policy.toml", "/last-good.nft"};  // and our table is in the kernel
  start();
  EXPECT_EQ(manager_->enforcement(), Enforcement::NoPolicy);
  EXPECT_EQ(listing(), "");
  EXPECT_TRUE(files_.left.empty());
}

TEST_F(ManagerInKernel, ATableOfOursWithoutAnyFileStaysAndIsTold) {
  files_.content.erase("/policy.toml");
  files_.content.erase("/last-good.nft");
  const std::string before = listing();
  start();
  EXPECT_EQ(manager_->enforcement(), Enforcement::Kept);
  EXPECT_EQ(listing(), before);
  ASSERT_FALSE(manager_->faults().empty());
  EXPECT_EQ(manager_->faults()[0].text(), "/policy.toml: No such file or directory");
  EXPECT_TRUE(manager_->first_policy({"lo", "eth0"}, true));
}

TEST_F(ManagerInKernel, APolicyFileThatIsGoneIsTold) {
  files_.content.erase("/policy.toml");
  EXPECT_FALSE(manager_->edited_by_hand());
  ASSERT_EQ(manager_->faults().size(), 1U);
  EXPECT_EQ(manager_->faults()[0].text(),
            "/policy.toml: is gone; what it said is in force until the next start (`quaymaster "
            "apply FILE` puts another in its place)");
  const auto done = allow("8080/tcp");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, Refusal::Kind::Conflict);
  EXPECT_TRUE(manager_->apply({ReplaceEdit{manager_->in_force()->policy}, ""}));
}

TEST_F(ManagerInKernel, AnEditThatCannotBeReadGivesWayToAWholePolicyAndIsKept) {
  files_.content["/policy.toml"] = "nonsense";
  EXPECT_FALSE(allow("8080/tcp"));
  Policy other = manager_->in_force()->policy;
  other.profile = "standard";
  const auto done = manager_->apply({ReplaceEdit{other}, ""});
  ASSERT_TRUE(done) << done.error().errors[0].text();
  EXPECT_EQ(files_.content["/policy.toml.refused"], "nonsense");
  ASSERT_FALSE(done->notes.empty());
  EXPECT_EQ(done->notes[0], "what /policy.toml held is kept in /policy.toml.refused");
  // One that can be read and is not in force yet does not.
  files_.content["/policy.toml"] += "[[rules]]\nrule = \"allow 7000/tcp\"\n";
  EXPECT_FALSE(manager_->apply({ReplaceEdit{Policy{}}, ""}));
}

TEST_F(ManagerInKernel, AnEditThatIsSavedDuringAChangeIsNotLost) {
  const std::string before = listing();
  const std::string edit = files_.content["/policy.toml"] +
                           "# saved meanwhile\n"
                           "[[rules]]\nrule = \"allow 7000/tcp\"\n";
  firewall_->meanwhile = [&] { files_.content["/policy.toml"] = edit; };
  const auto done = allow("8080/tcp");
  firewall_->meanwhile = nullptr;
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, Refusal::Kind::Conflict);
  EXPECT_EQ(files_.content["/policy.toml"], edit);
  EXPECT_TRUE(manager_->examine()->empty());
  EXPECT_EQ(chains(listing()), chains(before));
}

TEST_F(ManagerInKernel, AConflictSaysWhatChangedAlsoWhereNoPacketIsConcerned) {
  const std::string base = manager_->revision();
  ServiceEdit reason{.id = "ssh"};
  reason.reason = "the office";
  ASSERT_TRUE(manager_->apply({reason, base}));
  const auto done = manager_->apply({EnforceEdit{true}, base});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().changed,
            (std::vector<std::string>{"writes [services.ssh]", "writes reason = \"the office\""}));
}

TEST_F(ManagerInKernel, WhatRestoreBroughtInAfterAnEditIsAdopted) {
  files_.content["/policy.toml"] += "[[rules]]\nrule = \"allow 7000/tcp\"\n";
  ASSERT_TRUE(restore(*real_, files_, clock_, {"/policy.toml", "/last-good.nft", {"/shipped"}}));
  const auto found = manager_->examine();
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->empty());
  EXPECT_TRUE(holds("7000"));
  EXPECT_FALSE(manager_->edited_by_hand());
  EXPECT_EQ(manager_->in_force()->policy.rules.size(), 1U);
}

}  // namespace
}  // namespace quay
