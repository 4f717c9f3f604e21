#include "policy/compile.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "language/packet_text.h"
#include "policy/explain.h"
#include "tests/support/generate.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

constexpr const char* kInterfaces = "[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n";

// "accept", or what all packets of the sentence get; "depends" when they differ.
std::string verdict(const std::string& policy_text, const std::string& sentence) {
  const Policy policy = read_policy(policy_text);
  const Compiled compiled = compile(policy, shipped_catalogue(), kNow);
  const auto answer = explain(*parse_packet(sentence), compiled.rules, policy);
  if (!answer)
    return answer.error().reason;
  return answer->certain() ? to_text(answer->outcomes[0].rule->verdict) : "depends";
}

struct Row {
  const char* id;        // what the policy enables, when it is optional
  const char* sentence;  // the packet, of an endpoint of the reference's table
  const char* enhanced;  // its verdict, once enabled
  const char* standard;
};

// The reference's table, row by row and direction by direction. Where its rule listing wins over
// its table, or an enabled service could not work, the catalogue's entry says so.
constexpr Row kRows[] = {
    {"ssh", "in on lan 22/tcp", "accept", "accept"},
    {"ssh", "out on lan 22/tcp", "drop", "accept"},
    {"smtp", "in on wan 25/tcp", "drop", "drop"},
    {"smtp", "out on wan 25/tcp", "accept", "accept"},
    {"dns", "in on lan 53", "drop", "drop"},
    {"dns", "out on wan 53/tcp", "accept", "accept"},
    {"dns", "out on wan 53/udp", "accept", "accept"},
    {"dhcp-client", "in on lan 68/udp sport 67 from 192.168.1.1", "accept", "accept"},
    {"dhcp-client", "out on lan 67/udp sport 68 to 255.255.255.255", "accept", "accept"},
    {"dhcp-client", "in on lan 546/udp sport 547 from fe80::1 to fe80::2", "accept", "accept"},
    {"dhcp-client", "in on lan 546/udp sport 547 to 2001:db8::1", "drop", "drop"},
    {"cms-update", "in on lan 80/tcp", "drop", "drop"},
    {"cms-update", "out on wan 80/tcp", "accept", "accept"},
    {"ntp", "in on lan 123/udp", "drop", "drop"},
    {"ntp", "out on wan 123/udp", "accept", "accept"},
    {"modbus", "in on lan 502/tcp", "drop", "drop"},
    {"modbus", "out on lan 502/tcp", "accept", "accept"},
    {"licensing", "out on wan 443/tcp", "accept", "accept"},
    {"web", "in on wan 443/tcp", "accept", "accept"},
    {"lon.ip852", "in on lan 1628/tcp", "drop", "accept"},
    {"lon.ip852", "in on lan 1628/udp", "drop", "accept"},
    {"lon.rni", "in on lan 1630/udp", "accept", "accept"},
    {"lon.rni", "out on lan udp sport 1630", "accept", "accept"},
    {"lon.analyzer", "in on lan 1631/tcp", "accept", "accept"},
    {"lon.analyzer", "in on lan 1632/tcp", "drop", "drop"},
    {"mqtt", "in on wan 1883/tcp", "accept", "accept"},
    {"mqtt", "in on wan 1883/udp", "drop", "drop"},
    {"mqtt", "out on wan 1883/tcp", "drop", "accept"},
    {"lon-ip70", "in on lan 2541/tcp", "accept", "accept"},
    {"lon-ip70", "in on lan 2541/udp", "accept", "accept"},
    {"lon-ip70", "out on lan 2541/udp", "accept", "accept"},
    {"mdns", "in on lan 5353/udp to 224.0.0.251", "accept", "accept"},
    {"mdns", "out on lan 5353/udp to ff02::fb", "accept", "accept"},
    {"mqtts", "in on lan 8883/tcp", "accept", "accept"},
    {"mqtts", "out on lan 8883/tcp", "drop", "accept"},
    {"remote-cms", "out on wan 8883/tcp", "accept", "accept"},
    {"remote-cms", "in on wan 8883/tcp", "drop", "drop"},
    {"bacnet", "in on lan 41797/udp", "accept", "accept"},
    {"bacnet", "in on lan 47808/udp", "accept", "accept"},
    {"bacnet", "in on lan 47809/udp", "drop", "drop"},
    {"bacnet", "out on lan 49152-65535/udp", "accept", "accept"},
    {"bacnet", "out on lan udp sport 47808", "accept", "accept"},
    {"bacnet", "out on lan 47808/udp", "accept", "accept"},
    {"opcua", "in on lan 55000/tcp", "accept", "accept"},
    {"opcua", "out on lan 55000/tcp", "drop", "accept"},
    {"ddns", "out on wan 443/tcp", "accept", "accept"},
    {"maps", "in on wan 443/udp", "drop", "drop"},
    {"flows", "out on wan 80/tcp", "accept", "accept"},
    {"dns-local", "in on lan 53", "drop", "drop"},
    {"cms", "in on lan 1099/tcp", "drop", "drop"},
    {"cms", "in on lan 3200/tcp", "drop", "drop"},
    {"cms", "in on lan 5432/tcp", "drop", "drop"},
    {"cms", "in on lan 6379/tcp", "drop", "drop"},
    {"cms", "in on lan 8101/tcp", "drop", "drop"},
    {"cms", "in on lan 8181/tcp", "drop", "drop"},
    {"cms", "in on lan 44444/tcp", "drop", "drop"},
    {"lon-ip70", "in on lan 1629/udp", "drop", "drop"},
    {"node-red", "in on lan 1880/tcp", "drop", "drop"},
    {"supervisor", "in on lan 9001/tcp", "drop", "drop"},
    {"reboot-manager", "in on lan 9090/tcp", "drop", "drop"},
};

std::string enabling(const std::string& id) {
  const std::size_t dot = id.find('.');
  if (dot == std::string::npos)
    return "[services." + id + "]\nenabled = true\n";
  return "[services." + id.substr(0, dot) + "]\nenabled = true\n[services." + id.substr(0, dot) +
         ".functions." + id.substr(dot + 1) + "]\nenabled = true\n";
}

TEST(Compile, TheReferencesTable) {
  for (const Row& row : kRows) {
    const std::string rest = std::string(kInterfaces) + enabling(row.id);
    EXPECT_EQ(verdict("profile = \"enhanced\"\n" + rest, row.sentence), row.enhanced)
        << row.id << ": " << row.sentence;
    EXPECT_EQ(verdict("profile = \"standard\"\n" + rest, row.sentence), row.standard)
        << row.id << ": " << row.sentence;
  }
}

TEST(Compile, OptionalServicesAreClosedUntilEnabled) {
  for (const auto& [id, service] : shipped_catalogue().services) {
    if (!service.optional)
      continue;
    const Policy policy = read_policy(kInterfaces);
    for (const Rule& rule : compile(policy, shipped_catalogue(), kNow).rules)
      EXPECT_NE(rule.origin.text(), "service " + id);
  }
}

TEST(Compile, WhatAHostNeedsIsOpenEverywhere) {
  for (const std::string profile : {"enhanced", "standard"}) {
    const std::string policy =
        "profile = \"" + profile + "\"\n" + kInterfaces + "[[rules]]\nrule = \"deny from any\"\n";
    for (const char* sentence :
         {"in icmp type echo-request", "out icmp type echo-request",
          "in icmp type destination-unreachable", "out icmpv6 type packet-too-big",
          "in icmpv6 type nd-neighbor-solicit state untracked",
          "out icmpv6 type mld2-listener-report state untracked", "in igmp", "out igmp",
          "in on wwan0 68/udp sport 67 from 10.0.0.1", "in 22/tcp state established",
          "out on ip70 9/udp"})
      EXPECT_EQ(verdict(policy, sentence), "accept") << sentence;
    for (const char* sentence :
         {"in on eth0 from 127.0.0.1", "in on eth1 to 127.1.2.3", "in on eth0 from ::1",
          "out on eth0 to ::1", "in on eth0 from 127.0.0.1 state established",
          "in state invalid on eth0"})
      EXPECT_EQ(verdict(policy, sentence), "drop") << sentence;
  }
}

TEST(Compile, InterfacesStartClosed) {
  EXPECT_EQ(verdict(kInterfaces, "in on wwan0 22/tcp"), "drop");
  EXPECT_EQ(verdict(kInterfaces, "out on wwan0 53/udp"), "drop");
  EXPECT_EQ(verdict("", "in on wwan0 22/tcp"), "accept");
  EXPECT_EQ(verdict("", "out on wwan0 53/udp"), "accept");
}

TEST(Compile, ServicesAreNarrowedByThePolicy) {
  const std::string mqtt = std::string(kInterfaces) +
                           "[services.mqtt]\nenabled = true\non = [\"lan\"]\n"
                           "from = [\"192.168.1.0/24\", \"fd00:1::/64\"]\n";
  EXPECT_EQ(verdict(mqtt, "in on lan 1883/tcp from 192.168.1.7"), "accept");
  EXPECT_EQ(verdict(mqtt, "in on lan 1883/tcp from fd00:1::7"), "accept");
  EXPECT_EQ(verdict(mqtt, "in on lan 1883/tcp from 192.168.2.7"), "drop");
  EXPECT_EQ(verdict(mqtt, "in on wan 1883/tcp from 192.168.1.7"), "drop");
  EXPECT_EQ(verdict(mqtt, "in on lan 1883/tcp"), "depends");
  const std::string hidden =
      std::string(kInterfaces) + "[services.bacnet]\nenabled = true\nexposed = false\n";
  EXPECT_EQ(verdict(hidden, "in on lan 47808/udp"), "drop");
  EXPECT_EQ(verdict(hidden, "out on lan 47808/udp"), "accept") << "it is still a client";
  EXPECT_EQ(
      verdict(std::string(kInterfaces) + "[services.ssh]\nexposed = false\n", "in on lan 22/tcp"),
      "drop");
}

TEST(Compile, ChosenPortsAlone) {
  const std::string policy = std::string(kInterfaces) +
                             "[services.bacnet]\nenabled = true\nport = 47809\n"
                             "clients = \"50000-50100\"\n[services.web]\nport = 1443\n";
  EXPECT_EQ(verdict(policy, "in on lan 47809/udp"), "accept");
  EXPECT_EQ(verdict(policy, "in on lan 47808/udp"), "drop");
  EXPECT_EQ(verdict(policy, "out on lan 9/udp sport 47809"), "accept");
  EXPECT_EQ(verdict(policy, "out on lan 50050/udp sport 9"), "accept");
  EXPECT_EQ(verdict(policy, "out on lan 49152/udp sport 9"), "drop");
  EXPECT_EQ(verdict(policy, "in on wan 1443/tcp"), "accept");
  EXPECT_EQ(verdict(policy, "in on wan 443/tcp"), "drop");
}

TEST(Compile, OwnRulesStandBeforeServicesInTheirOrder) {
  const std::string policy = std::string(kInterfaces) +
                             "[[rules]]\nrule = \"allow from 10.1.0.0/16\"\n"
                             "[[rules]]\nrule = \"deny from 10.0.0.0/8\"\n"
                             "[[rules]]\nrule = \"reject out 25/tcp\"\n"
                             "[[rules]]\nrule = \"limit 22/tcp\"\n";
  EXPECT_EQ(verdict(policy, "in on lan 22/tcp from 10.1.2.3"), "accept");
  EXPECT_EQ(verdict(policy, "in on lan 22/tcp from 10.2.2.3"), "drop");
  EXPECT_EQ(verdict(policy, "in on lan 22/tcp from 192.168.1.1"), "limit");
  EXPECT_EQ(verdict(policy, "out on lan 25/tcp"), "reject");
}

TEST(Compile, OpeningsEnd) {
  const std::string policy = std::string(kInterfaces) +
                             "[services.ssh]\nenabled = false\n"
                             "[[rules]]\nrule = \"deny 22/tcp\"\n"
                             "[[openings]]\nrule = \"allow in on eth1 from 203.0.113.7 to any port "
                             "22 proto tcp\"\nuntil = ";
  EXPECT_EQ(verdict(policy + "2026-11-19T00:00:00Z\n", "in on wan 22/tcp from 203.0.113.7"),
            "accept");
  EXPECT_EQ(verdict(policy + "2026-11-17T00:00:00Z\n", "in on wan 22/tcp from 203.0.113.7"),
            "drop");
  EXPECT_EQ(
      compile(read_policy(policy + "2026-11-17T00:00:00Z\n"), shipped_catalogue(), kNow).notes,
      std::vector<std::string>{"opening 1 ended at 2026-11-17 00:00:00 UTC"});
}

TEST(Compile, EnhancedForcesIp852Off) {
  const Policy policy = read_policy(std::string(kInterfaces) + enabling("lon.ip852"));
  EXPECT_EQ(compile(policy, shipped_catalogue(), kNow).notes,
            std::vector<std::string>{"lon.ip852 stays off: profile enhanced forbids it"});
}

TEST(Compile, NoInterfaceIsNoInterface) {
  EXPECT_EQ(verdict("[services.ssh]\non = []\n", "in on eth9 22/tcp"), "drop");
  EXPECT_EQ(verdict(std::string(kInterfaces) + "[services.ssh]\non = []\n", "in on lan 22/tcp"),
            "drop");
}

TEST(Compile, RulesKnowThePolicysNames) {
  const std::string policy =
      std::string(kInterfaces) + "[[rules]]\nrule = \"deny in on lan to any port 22 proto tcp\"\n";
  EXPECT_EQ(verdict(policy, "in on lan 22/tcp"), "drop");
  EXPECT_EQ(verdict(policy, "in on eth0 22/tcp"), "drop");
  EXPECT_EQ(verdict(policy, "in on wan 22/tcp"), "accept");
}

TEST(Compile, AppsStandForTheirFunctionsToo) {
  const std::string policy = std::string(kInterfaces) + enabling("lon.rni") +
                             "[[rules]]\nrule = \"deny lon\"\n[[rules]]\nrule = \"allow maps\"\n";
  EXPECT_EQ(verdict(policy, "in on lan 1630/udp"), "drop");
  EXPECT_EQ(compile(read_policy(policy), shipped_catalogue(), kNow).notes,
            std::vector<std::string>{"rule 2 stands for no packet: maps has no port of its own"});
}

TEST(Compile, RoutedPackets) {
  EXPECT_EQ(verdict("", "forward"), "drop");
  EXPECT_EQ(verdict("forward = \"leave\"\n", "forward"), "accept");
}

// explain() over sets says of every packet what a walk through the rules says.
RC_GTEST_PROP(Compile, ExplainAgreesWithTheFirstMatch, ()) {
  Policy policy = read_policy(*rc::gen::element<std::string>("", kInterfaces));
  policy.profile = *rc::gen::element<std::string>("enhanced", "standard");
  for (const std::string id : {"mqtt", "bacnet"})
    policy.services[id].enabled = *rc::gen::arbitrary<bool>();
  policy.services["mqtt"].from = {*generate::prefix()};
  const int rules = *rc::gen::inRange(0, 5);
  for (int i = 0; i < rules; ++i)
    policy.rules.push_back(*generate::user_rule());
  const Compiled compiled = compile(policy, shipped_catalogue(), kNow);
  for (int i = 0; i < 20; ++i) {
    const Packet packet = *generate::packet();
    const auto answer = explain(*parse_packet(to_text(packet)), compiled.rules, policy);
    RC_ASSERT(answer.has_value());
    RC_ASSERT(answer->outcomes.size() == 1U);
    RC_ASSERT(answer->outcomes[0].rule == decide(compiled.rules, packet, kNow));
  }
}

}  // namespace
}  // namespace quay
