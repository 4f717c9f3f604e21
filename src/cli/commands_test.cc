#include "cli/commands.h"

#include <sstream>

#include <gtest/gtest.h>

#include "language/packet_text.h"
#include "policy/compile.h"
#include "policy/explain.h"
#include "tests/fakes/fake_host.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

// The verbs on a policy, with the catalogue of this source tree.
class Commands : public testing::Test {
 protected:
  Commands() {
    SystemFiles real;
    for (const std::string folder : {"services", "profiles"})
      for (const std::string& name : real.list(QUAY_SOURCE "/catalogue/" + folder, ".toml"))
        files.content["/catalogue/" + folder + "/" + name] =
            *real.read(QUAY_SOURCE "/catalogue/" + folder + "/" + name);
    files.content["/policy.toml"] =
        "[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n"
        "[services.mqtt]\nenabled = true\non = [\"lan\"]\nfrom = [\"192.168.1.0/24\"]\n"
        "[[tests]]\npacket = \"in on wan 1883/tcp\"\nexpect = \"drop\"\n";
  }

  Context context(bool json) {
    return {files, clock, {"/catalogue"}, json, out, err, Style(false)};
  }

  FakeFiles files;
  FakeClock clock;
  std::ostringstream out;
  std::ostringstream err;
};

TEST_F(Commands, ExplainForPeople) {
  EXPECT_EQ(explain_packet(context(false), {"in", "on", "lan", "1883/tcp"}, "/policy.toml"), kDone);
  EXPECT_EQ(out.str(),
            "DEPENDS on source, family: in on lan 1883/tcp\n"
            "  ACCEPT  when source is 192.168.1.0/24 and family is IPv4\n"
            "          by service mqtt: MQTT is enabled by the policy on lan\n"
            "  DROP    otherwise\n"
            "          by profile enhanced: incoming packets are denied unless something decides "
            "otherwise\n"
            "  note    1883 is mqtt (MQTT), which the policy opens on lan to 192.168.1.0/24\n");
  EXPECT_EQ(err.str(), "");
}

TEST_F(Commands, ExplainForPrograms) {
  EXPECT_EQ(explain_packet(context(true), {"in", "on", "lan", "1883/tcp", "from", "192.168.1.9"},
                           "/policy.toml"),
            kDone);
  EXPECT_EQ(
      out.str(),
      R"({"packet":"in on lan 1883/tcp from 192.168.1.9","verdict":"accept","depends_on":[],)"
      R"("outcomes":[{"verdict":"accept","origin":{"kind":"service","name":"mqtt"},)"
      R"("reason":"MQTT is enabled by the policy on lan","conditions":{},)"
      R"("example":{"direction":"in","interface":"eth0","source":"192.168.1.9",)"
      R"("destination":"192.0.2.1","protocol":"tcp","state":"new","source_port":40000,)"
      R"("destination_port":1883}}],)"
      R"("hints":["1883 is mqtt (MQTT), which the policy opens on lan to 192.168.1.0/24"],"scope":")" +
          policy_scope() +
          R"("})"
          "\n");
}

// What explain gives as an example is decided as it says.
TEST_F(Commands, ExamplesAreWhatTheyShow) {
  const Policy policy = read_policy(files.content["/policy.toml"]);
  const Compiled compiled = compile(policy, shipped_catalogue(), kNow);
  for (const char* sentence : {"in", "in tcp", "out on wan", "in on lan 1883/tcp", "in udp"}) {
    const auto answer = explain(*parse_packet(sentence), compiled.rules, policy);
    ASSERT_TRUE(answer);
    for (const Outcome& outcome : answer->outcomes)
      EXPECT_EQ(decide(compiled.rules, outcome.example, kNow), outcome.rule)
          << sentence << ": " << to_text(outcome.example);
  }
}

TEST_F(Commands, CheckTellsWhatIsWrong) {
  EXPECT_EQ(check_policy(context(false), "/policy.toml"), kDone);
  files.content["/policy.toml"] +=
      "[[tests]]\npacket = \"in on lan 1883/tcp\"\nexpect = \"drop\"\n";
  out.str("");
  EXPECT_EQ(check_policy(context(false), "/policy.toml"), kReport);
  EXPECT_NE(out.str().find("/policy.toml: test failed: `in on lan 1883/tcp` should drop, but "
                           "service mqtt decides accept for in on eth0 1883/tcp from 192.168.1.0"),
            std::string::npos)
      << out.str();
  files.content["/policy.toml"] = "profil = 3\n";
  EXPECT_EQ(check_policy(context(false), "/policy.toml"), kFailed);
  EXPECT_EQ(err.str(),
            "quaymaster: /policy.toml:1: unknown key `profil` (did you mean `profile`?)\n");
}

TEST_F(Commands, DiffTellsWhatOpensAndCloses) {
  EXPECT_EQ(diff_policies(context(false), "/policy.toml", "/policy.toml"), kDone);
  EXPECT_EQ(out.str(),
            "Nothing opens or closes now: first packets fare the same under both.\nCompared: " +
                policy_scope() + "\n");
  files.content["/other.toml"] = "enforcing = false\n" + files.content["/policy.toml"];
  out.str("");
  EXPECT_EQ(diff_policies(context(false), "/other.toml", "/policy.toml"), kReport);
  EXPECT_TRUE(out.str().starts_with("Closes  everything else in (profile enhanced)\n"))
      << out.str();
  EXPECT_EQ(diff_policies(context(false), "/policy.toml", "/nowhere.toml"), kFailed);
  EXPECT_EQ(err.str(), "quaymaster: /nowhere.toml: No such file or directory\n");
}

TEST_F(Commands, AWrongCatalogueFileIsAFault) {
  files.content["/catalogue/services/broken.toml"] = "id = 3\n";
  EXPECT_EQ(check_policy(context(false), "/policy.toml"), kFailed);
  EXPECT_NE(err.str().find("/catalogue/services/broken.toml:1: `id` must be a text in quotes"),
            std::string::npos);
}

TEST_F(Commands, ServicesKnowTheirNames) {
  EXPECT_EQ(list_services(context(false), "mqt"), kFailed);
  EXPECT_EQ(err.str(), "quaymaster: there is no service `mqt` (did you mean `mqtt`?)\n");
  EXPECT_EQ(list_services(context(true), "ssh"), kDone);
  EXPECT_TRUE(out.str().starts_with(R"({"id":"ssh","title":"Secure shell",)")) << out.str();
}

TEST_F(Commands, WrongWordsAreWrongUsage) {
  EXPECT_EQ(explain_packet(context(false), {"into", "22"}, "/policy.toml"), kUsage);
  EXPECT_EQ(err.str(), "quaymaster: a packet begins with in, out or forward, not `into`\n");
}

}  // namespace
}  // namespace quay
