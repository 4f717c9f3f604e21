#include "policy/admission.h"

#include <gtest/gtest.h>

#include "language/iptables_save.h"

namespace quay {
namespace {

filter::Ruleset rules(const std::string& input) {
  const auto parsed = parse_iptables_save(
      "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n" + input +
          "COMMIT\n",
      "rules", Family::V4);
  EXPECT_TRUE(parsed.ok());
  return parsed.value;
}

const Connection kSsh{.interface = "eth0",
                      .source = {Family::V4, 0x0A000007},
                      .destination = {},
                      .protocol = Protocol::Tcp,
                      .port = 22};

TEST(Admission, NamesTheRuleThatRefuses) {
  EXPECT_TRUE(admission(kSsh, rules("-A INPUT -p tcp --dport 22 -j ACCEPT\n")).accepted);
  // Whatever else a first packet may have.
  EXPECT_TRUE(admission(kSsh, rules("-A INPUT -d 127.0.0.0/8 ! -i lo -j DROP\n"
                                    "-A INPUT -p tcp ! --syn -m state --state NEW -j DROP\n"
                                    "-A INPUT -i eth+ -s 10.0.0.0/8 -p tcp --dport 22 -j ACCEPT\n"))
                  .accepted);
  const Admission closed = admission(kSsh, rules("-A INPUT -p tcp --dport 2222 -j ACCEPT\n"));
  EXPECT_FALSE(closed.accepted);
  EXPECT_EQ(closed.why, "drops (ip/filter/INPUT policy)");
  EXPECT_TRUE(closed.example.starts_with("in on eth0 22/tcp from 10.0.0.7 ")) << closed.example;
  const Admission refused = admission(kSsh, rules("-A INPUT -s 10.0.0.0/24 -j REJECT\n"
                                                  "-A INPUT -p tcp --dport 22 -j ACCEPT\n"));
  EXPECT_EQ(refused.why, "rejects (ip/filter/INPUT line 5)");
}

TEST(Admission, IsForCertain) {
  // From some of a client's ports alone, and up to a limit.
  EXPECT_EQ(
      admission(kSsh, rules("-A INPUT -p tcp --sport 50000:65535 --dport 22 -j ACCEPT\n")).why,
      "drops (ip/filter/INPUT policy)");
  EXPECT_FALSE(
      admission(kSsh, rules("-A INPUT -p tcp --dport 22 -m limit --limit 3/min -j ACCEPT\n"))
          .accepted);
  Connection known = kSsh;
  known.destination = Address{Family::V4, 0xC0A80101};
  const filter::Ruleset one = rules("-A INPUT -d 192.168.1.1 -p tcp --dport 22 -j ACCEPT\n");
  EXPECT_TRUE(admission(known, one).accepted);
  EXPECT_FALSE(admission(kSsh, one).accepted);
}

}  // namespace
}  // namespace quay
