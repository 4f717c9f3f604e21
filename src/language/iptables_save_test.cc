#include "language/iptables_save.h"

#include <random>

#include <gtest/gtest.h>

#include "base/text.h"
#include "packetset/filter_walk.h"

namespace quay {
namespace {

using filter::Field;
using filter::Kind;
using filter::Number;
using filter::Point;

constexpr Family kV4 = Family::V4;
constexpr Family kV6 = Family::V6;

filter::Ruleset load(const std::string& text, Family family = kV4) {
  auto parsed = parse_iptables_save(text, "x", family);
  for (const Error& error : parsed.errors)
    ADD_FAILURE() << error.text();
  return std::move(parsed.value);
}

// A chain that accepts what the rule matches, and drops the rest.
filter::Ruleset one_rule(const std::string& rule, Family family = kV4,
                         const std::string& chain = "INPUT") {
  return load(
      "*filter\n:" + chain + " DROP [0:0]\n-A " + chain + " " + rule + " -j ACCEPT\nCOMMIT\n",
      family);
}

Number bits(const char* address) {
  return parse_address(address)->bits;
}

Field other(const char* name, int width) {
  return {.kind = Kind::Other, .name = name, .bits = width};
}

struct Header {
  std::map<Field, Number> numbers;
  std::string in = "eth0";
};

const Field kProtocol{.kind = Kind::Protocol};
const Field kState{.kind = Kind::State};
const Field kSource{.kind = Kind::Source};
const Field kDestination{.kind = Kind::Destination};
const Field kFrom{.kind = Kind::SourcePort};
const Field kTo{.kind = Kind::DestinationPort};
const Field kFlags{.kind = Kind::TcpFlags};
const Field kMark{.kind = Kind::Mark};
const Field kEthernet{.kind = Kind::Other, .name = "meta iiftype", .bits = 16};
const Field kMac{.kind = Kind::SourceMac};

Point incoming(const Header& packet, Family family = kV4) {
  return {.direction = Direction::In,
          .family = family,
          .in_interface = packet.in,
          .numbers = packet.numbers};
}

struct MatchCase {
  const char* rule;
  Header packet;
  bool matches;
  Family family = kV4;
};

TEST(IptablesSave, RulesMatchAsTheKernelHasIt) {
  const MatchCase cases[] = {
      {"-p tcp --dport 22", {{{kProtocol, 6}, {kTo, 22}}}, true},
      {"-p tcp --dport 22", {{{kProtocol, 17}, {kTo, 22}}}, false},
      {"-p tcp -m tcp ! --dport 22", {{{kProtocol, 6}, {kTo, 22}}}, false},
      {"-p tcp --dport ! 22", {{{kProtocol, 6}, {kTo, 23}}}, true},
      {"-p tcp --dport ! 22", {{{kProtocol, 17}, {kTo, 23}}}, false},
      {"-p tcp --sport 1024:", {{{kProtocol, 6}, {kFrom, 65535}}}, true},
      {"-p tcp --sport :1024", {{{kProtocol, 6}, {kFrom, 1025}}}, false},
      {"-p all", {{{kProtocol, 99}}}, true},
      {"-p 0", {{{kProtocol, 99}}}, true},
      {"-p 010", {{{kProtocol, 8}}}, true},  // as C reads numbers
      {"-p 010", {{{kProtocol, 10}}}, false},
      {"-p 0x11", {{{kProtocol, 17}}}, true},
      {"-p 0x6 --dport 22", {{{kProtocol, 6}, {kTo, 22}}}, true},
      {"-m conntrack --ctproto 010", {{{other("ct original protocol", 8), 8}}}, true},
      {"-m devgroup --src-group 0x11/0xfffffff0", {{{other("meta iifgroup", 32), 0x1f}}}, true},
      {"-m devgroup --src-group 0x21/0xfffffff0", {{{other("meta iifgroup", 32), 0x1f}}}, false},
      {"! -p tcp", {{{kProtocol, 6}}}, false},
      {"-p tcp --syn", {{{kProtocol, 6}, {kFlags, 0x02}}}, true},
      {"-p tcp --syn", {{{kProtocol, 6}, {kFlags, 0xc2}}}, true},
      {"-p tcp --syn", {{{kProtocol, 6}, {kFlags, 0x12}}}, false},
      {"-p tcp ! --syn", {{{kProtocol, 6}, {kFlags, 0x12}}}, true},
      {"-p tcp --tcp-flags ALL NONE", {{{kProtocol, 6}, {kFlags, 0xc0}}}, true},
      {"-p tcp --tcp-flags SYN SYN,FIN", {{{kProtocol, 6}, {kFlags, 0x03}}}, false},
      {"-p tcp -m multiport --ports 80,90:95", {{{kProtocol, 6}, {kFrom, 80}}}, true},
      {"-p tcp -m multiport --ports 80,90:95", {{{kProtocol, 6}, {kTo, 93}}}, true},
      {"-p tcp -m multiport ! --ports 80,90:95", {{{kProtocol, 6}, {kTo, 93}}}, false},
      {"-p tcp -m multiport ! --ports 80", {{{kProtocol, 6}, {kTo, 93}}}, true},
      {"-p icmp --icmp-type 8", {{{kProtocol, 1}, {kFrom, 0x0805}}}, true},
      {"-p icmp --icmp-type 3/1", {{{kProtocol, 1}, {kFrom, 0x0302}}}, false},
      {"-p icmp --icmp-type host-unreachable", {{{kProtocol, 1}, {kFrom, 0x0301}}}, true},
      {"-p icmp --icmp-type any", {{{kProtocol, 1}, {kFrom, 0x0301}}}, true},
      {"-p icmp --icmp-type 255", {{{kProtocol, 1}, {kFrom, 0x0301}}}, true},
      {"-p icmp ! --icmp-type 3", {{{kProtocol, 1}, {kFrom, 0x0301}}}, false},
      {"-p icmpv6 --icmpv6-type 255", {{{kProtocol, 58}, {kFrom, 0x0301}}}, false, kV6},
      {"-p ipv6-icmp -m icmp6 --icmpv6-type ping", {{{kProtocol, 58}, {kFrom, 0x8000}}}, true, kV6},
      {"-s 10.1.2.3/255.0.255.0", {{{kSource, bits("10.9.2.200")}}}, true},
      {"-s 10.1.2.3/255.0.255.0", {{{kSource, bits("10.9.3.200")}}}, false},
      {"-s 10/8", {{{kSource, bits("10.9.3.200")}}}, true},
      {"-s 10.0.0.0/8,11.0.0.0/8", {{{kSource, bits("11.9.3.200")}}}, true},
      {"! -s 10.0.0.0/8", {{{kSource, bits("11.9.3.200")}}}, true},
      {"! -s 0.0.0.0/0", {{{kSource, bits("11.9.3.200")}}}, false},
      {"-s feed:babe::1/ffff:ff00::", {{{kSource, bits("feed:ba99::")}}}, true, kV6},
      {"-i eth+", {{}}, true},
      {"-i eth", {{}}, false},
      {"-i ! eth0", {{}}, false},
      {"! -i eth+", {{}, "wlan0"}, true},
      {"-i +", {{}}, true},
      {"! -i +", {{}}, false},
      {"-f", {{{other("ip frag-off", 16), 0x2001}}}, true},
      {"-f", {{{other("ip frag-off", 16), 0x2000}}}, false},
      {"! -f", {{{other("ip frag-off", 16), 0x4000}}}, true},
      {"-m state --state NEW,est", {{{kState, 1}}}, true},
      {"-m state ! --state NEW,est", {{{kState, 1}}}, false},
      {"-m conntrack --ctstate UNTRACKED", {{{kState, 4}}}, true},
      // Without an entry, the state alone is asked for; without a state, nothing matches.
      {"-m conntrack --ctstate NEW,INVALID --ctproto 6", {{{kState, 3}}}, true},
      {"-m conntrack --ctstate NEW,INVALID --ctproto 6", {{{kState, 0}}}, false},
      {"-m conntrack ! --ctproto 6", {{{kState, 0}}}, true},
      {"-m conntrack ! --ctproto 6", {{{kState, 3}}}, false},
      {"-m connmark ! --mark 1", {{{kState, 4}}}, false},
      {"-m conntrack --ctdir REPLY", {{{kState, 1}, {other("ct direction", 8), 1}}}, true},
      {"-m mark --mark 0x10000000/0xf0000000", {{{kMark, 0x30000000}}}, false},
      {"-m mark --mark 0x10000000/0xf0000000", {{{kMark, 0x1fffffff}}}, true},
      {"-m mark --mark 1 -m connmark --mark 0", {{{kMark, 1}}}, true},
      {"-m mac --mac-source 00:00:00:00:00:05", {{{kEthernet, 1}, {kMac, 5}}}, true},
      {"-m mac ! --mac-source 00:00:00:00:00:05", {{{kEthernet, 1}, {kMac, 6}}}, true},
      {"-m mac ! --mac-source 00:00:00:00:00:05", {{}}, false},
      {"-m iprange --src-range 10.0.0.1-10.0.0.9", {{{kSource, bits("10.0.0.9")}}}, true},
      {"-m iprange ! --dst-range 10.0.0.1-10.0.0.9", {{{kDestination, bits("10.0.0.9")}}}, false},
      {"-m iprange ! --src-range 10.0.0.9-10.0.0.1", {{}}, true},
      {"-m tos --tos 0x10", {{{other("ip dscp", 6), 4}, {other("ip ecn", 2), 1}}}, false},
      {"-m tos ! --tos 0x10", {{{other("ip dscp", 6), 4}, {other("ip ecn", 2), 1}}}, true},
      {"-m dscp --dscp-class AF11", {{{other("ip dscp", 6), 10}}}, true},
      {"-m ttl --ttl-gt 5", {{{other("ip ttl", 8), 6}}}, true},
      {"-m ttl --ttl-lt 5", {{{other("ip ttl", 8), 5}}}, false},
      {"-m length --length 100:", {{{other("meta length", 32), 65535}}}, true},
      {"-p tcp -m tcpmss --mss 0:9", {{{kProtocol, 6}}}, false},
      {"-p tcp -m tcpmss ! --mss 0:9", {{{kProtocol, 6}}}, true},
      {"-m pkttype --pkt-type bcast", {{{other("meta pkttype", 8), 1}}}, true},
      {"-m time --timestart 22:00 --timestop 6:00", {{{other("meta hour", 32), 0}}}, true},
      {"-m time --timestart 22:00 --timestop 6:00", {{{other("meta hour", 32), 36000}}}, false},
      {"-m time ! --weekdays Mon,7", {{{other("meta day", 8), 0}}}, false},
      {"-m recent --set --name x", {{}}, true},
      {"-m recent ! --set --name x", {{}}, false},
      {"-m comment --comment \"-j \\\" x\"", {{}}, true},
      {"-m comment --comment \"!\"", {{}}, true},
      {"-4", {{}}, true},
      {"-6", {{}}, false},
  };
  for (const MatchCase& one : cases)
    EXPECT_EQ(walk(one_rule(one.rule, one.family), incoming(one.packet, one.family)).fate,
              one.matches ? filter::kAccepted : filter::kDropped)
        << one.rule;
}

TEST(IptablesSave, OwnersOfPacketsWithoutASocket) {
  Point packet{.direction = Direction::Out, .out_interface = "eth0"};
  const Field user = other("meta skuid", 32);
  for (const auto& [number, matches] :
       {std::pair<Number, bool>{5, false}, {6, true}, {0xffffffff, true}}) {
    packet.numbers[user] = number;
    EXPECT_EQ(walk(one_rule("-m owner ! --uid-owner 5", kV4, "OUTPUT"), packet).fate,
              matches ? filter::kAccepted : filter::kDropped);
  }
  EXPECT_EQ(walk(one_rule("-m owner --uid-owner 0-4294967294", kV4, "OUTPUT"), packet).fate,
            filter::kDropped);
  // The kernel's own sockets have no owner, and are there.
  packet.numbers[other("owner socket exists", 1)] = 1;
  EXPECT_EQ(walk(one_rule("-m owner --socket-exists", kV4, "OUTPUT"), packet).fate,
            filter::kAccepted);
  EXPECT_EQ(walk(one_rule("-m owner ! --socket-exists", kV4, "OUTPUT"), packet).fate,
            filter::kDropped);
}

TEST(IptablesSave, ChainsLeadWhereTheyDoInTheKernel) {
  const auto ruleset = load(
      "# Generated by iptables-save\n*filter\n:INPUT DROP [1:2]\n:a - [0:0]\n:b - [0:0]\n"
      "[0:0] -A INPUT -p tcp -j a\n[3:4] -A INPUT -p udp -g b\n-A INPUT -p 99 -j ACCEPT\n"
      "-A INPUT -p tcp -j REJECT --reject-with tcp-reset\n"
      "-A INPUT -p udp -j ACCEPT\n-A a -m limit --limit 1/sec -j LOG --log-prefix \"x y\"\n"
      "-A a -j RETURN\n-A a -j ACCEPT\n-I b 1 -j RETURN\nCOMMIT\n");
  EXPECT_EQ(walk(ruleset, incoming({{{kProtocol, 6}}})).fate, filter::kRejected);
  EXPECT_EQ(walk(ruleset, incoming({{{kProtocol, 17}}})).fate, filter::kDropped);
  EXPECT_EQ(walk(ruleset, incoming({{{kProtocol, 99}}})).fate, filter::kAccepted);
  EXPECT_EQ(ruleset.tables[0].chains[0].rules[0].place, "line 6");
  EXPECT_EQ(ruleset.tables[0].chains[0].rules[0].text, "-A INPUT -p tcp -j a");
}

// iptables lets a chain have the name of a target, and goes there.
TEST(IptablesSave, AChainTakesThePlaceOfATarget) {
  const auto ruleset = load(
      "*filter\n:INPUT DROP [0:0]\n:LOG - [0:0]\n:DNAT - [0:0]\n-A INPUT -p udp -j LOG\n"
      "-A INPUT -p tcp -j DNAT\n-A LOG -j ACCEPT\n-A DNAT -j DROP\nCOMMIT\n");
  EXPECT_EQ(walk(ruleset, incoming({{{kProtocol, 17}}})).fate, filter::kAccepted);
  EXPECT_EQ(walk(ruleset, incoming({{{kProtocol, 6}}})).fate, filter::kDropped);
}

TEST(IptablesSave, TablesAreAskedInTheKernelsOrder) {
  const auto ruleset = load(
      "*nat\n-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.0.9:8080\nCOMMIT\n"
      "*filter\n:INPUT DROP [0:0]\n-A INPUT -d 10.0.0.9 -p tcp --dport 8080 -j ACCEPT\n"
      "-A INPUT -m state --state UNTRACKED -j ACCEPT\n-A INPUT -m mark --mark 7 -j ACCEPT\n"
      "-A INPUT -m mark --mark 0x1/0x1 -j ACCEPT\nCOMMIT\n"
      "*raw\n-A PREROUTING -i eth0 -p udp -j CT --notrack\nCOMMIT\n"
      "*mangle\n-A PREROUTING -p 50 -j MARK --set-mark 7\n"
      "-A PREROUTING -p 51 -j MARK --set-mark 0x6/0xf\nCOMMIT\n");
  EXPECT_EQ(walk(ruleset, incoming({{{kProtocol, 6}, {kTo, 80}}})).fate, filter::kAccepted);
  EXPECT_EQ(walk(ruleset, incoming({{{kProtocol, 17}}})).fate, filter::kAccepted);
  EXPECT_EQ(walk(ruleset, incoming({{{kProtocol, 50}}})).fate, filter::kAccepted);
  const filter::Fate open = filter::kAccepted | filter::kDropped;
  EXPECT_EQ(walk(ruleset, incoming({{{kProtocol, 51}}})).fate, open);
}

TEST(IptablesSave, WhatIsNotModelledIsNamed) {
  const auto ruleset = load(
      "*filter\n-A INPUT -m foo --bar 1 \"2 3\" -p tcp --dport 22 -j ACCEPT\n"
      "-A INPUT -j SYNPROXY --sack-perm\n-A INPUT -p tcp --dport ssh -j DROP\n"
      "-A INPUT -m set ! --match-set x src -j DROP\n-A INPUT -m set --match-set y src -j DROP\n"
      "-A INPUT -j SET --add-set y src\n-A INPUT -m limit --limit 1/s -j DROP\n"
      "-A INPUT -m nfacct --nfacct-name q -j DROP\nCOMMIT\n"
      "*own\n-A INPUT -j DROP\nCOMMIT\n");
  const auto& rules = ruleset.tables[0].chains[0].rules;
  EXPECT_EQ(rules[0].conditions.size(), 3U);
  EXPECT_EQ(rules[0].unknown, std::vector<std::string>{"match foo"});
  EXPECT_EQ(std::get<filter::Atom>(rules[0].conditions[1]),
            (filter::Atom{.text = "xt foo --bar 1 \"2 3\"", .stateful = true}));
  EXPECT_EQ(rules[1].verdict.kind, filter::Verdict::Kind::Unknown);
  EXPECT_EQ(rules[1].unknown, std::vector<std::string>{"target SYNPROXY"});
  EXPECT_EQ(rules[2].unknown, std::vector<std::string>{"match tcp, port `ssh`"});
  EXPECT_EQ(std::get<filter::Atom>(rules[3].conditions[0]),
            (filter::Atom{.text = "xt set --match-set x src", .inverted = true}));
  EXPECT_TRUE(std::get<filter::Atom>(rules[4].conditions[0]).stateful);
  EXPECT_EQ(rules[6].unknown, std::vector<std::string>{"match limit"});
  EXPECT_EQ(rules[7].unknown, std::vector<std::string>{"match nfacct"});  // which may hold a quota
  EXPECT_EQ(ruleset.outside, std::vector<std::string>{"table own of iptables is not known (x:11)"});
}

TEST(IptablesSave, AtomsLastAsLongAsWhatTheyRead) {
  const auto atom = [&](const std::string& table, const std::string& chain) {
    const auto ruleset =
        load("*" + table + "\n-A " + chain + " -m set --match-set x dst -j DROP\nCOMMIT\n");
    for (const filter::Chain& made : ruleset.tables[0].chains)
      if (!made.rules.empty())
        return std::get<filter::Atom>(made.rules[0].conditions[0]);
    return filter::Atom{};
  };
  EXPECT_EQ(atom("filter", "INPUT"), filter::Atom{.text = "xt set --match-set x dst"});
  EXPECT_EQ(atom("raw", "OUTPUT"), filter::Atom{.text = "xt set --match-set x dst in raw"});
  EXPECT_TRUE(atom("mangle", "INPUT").stateful);
}

TEST(IptablesSave, FaultsTellTheirPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"-A INPUT -j nowhere", "x:2: there is no chain or target `nowhere`"},
      {"-A nowhere -j DROP", "x:2: there is no chain `nowhere`"},
      {"-A INPUT -j INPUT", "x:2: there is no chain or target `INPUT`"},
      {"-A INPUT -p tcp --dport 65536 -j DROP", "x:2: `65536` is not a port"},
      {"-A INPUT -p tcp --dport 5:4 -j DROP", "x:2: port range 5:4 is reversed"},
      {"-A INPUT -p udp -m tcp -j DROP", "x:2: a match for protocol 6 in a rule for protocol 17"},
      {"-A INPUT -m multiport --dports 5 -j DROP",
       "x:2: multiport needs -p with a protocol that has ports"},
      {"-A INPUT --dport 5 -p tcp -j DROP", "x:2: unknown option --dport"},
      {"-A INPUT -s 10.0.0.1/33 -j DROP", "x:2: `33` is not a netmask"},
      {"-A INPUT -s ::1 -j DROP", "x:2: `::1` is not an IPv4 address"},
      {"-A INPUT -o eth0 -j DROP", "x:2: -o has no meaning in INPUT"},
      {"-A INPUT -j DROP -j DROP", "x:2: the rule has two targets"},
      {"-A INPUT -j", "x:2: --jump needs a value"},
      {"-A INPUT !", "x:2: nothing follows `!`"},
      {"-A INPUT stray", "x:2: `stray` is not an option"},
      {"-A INPUT \"stray", "x:2: a quote is not closed"},
      {"-D INPUT 1", "x:2: `-D INPUT 1` is not understood"},
      {":INPUT REJECT", "x:2: `REJECT` is not a policy"},
      {"-N a\n-A a -j a", "x: chain a of table filter leads in a circle"},
  };
  for (const auto& [line, message] : cases) {
    const auto parsed =
        parse_iptables_save("*filter\n" + std::string(line) + "\nCOMMIT\n", "x", kV4);
    ASSERT_EQ(parsed.errors.size(), 1U) << line;
    EXPECT_EQ(parsed.errors[0].text(), message);
  }
  EXPECT_EQ(parse_iptables_save("*filter", "x", kV4).errors[0].text(),
            "x:1: the text ends before COMMIT");
}

// Whatever stands there, it is read or told, and what is read is walked.
TEST(IptablesSave, AnyTextIsReadOrRefused) {
  const std::string words[] = {
      "-A",          "INPUT",       "-p",          "tcp",        "--dport",
      "22",          "!",           "-m",          "state",      "NEW",
      "--state",     "-j",          "ACCEPT",      "\"",         "\\",
      "-s",          "1.2.3.4/",    "/8",          ":",          ",",
      "--",          "-",           "-i",          "+",          "\n",
      "*",           "COMMIT",      "[",           "]",          "conntrack",
      "--ctstate",   "--tcp-flags", "multiport",   "--ports",    "mark",
      "--mark",      "0x1/0x",      "-f",          "-g",         "time",
      "--datestart", "T",           "--icmp-type", "icmp",       "set",
      "--match-set", "CT",          "--notrack",   "DNAT",       "--to-destination",
      "[::1]:",      "TOS",         "--set-tos",   "CLASSIFY",   "--set-class",
      "owner",       "--uid-owner", "iprange",     "--src-range"};
  std::mt19937 random(5);
  for (int i = 0; i < 20'000; ++i) {
    std::string text = "*nat\n*filter\n-A INPUT";
    for (auto left = random() % 14; left > 0; --left)
      text += (random() % 5 == 0 ? "" : " ") + words[random() % std::size(words)];
    text += "\nCOMMIT\n";
    const auto parsed = parse_iptables_save(text, "x", i % 2 == 0 ? kV4 : kV6);
    if (parsed.ok()) {
      EXPECT_NE(walk(parsed.value, incoming({})).fate, 0U) << text;
    }
  }
}

}  // namespace
}  // namespace quay
