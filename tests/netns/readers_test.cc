// The kernel's rules and what iptables-save prints of them, read by two readers of ours: both must
// decide every packet alike.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "host/nft_dump.h"
#include "language/iptables_save.h"
#include "language/nft_json.h"
#include "language/nft_program.h"
#include "policy/outside_model.h"
#include "tests/netns/netns.h"
#include "tests/support/filter_text.h"
#include "tests/support/same_decisions.h"

namespace quay {
namespace {

// What a command prints.
std::string output(const std::string& command) {
  std::string text;
  std::array<char, 4096> piece{};
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  while (const std::size_t size = fread(piece.data(), 1, piece.size(), pipe.get()))
    text.append(piece.data(), size);
  return text;
}

class Readers : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    if (!netns::available(why))
      GTEST_SKIP() << "SKIPPED: " << why;
    inside_ = std::make_unique<netns::Namespace>("readers");
    inside_->run([this] { dump_ = std::make_unique<NftDump>(); });
    script_ = "/tmp/" + inside_->name() + ".rules";
  }
  void TearDown() override { static_cast<void>(unlink(script_.c_str())); }

  std::string in_namespace(const std::string& command) const {
    return fmt::format("ip netns exec {} {}", inside_->name(), command);
  }
  // False when the kernel or the tool has no such rules.
  bool load(const std::string& tool, const std::string& text) {
    std::ofstream(script_) << text;
    try {
      inside_->shell(fmt::format("nft flush ruleset; {} {} 2> /dev/null", tool, script_));
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  }
  filter::Ruleset from_kernel() {
    const auto ruleset = dump_->ruleset();
    EXPECT_TRUE(ruleset);
    return read_nft_program(ruleset.value_or(nft::Ruleset()), {{1, "lo"}});
  }
  filter::Ruleset from_save(Family family) const {
    const auto parsed = parse_iptables_save(
        output(in_namespace(family == Family::V4 ? "iptables-nft-save" : "ip6tables-nft-save")),
        "x", family);
    for (const Error& error : parsed.errors)
      ADD_FAILURE() << error.text();
    return parsed.value;
  }
  filter::Ruleset from_json() const {
    const auto parsed = parse_nft_json(output(in_namespace("nft -j list ruleset")), "x");
    for (const Error& error : parsed.errors)
      ADD_FAILURE() << error.text();
    return parsed.value;
  }
  // False, aloud, when this kernel does not have such rules. They are loaded alone.
  bool load(Family family, const std::string& rules, std::string_view table) {
    const bool done = load(family == Family::V4 ? "iptables-nft-restore" : "ip6tables-nft-restore",
                           fmt::format("*{}\n{}\nCOMMIT\n", table, rules));
    if (!done)
      std::cout << "SKIPPED, not known here: " << rules << '\n';
    return done;
  }
  void expect_alike(const filter::Ruleset& kernel, const filter::Ruleset& other,
                    const std::string& rules) {
    EXPECT_EQ(filter::difference(kernel, other), "") << rules << "\nkernel:\n"
                                                     << text_of(kernel) << "other:\n"
                                                     << text_of(other);
    ++compared_;
  }
  void expect_alike(Family family, const std::string& rules, std::string_view table = "filter") {
    if (load(family, rules, table))
      expect_alike(from_kernel(), from_save(family), rules);
  }
  void expect_unknown(Family family, const std::string& rule) {
    if (!load(family, rule, "filter"))
      return;
    EXPECT_FALSE(unknown_in(from_kernel()).empty()) << rule;
    EXPECT_FALSE(unknown_in(from_save(family)).empty()) << rule;
  }

  std::unique_ptr<netns::Namespace> inside_;
  std::unique_ptr<NftDump> dump_;
  std::string script_;
  int compared_ = 0;
};

// One rule for each match, of both families unless it says otherwise.
constexpr std::array kBoth{
    "-p tcp -m tcp --dport 22 -j DROP",
    "-p tcp -m tcp ! --sport 1024:2000 --dport 5: -j DROP",
    "-p udp -m udp --sport :53 ! --dport 53 -j DROP",
    "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP",
    "-p tcp -m tcp ! --tcp-flags ALL NONE -j DROP",
    "-p tcp -m tcp --syn -j DROP",
    "-p tcp -m tcp --tcp-option 2 -j DROP",
    "-p tcp -m multiport --dports 22,80:90,443 -j DROP",
    "-p udp -m multiport ! --sports 1,2,3 -j DROP",
    "-p tcp -m multiport --ports 22,23:25 -j DROP",
    "-p tcp -m multiport ! --ports 22,23:25 -j DROP",
    "! -p tcp -j DROP",
    "-p 47 -j DROP",
    "-p esp -m esp --espspi 5:9 -j DROP",
    "-p sctp -m sctp ! --sport 5 -j DROP",
    "-p dccp -m dccp --dport 5 -j DROP",
    "-p udplite -m multiport --dports 7 -j DROP",
    "-m conntrack --ctstate RELATED,ESTABLISHED -j DROP",
    "-m conntrack ! --ctstate NEW -j DROP",
    "-m conntrack --ctstate NEW,UNTRACKED -j DROP",
    "-m conntrack --ctstate INVALID -j DROP",
    "-m conntrack --ctstate DNAT -j DROP",
    "-m conntrack ! --ctstate NEW,SNAT -j DROP",
    "-m conntrack --ctstatus ASSURED,CONFIRMED -j DROP",
    "-m conntrack --ctproto 17 --ctorigdstport 5:7 -j DROP",
    "-m conntrack --ctdir REPLY -j DROP",
    "-m conntrack --ctexpire 5:10 -j DROP",
    "-m state --state INVALID,NEW -j DROP",
    "-m mark --mark 0x4/0xfffffff6 -j DROP",
    "-m mark ! --mark 5 -j DROP",
    "-m connmark --mark 5/7 -j DROP",
    "-m connmark ! --mark 5 -j DROP",
    "-m limit --limit 5/min --limit-burst 7 -j DROP",
    "-m limit --limit 1/sec -j DROP",
    "-m recent --name x --update --seconds 60 --hitcount 5 -j DROP",
    "-m recent --name x --set -j DROP",
    "-m recent --name x ! --rcheck -j DROP",
    "-m comment --comment hi -j DROP",
    "-m mac --mac-source 00:11:22:33:44:55 -j DROP",
    "-m mac ! --mac-source 00:11:22:33:44:55 -j DROP",
    "-m pkttype --pkt-type broadcast -j DROP",
    "-m pkttype ! --pkt-type multicast -j DROP",
    "-m length --length 5:10 -j DROP",
    "-m length ! --length 100 -j DROP",
    "-m dscp --dscp 5 -j DROP",
    "-m dscp ! --dscp-class EF -j DROP",
    "-m tos --tos 0x10/0x1e -j DROP",
    "-m tos ! --tos 0x14/0x15 -j DROP",
    "-p tcp -m tcpmss --mss 5:10 -j DROP",
    "-p tcp -m tcpmss ! --mss 5:10 -j DROP",
    "-p tcp -m ecn --ecn-tcp-cwr -j DROP",
    "-m ecn --ecn-ip-ect 1 -j DROP",
    "-m helper --helper ftp -j DROP",
    "-m cpu --cpu 1 -j DROP",
    "-m cgroup --cgroup 5 -j DROP",
    "-m cgroup ! --cgroup 5 -j DROP",
    "-m devgroup --src-group 5 -j DROP",
    "-m devgroup ! --src-group 5/7 -j DROP",
    "-m time --timestart 10:00 --timestop 11:00 --weekdays Mon,Sun -j DROP",
    "-m time --timestart 23:00 --timestop 01:00 -j DROP",
    "-m time --datestart 2026-01-02T03:04:05 --datestop 2027-01-02 -j DROP",
    "-m time --monthdays 1,2,3 -j DROP",
    "-m socket -j DROP",
    "-m socket --transparent -j DROP",
    "-m rpfilter --invert -j DROP",
    "-m addrtype --dst-type LOCAL -j DROP",
    "-m addrtype ! --src-type UNICAST,MULTICAST --dst-type LOCAL -j DROP",
    "-m addrtype --src-type LOCAL --limit-iface-in -j DROP",
    "-m conntrack --ctstate NEW -m comment --comment both -m mark --mark 5 -j DROP",
    "-i eth0 -j DROP",
    "! -i eth+ -j DROP",
    "-j REJECT",
    "-j LOG --log-prefix hi",
    "-j NFLOG --nflog-group 5",
    "-j NFQUEUE --queue-num 5",
    "-j NFQUEUE --queue-num 5 --queue-bypass",
    "-j AUDIT --type accept",
    "-j RETURN",
    "",
};

constexpr std::array kV4{
    "-s 10.0.0.0/9 ! -d 10.1.2.3 -j DROP",
    "-s 10.0.0.1/255.0.0.255 -j DROP",
    "-m iprange --src-range 1.2.3.4-1.2.3.9 ! --dst-range 5.0.0.0-6.0.0.0 -j DROP",
    "-m conntrack --ctorigsrc 10.0.0.0/8 ! --ctrepldst 1.2.3.4 -j DROP",
    "-p icmp -m icmp --icmp-type 8 -j DROP",
    "-p icmp -m icmp --icmp-type 3/4 -j DROP",
    "-p icmp -m icmp ! --icmp-type 3/4 -j DROP",
    "-p icmp -m icmp ! --icmp-type any -j DROP",
    "-p icmp -m icmp --icmp-type any -j DROP",
    "-m ttl --ttl-lt 5 -j DROP",
    "-m ttl --ttl-gt 5 -j DROP",
    "-m ttl ! --ttl-eq 5 -j DROP",
    "-f -j DROP",
    "! -f -j DROP",
    "-m realm --realm 5 -j DROP",
    "-m realm ! --realm 5/7 -j DROP",
    "-p ah -m ah --ahspi 5 -j DROP",
    "-p tcp -j REJECT --reject-with tcp-reset",
    "-j REJECT --reject-with icmp-host-prohibited",
};

constexpr std::array kV6{
    "-s fd00::/9 ! -d fd00::1 -j DROP",
    "-s fd00::1/ffff::ffff -j DROP",
    "-m iprange --src-range fd00::1-fd00::9 -j DROP",
    "-m conntrack --ctorigsrc fd00::/8 -j DROP",
    "-p ipv6-icmp -m icmp6 --icmpv6-type 128 -j DROP",
    "-p ipv6-icmp -m icmp6 --icmpv6-type 1/4 -j DROP",
    "-p ipv6-icmp -m icmp6 ! --icmpv6-type 135 -j DROP",
    "-m hl --hl-lt 5 -j DROP",
    "-m hl --hl-gt 5 -j DROP",
    "-m hl ! --hl-eq 5 -j DROP",
    "-m eui64 -j DROP",
    "-p tcp -j REJECT --reject-with tcp-reset",
    "-j REJECT --reject-with icmp6-adm-prohibited",
};

// What the kernel's bytes are not read of: both say that they do not understand it, each in its own
// words.
constexpr std::array kApart{
    "-p sctp -m sctp --dport 5:7 --chunk-types any INIT -j DROP",
    "-m hashlimit --hashlimit-upto 5/sec --hashlimit-mode srcip --hashlimit-name x -j DROP",
    "-m hashlimit --hashlimit-above 5/sec --hashlimit-mode srcip --hashlimit-name y -j DROP",
    "-m connlimit --connlimit-above 5 -j DROP",
    "-m connlimit --connlimit-upto 5 --connlimit-mask 24 -j DROP",
    "-m statistic --mode random --probability 0.5 -j DROP",
    "-m statistic --mode nth --every 5 --packet 1 -j DROP",
    "-m quota --quota 500 -j DROP",
    "-m string --algo bm --string hello -j DROP",
    "-m u32 --u32 0>>22&0x3C@0=5 -j DROP",
    "-m physdev --physdev-in eth0 -j DROP",
    "-m policy --dir in --pol ipsec -j DROP",
};

constexpr std::array kApartV6{
    "-m frag --fragmore -j DROP",
    "-m rt --rt-type 0 -j DROP",
    "-m hbh --hbh-len 5 -j DROP",
    "-m ipv6header --header frag --soft -j DROP",
};

// Of nft's own words, those of which its JSON and the kernel tell the same.
constexpr std::array kNft{
    "fib daddr type local drop",
    "fib saddr type != { local, broadcast } drop",
    "fib saddr . iif oif missing drop",
    "fib saddr . mark oif exists drop",
    "meta skuid 1000-1004 drop",
    "meta skgid != 5 drop",
    "meta cgroup 5 drop",
    "meta cgroup != 5 drop",
    "meta mark & 0xf0 == 0x10 drop",
    "meta pkttype broadcast drop",
    "meta length 5-10 drop",
    "meta priority 1:2 drop",
    "meta iiftype ether drop",
    "meta rtclassid 5 drop",
    "socket transparent 1 drop",
    "socket mark 5 drop",
    "socket wildcard 0 drop",
    "rt ip nexthop 10.0.0.1 drop",
    "rt mtu 5-10 drop",
    "ct state { new, untracked } drop",
    "ct state != established,related drop",
    "ct mark 5 drop",
    "ct direction reply drop",
    "ct original ip saddr 10.0.0.0/8 drop",
    "iifname { eth0, \"wwan*\" } drop",
    "ip saddr 10.0.0.0/9 ip daddr != 10.1.2.3 drop",
    "ip saddr & 255.0.0.255 == 10.0.0.1 drop",
    "ip6 saddr & ffff::ffff == fd00::1 drop",
    "ip ttl < 5 ip dscp ef drop",
    "ip6 hoplimit > 5 drop",
    "ip frag-off & 0x1fff != 0 drop",
    "tcp dport { 22, 80-90 } drop",
    "tcp flags & (syn | ack) == syn drop",
    "tcp option maxseg size 5-10 drop",
    "exthdr frag exists drop",
    "icmp type echo-request drop",
    "icmpv6 type { nd-router-advert, echo-request } drop",
    "icmp code 4 drop",
    "ether saddr 00:11:22:33:44:55 drop",
    "th dport 53 drop",
    "limit rate 5/minute burst 7 packets drop",
    "limit rate over 5/second drop",
    "meta nfproto ipv6 tcp dport 22 drop",
    "ip protocol tcp tcp sport 5 drop",
    "ip saddr . tcp dport { 10.0.0.1 . 22, 10.0.0.2 . 23 } drop",
    "tcp dport vmap { 22 : drop, 23-25 : accept, 26 : drop }",
    "esp spi 5-10 drop",
    "esp sequence 7 drop",
    "ah spi != 5 drop",
    "ah sequence > 5 drop",
    "comp cpi 5-10 drop",
    "sctp vtag 5 sctp dport 22 drop",
    "udplite csumcov 8 drop",
    "dccp type { request, reset } drop",
    "dccp type 3 drop",
    "ether type ip tcp dport 22 drop",
    "ether type != { ip, arp } drop",
    "vlan id 5 drop",
    "frag id 5-10 drop",
    "frag frag-off != 0 drop",
    "frag more-fragments 1 drop",
    "frag nexthdr tcp drop",
    "rt type 0 drop",
    "hbh hdrlength > 5 drop",
    "tcp option maxseg exists drop",
    "tcp option sack-perm missing drop",
    "tcp option timestamp tsval 5-10 drop",
    "tcp option window count 5 drop",
    "tcp option maxseg size set 1200 drop",
    "ip option lsrr exists drop",
    "sctp chunk data exists drop",
    "icmp mtu < 1280 drop",
    "icmp id 5 icmp sequence 7 drop",
    "icmpv6 max-delay 5 drop",
    "ct id 12345 drop",
    "meta l4proto . th dport { tcp . 22, udp . 50-60 } drop",
    "iifname . ip saddr { eth0 . 10.0.0.0/8, \"wwan*\" . 10.1.2.3 } drop",
};

TEST_F(Readers, MatchesOfIptables) {
  for (const Family family : {Family::V4, Family::V6})
    for (const std::string rule : kBoth)
      expect_alike(family, "-A INPUT " + rule);
  for (const std::string rule : kV4)
    expect_alike(Family::V4, "-A INPUT " + rule);
  for (const std::string rule : kV6)
    expect_alike(Family::V6, "-A INPUT " + rule);
  std::cout << compared_ << " rules compared\n";
}

TEST_F(Readers, WhatIsNotReadIsSaidByBoth) {
  for (const Family family : {Family::V4, Family::V6})
    for (const std::string rule : kApart)
      expect_unknown(family, "-A INPUT " + rule);
  for (const std::string rule : kApartV6)
    expect_unknown(Family::V6, "-A INPUT " + rule);
}

TEST_F(Readers, MatchesOfNft) {
  for (const std::string rule : kNft) {
    const std::string script = fmt::format(
        "table inet t {{\nchain c {{\ntype filter hook input priority 0;\n{}\n}}\n}}\n", rule);
    if (!load("nft -f", script)) {
      std::cout << "SKIPPED, not known here: " << rule << '\n';
      continue;
    }
    expect_alike(from_kernel(), from_json(), rule);
  }
  std::cout << compared_ << " rules compared\n";
}

// nft's own tests (QUAY_CORPORA or ../shared/corpora says where they are), loaded one by one.
TEST_F(Readers, RulesOfNftItself) {
  const char* named = std::getenv("QUAY_CORPORA");
  const std::string path =
      std::string(named != nullptr ? named : QUAY_SOURCE "/../shared/corpora") + "/nft-rules.json";
  std::ifstream in(path);
  if (!in)
    GTEST_SKIP() << "SKIPPED: no corpus at " << path;
  const boost::json::value rows = boost::json::parse(in);
  int refused = 0;
  int unread = 0;
  for (const auto& value : rows.as_array()) {
    const auto text = [&](std::string_view key) { return std::string(value.at(key).as_string()); };
    // What a rule asks matters where it drops.
    const auto loads = [&](std::string_view then) {
      return load("nft -f", fmt::format("table {} t {{\nchain c {{\n{};\n{}{}\n}}\n}}\n",
                                        text("family"), text("chain"), text("rule"), then));
    };
    if (!loads(" drop") && !loads("")) {
      ++refused;
      continue;
    }
    const filter::Ruleset json = from_json();
    if (unknown_in(json).empty())
      expect_alike(from_kernel(), json, text("rule"));
    else
      ++unread;
  }
  std::cout << compared_ << " rules compared, " << unread << " not read from JSON, " << refused
            << " not known here\n";
}

// The host's own packets have none when an output chain sees them.
TEST_F(Readers, ALinkHeaderIsWherePacketsCameIn) {
  const auto with = [this](const std::string& rule) {
    EXPECT_TRUE(load("nft -f", "table ip t {\nchain c {\ntype filter hook output priority 0;\n" +
                                   rule + "\n}\n}\n"));
    return from_kernel();
  };
  expect_alike(with("@ll,48,48 != 0x001122334455 drop"), with(""), "@ll in output");
}

// Flows that are confirmed cannot expect others: the rule breaks off for their packets.
TEST_F(Readers, AnExpectationIsNotForEveryPacket) {
  ASSERT_TRUE(
      load("nft -f",
           "table ip t {\nct expectation e {\nprotocol tcp; dport 9876; timeout 1m; size 12; "
           "l3proto ip;\n}\nchain c {\ntype filter hook forward priority 0;\n"
           "ct expectation set \"e\" accept\n}\n}\n"));
  for (const filter::Ruleset& ruleset : {from_kernel(), from_json()}) {
    const auto& conditions = ruleset.tables.at(0).chains.at(0).rules.at(0).conditions;
    ASSERT_EQ(conditions.size(), 1U);
    EXPECT_TRUE(std::holds_alternative<filter::Atom>(conditions.front()));
  }
}

// What may stand at other hooks or in other tables alone.
TEST_F(Readers, RulesOfOtherChainsAndTables) {
  for (const Family family : {Family::V4, Family::V6}) {
    for (
        const std::string rule :
        {"-A OUTPUT -m owner --uid-owner 1000 -j DROP",
         "-A OUTPUT -m owner ! --uid-owner 1000-1004 --gid-owner 5 -j DROP",
         "-A OUTPUT -m owner --socket-exists -j DROP",
         "-A OUTPUT -m owner ! --socket-exists -j DROP",
         "-A OUTPUT -m owner --gid-owner 5 --suppl-groups -j DROP",
         "-A OUTPUT -o eth0 -m devgroup --dst-group 5 -j DROP",
         "-A OUTPUT -m addrtype ! --dst-type LOCAL -j DROP", "-A FORWARD -i eth0 ! -o eth+ -j DROP",
         "-A FORWARD -m mark --mark 7 -j DROP\n-A FORWARD -m conntrack --ctstate UNTRACKED -j DROP",
         ":x - [0:0]\n:y - [0:0]\n-A INPUT -p tcp -g x\n-A INPUT -j y\n-A x -i eth0 -j RETURN\n"
         "-A x -j y\n-A x -m mark --mark 1 -j DROP\n-A y -p udp -j DROP\n-A y -i eth1 -j ACCEPT",
         ":INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT"})
      expect_alike(family, rule);
    for (const std::string rule :
         {"-A PREROUTING -i eth0 -j MARK --set-mark 5", "-A PREROUTING -j MARK --set-xmark 5/7",
          "-A PREROUTING -j MARK --or-mark 8", "-A PREROUTING -j CONNMARK --restore-mark",
          "-A PREROUTING -j CONNMARK --save-mark --nfmask 5 --ctmask 5",
          "-A PREROUTING -j DSCP --set-dscp 5", "-A POSTROUTING -j CLASSIFY --set-class 1:2",
          "-A FORWARD -p tcp --syn -j TCPMSS --clamp-mss-to-pmtu",
          "-A PREROUTING -p tcp -j TPROXY --on-port 5 --tproxy-mark 5",
          "-A INPUT -m mark --mark 5 -j DROP\n-A PREROUTING -i eth1 -j MARK --set-mark 5",
          "-A PREROUTING -j TOS --set-tos 0x10"})
      expect_alike(family, rule, "mangle");
    for (const std::string rule :
         {"-A PREROUTING -p udp --dport 53 -j CT --notrack", "-A OUTPUT -j NOTRACK",
          "-A PREROUTING -p tcp --dport 21 -j CT --helper ftp", "-A PREROUTING -j TRACE"})
      expect_alike(family, rule, "raw");
  }
  for (const std::string rule :
       {"-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 1.2.3.4:8080",
        "-A PREROUTING -p tcp --dport 82 -j DNAT --to-destination 1.2.3.4-1.2.3.7",
        "-A PREROUTING -p tcp --dport 83 -j REDIRECT --to-ports 84",
        "-A PREROUTING -m addrtype --dst-type LOCAL -j DNAT --to-destination 1.2.3.4",
        "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
        "-A POSTROUTING -j SNAT --to-source 9.9.9.9",
        "-A PREROUTING -d 1.2.3.0/24 -j NETMAP --to 5.6.7.0/24"})
    expect_alike(Family::V4, rule, "nat");
  std::cout << compared_ << " rules compared\n";
}

// What the sender is told is part of a verdict.
TEST_F(Readers, RejectionsAreToldApart) {
  for (const auto& [family, others] : {std::pair{Family::V4, "icmp-proto-unreachable"},
                                       std::pair{Family::V6, "icmp6-adm-prohibited"}}) {
    const std::string rules = fmt::format(
        "-A INPUT -p tcp -j REJECT --reject-with tcp-reset\n-A INPUT -j REJECT --reject-with {}",
        others);
    ASSERT_TRUE(load(family, rules, "filter"));
    std::vector<std::string> told;
    for (const filter::Ruleset& ruleset : {from_kernel(), from_save(family)})
      for (const filter::Chain& chain : ruleset.tables.at(0).chains)
        for (const filter::Rule& rule : chain.rules)
          told.push_back(rule.verdict.with);
    EXPECT_EQ(told, (std::vector<std::string>{"tcp-reset", others, "tcp-reset", others}));
  }
}

// Whole rulesets, of the kind that hosts have: what a rule leaves is what the next one sees.
TEST_F(Readers, WholeRulesets) {
  const std::string common =
      ":INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:services - [0:0]\n:DOCKER - [0:0]\n"
      "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
      "-A INPUT -m conntrack --ctstate INVALID -j LOG --log-prefix bad\n"
      "-A INPUT -m conntrack --ctstate INVALID -j DROP\n-A INPUT -i lo -j ACCEPT\n"
      "-A INPUT ! -i eth+ -p tcp -m multiport --dports 22,80:90 -j services\n"
      "-A INPUT -p tcp ! --syn -m conntrack --ctstate NEW -j DROP\n"
      "-A INPUT -p tcp --dport 22 -m limit --limit 3/min --limit-burst 10 -j ACCEPT\n"
      "-A INPUT -m mark --mark 5 -m comment --comment marked -j ACCEPT\n"
      "-A INPUT -p tcp -j REJECT --reject-with tcp-reset\n-A INPUT -j REJECT\n"
      "-A FORWARD ! -i docker0 -o docker0 -j DOCKER\n"
      "-A FORWARD -i docker0 -o docker0 -j ACCEPT\n"
      "-A OUTPUT -m owner ! --uid-owner 1000-1004 -p udp --dport 53 -j DROP\n"
      "-A DOCKER -p tcp -m tcp --dport 80 -j ACCEPT\n"
      "-A services -p tcp -m tcp --dport 22 -g DOCKER\n-A services -m mark --mark 5 -j RETURN\n"
      "-A services -p tcp --dport 80 -j ACCEPT\n";
  const std::string marks =
      "COMMIT\n*mangle\n-A PREROUTING -i eth1 -j MARK --set-mark 5\n"
      "-A PREROUTING -i eth2 -p udp -j MARK --set-xmark 0x4/0x4\nCOMMIT\n*raw\n"
      "-A PREROUTING -p udp --dport 53 -j CT --notrack";
  expect_alike(Family::V4, common +
                               "-A INPUT -m iprange --src-range 1.2.3.4-1.2.3.9 -j ACCEPT\n"
                               "-A INPUT -m addrtype --dst-type BROADCAST -j DROP\n"
                               "-A INPUT -p icmp -m icmp --icmp-type 8 -j ACCEPT\n"
                               "-A DOCKER -d 172.17.0.2 -p tcp --dport 8080 -j ACCEPT\n" +
                               marks +
                               "\nCOMMIT\n*nat\n"
                               "-A PREROUTING -p tcp --dport 8080 -j DNAT --to 172.17.0.2:80\n"
                               "-A PREROUTING -p tcp --dport 82 -j REDIRECT --to-ports 80\n"
                               "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE");
  expect_alike(Family::V6, common +
                               "-A INPUT -m iprange --src-range fd00::4-fd00::9 -j ACCEPT\n"
                               "-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT\n"
                               "-A DOCKER -d fd00::2 -p tcp --dport 8080 -j ACCEPT\n" +
                               marks);
  EXPECT_EQ(compared_, 2);
}

}  // namespace
}  // namespace quay
