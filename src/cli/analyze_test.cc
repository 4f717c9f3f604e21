#include "cli/analyze.h"

#include <sstream>

#include <gtest/gtest.h>

#include "policy/proof.h"
#include "tests/fakes/fake_host.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

class Analyze : public testing::Test {
 protected:
  int run(const std::vector<std::string>& paths, bool json = false) {
    out.str("");
    err.str("");
    return analyze_filters({files, clock, {"/catalogue"}, json, out, err, Style(false)}, paths,
                           nullptr);
  }

  FakeFiles files;
  FakeClock clock;
  std::ostringstream out;
  std::ostringstream err;
};

const char* const kRules =
    "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    "-A INPUT ! -i lo -s 127.0.0.0/8 -j DROP\n"
    "-A INPUT -i eth0 -p tcp --dport 22 -j ACCEPT\n"
    "-A INPUT -i eth0 -p tcp --dport 22 -s 10.0.0.0/8 -j DROP\n"
    "COMMIT\n";

TEST_F(Analyze, TellsWhatIsOpenAndWhatDecidesNothing) {
  files.content["/rules.v4"] = kRules;
  EXPECT_EQ(run({"/rules.v4"}), kReport);
  EXPECT_EQ(out.str(),
            "Open from any other interface\n"
            "  nothing\n"
            "Open from eth0\n"
            "  tcp 22\n"
            "Sent to any interface\n"
            "  every packet\n"
            "Routed from any interface\n"
            "  nothing\n"
            "Decide nothing (1)\n"
            "  ip/filter/INPUT line 7: -A INPUT -i eth0 -p tcp --dport 22 -s 10.0.0.0/8 -j DROP\n"
            "    behind ip/filter/INPUT line 6\n"
            "Outside the model (1)\n"
            "  no table is about IPv6\n"
            "3 rules, 3 of them understood in full\n"
            "About: " +
                proof_scope() + "\n");
  EXPECT_EQ(run({"/rules.v4"}, true), kReport);
  EXPECT_NE(out.str().find(R"("dead":[{"place":"ip/filter/INPUT line 7")"), std::string::npos);
}

TEST_F(Analyze, ComparesTwo) {
  files.content["/a"] = kRules;
  files.content["/b"] = kRules;
  EXPECT_EQ(run({"/a", "/b"}), kDone);
  EXPECT_TRUE(
      out.str().starts_with("Every packet fares the same under both.\n"
                            "Compared: IPv4 and IPv6 packets"))
      << out.str();
  std::string& other = files.content["/b"];
  other.replace(other.find("--dport 22"), 10, "--dport 23");
  EXPECT_EQ(run({"/a", "/b"}), kReport);
  EXPECT_NE(out.str().find("in tcp 22 from eth0"), std::string::npos) << out.str();
}

TEST_F(Analyze, ReadsFoldersOfFirewalld) {
  files.content["/etc/firewalld/firewalld.conf"] = "DefaultZone=public\nIPv6_rpfilter=no\n";
  files.content["/etc/firewalld/zones/public.xml"] =
      R"(<zone><port protocol="tcp" port="8080"/></zone>)";
  run({"/etc/firewalld"});
  EXPECT_EQ(err.str(), "");
  EXPECT_NE(out.str().find("8080"), std::string::npos) << out.str();
}

TEST_F(Analyze, ReadsUfwsFolderAndSaysWhenItIsOff) {
  files.content["/etc/ufw/../default/ufw"] =
      "IPV6=no\nDEFAULT_INPUT_POLICY=DROP\nDEFAULT_OUTPUT_POLICY=ACCEPT\n"
      "DEFAULT_FORWARD_POLICY=DROP\n";
  for (const std::string kind : {"ufw", "ufw6"})
    for (const std::string part : {"before", "user", "after"})
      files.content["/etc/ufw/" + part + (kind == "ufw" ? ".rules" : "6.rules")] =
          "*filter\n:" + kind + "-" + part + "-input - [0:0]\n-A " + kind + "-" + part +
          "-input -p tcp --dport 8080 -j ACCEPT\nCOMMIT\n";
  files.content["/etc/ufw/ufw.conf"] = "# comment\nENABLED=\"yes\"\n";
  run({"/etc/ufw"});
  EXPECT_EQ(err.str(), "");
  EXPECT_NE(out.str().find("8080"), std::string::npos) << out.str();
  EXPECT_EQ(out.str().find("does not enable"), std::string::npos) << out.str();
  files.content["/etc/ufw/ufw.conf"] = "ENABLED=no\n";
  run({"/etc/ufw"});
  EXPECT_NE(out.str().find("/etc/ufw/ufw.conf does not enable ufw"), std::string::npos)
      << out.str();
}

TEST_F(Analyze, NamesWhatItCannotRead) {
  EXPECT_EQ(run({"/nowhere"}), kFailed);
  EXPECT_EQ(err.str(), "quaymaster: /nowhere: No such file or directory\n");
  files.content["/odd"] = "hello\n";
  EXPECT_EQ(run({"/odd"}), kFailed);
  EXPECT_EQ(err.str(),
            "quaymaster: /odd: is neither what `nft -j list ruleset` or iptables-save writes nor a "
            "folder of ufw's or firewalld's\n");
}

}  // namespace
}  // namespace quay
