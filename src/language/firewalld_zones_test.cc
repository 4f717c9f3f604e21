#include "language/firewalld_zones.h"

#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "packetset/filter_walk.h"

namespace quay {
namespace {

using filter::Fate;
using filter::Kind;
using filter::Number;
using filter::Point;

constexpr Fate kAccept = filter::kAccepted;
constexpr Fate kDrop = filter::kDropped;
constexpr Fate kReject = filter::kRejected;

FirewalldFiles files(const std::string& zone) {
  return {
      .shipped = {{"services/ssh.xml", R"(<service><port protocol="tcp" port="22"/></service>)"},
                  {"services/both.xml",
                   R"(<service><port protocol="udp" port="53"/><include service="ssh"/>
<include service="both"/></service>)"},
                  {"zones/public.xml", "<zone><service name=\"nothing\"/></zone>"}},
      .own = {{"firewalld.conf", "# comment\nDefaultZone=public\nIPv6_rpfilter=no\n"},
              {"zones/public.xml", "<zone>" + zone + "</zone>"}}};
}

filter::Ruleset read(const FirewalldFiles& all) {
  const auto parsed = parse_firewalld(all);
  EXPECT_EQ(parsed.errors, std::vector<Error>{});
  return parsed.value;
}

Number address(std::string_view text) {
  return parse_address(text)->bits;
}

struct Header {
  Number protocol = 6;
  Number port = 22;
  std::string_view source = "192.0.2.1";
  std::string in = "eth0";
  std::string out;
  State state = State::New;
};

Fate decide(const filter::Ruleset& ruleset, const Header& header) {
  Point point{.direction = header.out.empty() ? Direction::In : Direction::Forward,
              .in_interface = header.in,
              .out_interface = header.out};
  point.numbers = {{{.kind = Kind::Protocol}, header.protocol},
                   {{.kind = Kind::DestinationPort}, header.port},
                   {{.kind = Kind::SourcePort}, Number{header.protocol == 1 ? 8U << 8 : 40000U}},
                   {{.kind = Kind::Source}, address(header.source)},
                   {{.kind = Kind::Destination}, address("198.51.100.7")},
                   {{.kind = Kind::State}, static_cast<Number>(header.state)}};
  return walk(ruleset, point).fate;
}

TEST(Firewalld, SettingsDecide) {
  struct Case {
    std::string zone;
    Header header;
    Fate fate;
  };
  const std::vector<Case> cases{
      {"", {}, kReject},
      {"", {.state = State::Established}, kAccept},
      {"", {.state = State::Invalid}, kDrop},
      {"", {.protocol = 1}, kAccept},  // ICMP, unless it is blocked
      {R"(<icmp-block name="echo-request"/>)", {.protocol = 1}, kReject},
      {R"(<icmp-block-inversion/>)", {.protocol = 1}, kReject},
      {R"(<icmp-block-inversion/><icmp-block name="echo-request"/>)", {.protocol = 1}, kAccept},
      {R"(<service name="ssh"/>)", {}, kAccept},
      {R"(<service name="both"/>)", {}, kAccept},
      {R"(<service name="both"/>)", {.protocol = 17, .port = 53}, kAccept},
      {R"(<port port="20-30" protocol="tcp"/>)", {}, kAccept},
      {R"(<port port="20-30" protocol="tcp"/>)", {.protocol = 17}, kReject},
      {R"(<source-port port="40000" protocol="tcp"/>)", {}, kAccept},
      {R"(<protocol value="gre"/>)", {.protocol = 47}, kAccept},
      {R"(<interface name="eth0"/><forward/>)", {.out = "eth0"}, kAccept},
      {R"(<interface name="eth0"/><forward/>)", {.out = "eth1"}, kReject},
      {R"(<rule><service name="ssh"/><reject/></rule><service name="ssh"/>)", {}, kReject},
      {R"(<rule priority="1"><service name="ssh"/><drop/></rule><service name="ssh"/>)",
       {},
       kAccept},
      {R"(<rule priority="-1"><source address="192.0.2.0/24"/><drop/></rule>
<rule priority="-2"><source address="192.0.2.1"/><accept/></rule>)",
       {},
       kAccept},
      {R"(<rule><source address="192.0.2.1" invert="yes"/><accept/></rule>)", {}, kReject},
      {R"(<rule><port port="22" protocol="tcp"/><log/><accept><limit value="1/m"/></accept></rule>)",
       {},
       kAccept | kReject},
      {R"(<rule><port port="22" protocol="tcp"/><log/></rule>)", {}, kReject},
      {R"(<rule><port port="22" protocol="tcp"/><reject type="tcp-reset"/></rule>)", {}, kReject},
  };
  for (const Case& one : cases)
    EXPECT_EQ(decide(read(files(one.zone)), one.header), one.fate) << one.zone;
}

TEST(Firewalld, SourcesChooseZonesBeforeInterfaces) {
  FirewalldFiles all = files(R"(<interface name="eth0"/>)");
  all.own["zones/trusted.xml"] = R"(<zone target="ACCEPT"><source address="192.0.2.0/24"/></zone>)";
  all.own["zones/many/a.xml"] = R"(<zone><interface name="wlan+"/></zone>)";
  all.own["zones/many/b.xml"] = R"(<zone><port port="22" protocol="tcp"/></zone>)";
  const filter::Ruleset ruleset = read(all);
  EXPECT_EQ(decide(ruleset, {}), kAccept);
  EXPECT_EQ(decide(ruleset, {.source = "203.0.113.1"}), kReject);
  EXPECT_EQ(decide(ruleset, {.source = "203.0.113.1", .in = "wlan3"}), kAccept);
}

TEST(Firewalld, PoliciesStandBetweenZones) {
  FirewalldFiles all = files(R"(<interface name="eth0"/>)");
  all.own["zones/inside.xml"] = R"(<zone><interface name="eth1"/></zone>)";
  all.own["policies/out.xml"] =
      R"(<policy target="ACCEPT"><ingress-zone name="inside"/><egress-zone name="public"/></policy>)";
  all.own["policies/idle.xml"] =
      R"(<policy target="DROP"><ingress-zone name="nowhere"/><egress-zone name="HOST"/></policy>)";
  const filter::Ruleset ruleset = read(all);
  EXPECT_EQ(decide(ruleset, {.in = "eth1", .out = "eth0"}), kAccept);
  EXPECT_EQ(decide(ruleset, {.in = "eth0", .out = "eth1"}), kReject);
  EXPECT_EQ(decide(ruleset, {}), kReject);
}

TEST(Firewalld, IpsetsAreTheirEntries) {
  FirewalldFiles all = files(
      R"(<rule><source ipset="some"/><accept/></rule><rule><source ipset="gone"/><accept/></rule>)");
  all.own["ipsets/some.xml"] =
      R"(<ipset type="hash:net"><entry>192.0.2.0/24</entry><entry>203.0.113.1</entry></ipset>)";
  const filter::Ruleset ruleset = read(all);
  EXPECT_EQ(decide(ruleset, {.source = "192.0.2.9"}), kAccept);
  EXPECT_EQ(decide(ruleset, {.source = "203.0.113.2"}), kReject);
}

std::vector<std::string> unknown_of(const filter::Ruleset& ruleset) {
  std::vector<std::string> all;
  for (const filter::Chain& chain : ruleset.tables[0].chains)
    for (const filter::Rule& rule : chain.rules)
      for (const std::string& what : rule.unknown)
        if (rule.place != "firewalld.conf")  // what firewalld asks in any case
          all.push_back(rule.place + ": " + what);
  return all;
}

TEST(Firewalld, WhatIsNotKnownIsNamed) {
  EXPECT_EQ(unknown_of(read(files(R"(<service name="odd"/>)"))),
            std::vector<std::string>{"zones/public.xml: firewalld service odd"});
  EXPECT_EQ(unknown_of(read(files(R"(<icmp-block name="odd"/>)"))),
            std::vector<std::string>{"zones/public.xml: firewalld icmp type odd"});
  EXPECT_EQ(unknown_of(read(files(R"(<port port="http" protocol="tcp"/>)"))),
            std::vector<std::string>{"zones/public.xml: tcp dport http"});
  // An element of a later version may mean anything, wherever the zone has chains.
  const filter::Ruleset later = read(files(R"(<egress-priority value="3"/>)"));
  EXPECT_EQ(unknown_of(later).size(), 5U);
  EXPECT_EQ(unknown_of(later).front(), "zones/public.xml: firewalld <egress-priority>");
  EXPECT_EQ(decide(later, {}), filter::kAnyFate);
}

TEST(Firewalld, FaultsAreToldWithTheirPlace) {
  const auto fault = [](const FirewalldFiles& all) {
    const auto parsed = parse_firewalld(all);
    return parsed.errors.empty() ? "none" : parsed.errors[0].text();
  };
  FirewalldFiles broken = files("");
  broken.own["zones/public.xml"] = "<zone><short>";
  EXPECT_EQ(fault(broken), "zones/public.xml: this is no XML: Start-end tags mismatch");
  broken.own["zones/public.xml"] = "<service/>";
  EXPECT_EQ(fault(broken), "zones/public.xml: <service> is no <zone>");
  FirewalldFiles old = files("");
  old.own["firewalld.conf"] = "DefaultZone=public\nFirewallBackend=iptables\n";
  EXPECT_EQ(fault(old), "firewalld.conf:2: backend iptables is not modelled");
  old.own["firewalld.conf"] = "DefaultZone=office\n";
  EXPECT_EQ(fault(old), "firewalld.conf: there is no zone `office`");
}

// Any piece of a file lost: it is read or refused.
TEST(Firewalld, TornFilesNeverBreakTheReader) {
  const std::string zone =
      R"(<interface name="eth+"/><source mac="00:11:22:33:44:55"/><source ipset="some"/>
<rule family="ipv4" priority="-3"><source address="10.0.0.0/8"/><forward-port port="1-2" protocol="tcp" to-port="3" to-addr="1.2.3.4"/></rule>
<rule><protocol value="gre"/><mark set="0x10/0xff"/></rule><masquerade/>)";
  std::size_t whole = 0;
  for (std::size_t from = 0; from < zone.size(); from += 3)
    for (const std::size_t length : {1U, 7U, 40U}) {
      std::string torn = zone;
      torn.erase(from, length);
      FirewalldFiles all = files(torn);
      all.own["ipsets/some.xml"] =
          R"(<ipset type="hash:ip,port"><entry>1.2.3.4,udp:5-6</entry><entry>,</entry></ipset>)";
      whole += parse_firewalld(all).ok();
    }
  EXPECT_GT(whole, 20U);
}

}  // namespace
}  // namespace quay
