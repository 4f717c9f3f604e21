// What we read of our table over netlink, held against nft's own listing.
#include <array>
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/netfilter.h>
#include <rapidcheck/gtest.h>

#include "host/nft_dump.h"
#include "language/nft_table.h"
#include "policy/compile.h"
#include "tests/netns/gateway_test.h"
#include "tests/support/generate.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

class Listing : public netns::GatewayTest {
 protected:
  void SetUp() override {
    netns::GatewayTest::SetUp();
    if (IsSkipped())
      return;
    gateway_->inside().run([this] { dump_ = std::make_unique<NftDump>(); });
  }

  // By our own decoder; nullopt where it is not certain.
  std::optional<std::string> ours() {
    const auto table = dump_->table(NFPROTO_INET, "quaymaster");
    if (!table || !*table)
      return std::nullopt;
    std::string text = nft_listing(**table);
    return text.find(kUnknownMark) == std::string::npos ? std::optional(text) : std::nullopt;
  }
  std::string theirs() const {
    const std::string command =
        fmt::format("TZ=UTC ip netns exec {} nft --stateless list table inet quaymaster",
                    gateway_->inside().name());
    std::string text;
    std::array<char, 4096> piece{};
    std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    while (const std::size_t size = fread(piece.data(), 1, piece.size(), pipe.get()))
      text.append(piece.data(), size);
    return text;
  }
  void shell(const std::string& command) const { gateway_->inside().shell(command); }
  std::unique_ptr<NftDump> dump_;
};

TEST_F(Listing, SaysWhatNftSays) {
  ASSERT_TRUE(rc::check("of any policy", [this] {
    Policy policy = read_policy("[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n");
    for (const std::string& id : generate::service_ids())
      policy.services[id].enabled = *rc::gen::arbitrary<bool>();
    policy.services["ssh"].from = {*generate::prefix()};
    const int rules = *rc::gen::inRange(0, 8);
    for (int i = 0; i < rules; ++i)
      policy.rules.push_back(*generate::user_rule());
    policy.profile = *rc::gen::element<std::string>("enhanced", "standard");
    const NftTable table = nft_table(compile(policy, shipped_catalogue(), kNow).rules);
    RC_ASSERT(gateway_->kernel().replace(table).has_value());
    const auto mine = ours();
    RC_ASSERT(mine.has_value());
    const auto read = parse_nft_listing(*mine);
    const auto expected = parse_nft_listing(theirs());
    RC_ASSERT(read.has_value() && expected.has_value());
    for (const std::string& line : differences(expected->table, read->table))
      RC_LOG() << line << '\n';
    RC_ASSERT(read->table == expected->table);
    RC_ASSERT(read->slot == expected->slot);
    RC_ASSERT(read->unknown == expected->unknown);
  }));
}

// Whatever somebody does to the table, it no longer reads as the one that was written.
TEST_F(Listing, NoForeignEditPassesUnseen) {
  const Policy policy = read_policy(
      "[interfaces]\nlan = \"eth0\"\n[[rules]]\nrule = \"limit 22/tcp\"\n"
      "[[rules]]\nrule = \"deny in on wwan+ log from 10.0.0.0/12 to any port 80,443 proto tcp\"\n");
  const NftTable table = nft_table(compile(policy, shipped_catalogue(), kNow).rules);
  const std::string in = "inet quaymaster ";
  for (const std::string& command : std::vector<std::string>{
           "nft add rule " + in + "input accept",
           "nft insert rule " + in + "input tcp dport 9 accept",
           "nft insert rule " + in + "input tcp dport { 9, 10 } accept",
           "nft insert rule " + in + "input tcp dport != 9 accept",
           "nft insert rule " + in + "input tcp flags syn accept",
           "nft insert rule " + in + "input ip saddr != 10.0.0.0/8 accept",
           "nft insert rule " + in + "input ip saddr \\& 0.0.0.255 == 0.0.0.7 accept",
           "nft insert rule " + in + "input ip protocol tcp accept",
           "nft insert rule " + in + "input th dport 9 accept",
           "nft insert rule " + in + "input @nh,96,32 0x0a000001 accept",
           "nft insert rule " + in + "input ct direction reply accept",
           "nft insert rule " + in + "input ct state != invalid accept",
           "nft insert rule " + in + "input ct status dnat accept",
           "nft insert rule " + in + "input meta mark 7 accept",
           "nft insert rule " + in + "input meta mark set 7",
           "nft insert rule " + in + "input iif lo accept",
           "nft insert rule " + in + "input fib saddr oif missing accept",
           "nft insert rule " + in + "input limit rate over 5/second drop",
           "nft insert rule " + in + "input limit rate 5 kbytes/second accept",
           "nft insert rule " + in + "input quota 5 mbytes accept",
           "nft insert rule " + in + "input numgen random mod 2 0 accept",
           "nft insert rule " + in + "input meta hour 10-11 accept",
           "nft insert rule " + in + "input return",
           "nft insert rule " + in + "input notrack",
           "nft insert rule " + in + "input log level debug",
           "nft insert rule " + in + "input reject with icmpx admin-prohibited",
           "nft insert rule " + in + "input continue",
           "nft flush chain " + in + "input",
           "nft flush chain " + in + "in_denied",
           "nft flush map " + in + "in_a",
           "nft add element " + in + "in_a \"{ eth1 . tcp . 22 : accept }\"",
           "nft delete element " + in + "in_a \"{ eth0 . tcp . 22 }\"",
           "nft add chain " + in + "input \"{ policy accept; }\"",
           "nft add chain " + in + "early \"{ type filter hook input priority -10; }\"",
           "nft add chain " + in + "other",
           "nft add set " + in + "other \"{ type ipv4_addr; }\"",
           "nft add map " + in + "other_a \"{ type inet_service : verdict; }\"",
           "nft add counter " + in + "other",
           "nft add quota " + in + "other 5 mbytes",
           "nft add table " + in + "\"{ flags dormant; }\"",
       }) {
    ASSERT_TRUE(gateway_->kernel().replace(table)) << command;
    ASSERT_TRUE(gateway_->kernel().verify(table)) << command;
    ASSERT_TRUE(ours()) << command;
    shell(command);
    const auto same = gateway_->kernel().verify(table);
    EXPECT_FALSE(same) << command;
    shell("nft delete table " + in);
  }
}

TEST_F(Listing, ALimitThatForgetsFasterIsSeen) {
  const Policy policy = read_policy("[[rules]]\nrule = \"limit 22/tcp\"\n");
  const NftTable table = nft_table(compile(policy, shipped_catalogue(), kNow).rules);
  ASSERT_TRUE(gateway_->kernel().replace(table));
  ASSERT_TRUE(gateway_->kernel().verify(table));
  const std::string script = fmt::format("/tmp/quaytest-{}.nft", gateway_->inside().name());
  shell("nft --stateless list table inet quaymaster > " + script);
  shell("sed -i \"s/timeout 30s/timeout 1s/\" " + script);
  shell("nft delete table inet quaymaster");
  shell("nft -f " + script);
  shell("rm " + script);
  EXPECT_FALSE(gateway_->kernel().verify(table));
}

TEST_F(Listing, NoTableIsNoTable) {
  const auto table = dump_->table(NFPROTO_INET, "quaymaster");
  ASSERT_TRUE(table);
  EXPECT_FALSE(*table);
  shell("nft add table ip quaymaster");
  EXPECT_EQ(gateway_->firewall().list().value(), "");
}

}  // namespace
}  // namespace quay
