// The kernel is the judge: packets through the loaded table get the verdict of the rule list.
#include <algorithm>
#include <cstdio>
#include <iostream>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "language/nft_table.h"
#include "language/packet_text.h"
#include "policy/compile.h"
#include "policy/service_state.h"
#include "tests/netns/gateway_test.h"
#include "tests/support/generate.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

class Kernel : public netns::GatewayTest {
 protected:
  // Loads a policy as quaymaster-restore does and compares what was written.
  RuleList load(const Policy& policy) {
    RuleList rules = compile(policy, shipped_catalogue(), kNow).rules;
    const NftTable table = nft_table(rules);
    KernelTable kernel = gateway_->kernel();
    const auto done = kernel.replace(table);
    EXPECT_TRUE(done) << done.error().text();
    kernel.settle();
    const auto same = kernel.verify(table);
    EXPECT_TRUE(same) << same.error().text();
    return rules;
  }

  // Sends the packets and holds every one against the rules; returns how many passed.
  std::size_t judge(const RuleList& rules, const std::vector<Packet>& packets) {
    const std::set<std::size_t> passed = gateway_->passed(packets);
    for (std::size_t i = 0; i < packets.size(); ++i) {
      const Rule* rule = decide(rules, packets[i], kNow);
      const bool accepted = rule->verdict == Verdict::Accept || rule->verdict == Verdict::Limit;
      EXPECT_EQ(passed.contains(i), accepted)
          << to_text(packets[i]) << "\n  decided by " << rule->origin.text();
    }
    return passed.size();
  }
};

Address address(const std::string& text) {
  return *parse_address(text);
}

// A packet of a flow between the gateway and its neighbour on `interface`.
Packet neighbourly(Direction direction, const std::string& interface, Family family,
                   Protocol protocol, Port source_port, Port destination_port) {
  const Address here = netns::gateway_address(interface, family);
  const Address there = netns::neighbour_address(interface, family);
  const bool in = direction == Direction::In;
  return {.direction = direction,
          .interface = interface,
          .source = in ? there : here,
          .destination = in ? here : there,
          .protocol = protocol,
          .source_port = source_port,
          .destination_port = destination_port};
}

std::vector<Port> some_ports(const std::optional<Ports>& ports, const Service& service,
                             const Function* function, const Policy& policy) {
  const auto chosen = ports ? chosen_ports(*ports, service, function, policy) : std::nullopt;
  if (!chosen)
    return {40001};  // any; not one of the catalogue's
  std::vector<Port> result;
  for (const auto& [first, last] : chosen->intervals()) {
    result.push_back(first);
    if (last != first)
      result.push_back(last);
  }
  return result;
}

// Packets for every endpoint, on every interface, of both families, in both directions.
void add_packets(const std::vector<Endpoint>& endpoints, const Service& service,
                 const Function* function, const Policy& policy, std::vector<Packet>& packets) {
  for (const Endpoint& endpoint : endpoints)
    for (const Port local : some_ports(endpoint.local, service, function, policy))
      for (const Port remote : some_ports(endpoint.remote, service, function, policy))
        for (const Protocol protocol : {Protocol::Tcp, Protocol::Udp})
          for (const Family family : {Family::V4, Family::V6})
            for (const char* interface : {"eth0", "eth1", "wwan0"}) {
              packets.push_back(
                  neighbourly(Direction::In, interface, family, protocol, remote, local));
              packets.push_back(
                  neighbourly(Direction::Out, interface, family, protocol, local, remote));
            }
}

void drop_repeated(std::vector<Packet>& packets) {
  std::set<std::string> seen;
  std::erase_if(packets, [&](const Packet& p) { return !seen.insert(to_text(p)).second; });
}

// Every service of the catalogue, with it on and off, in both profiles.
TEST_F(Kernel, EveryService) {
  std::size_t sent = 0;
  std::size_t passed = 0;
  for (const auto& [id, service] : shipped_catalogue().services) {
    for (const std::string profile : {"enhanced", "standard"}) {
      for (const bool enabled : {true, false}) {
        SCOPED_TRACE(id + (enabled ? " on, " : " off, ") + profile);
        Policy policy = read_policy("[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n");
        policy.profile = profile;
        if (service.switching == Switch::Free)
          policy.services[id].enabled = enabled;
        for (const Function& function : service.functions)
          policy.services[id].functions[function.id].enabled = enabled;
        std::vector<Packet> packets;
        add_packets(service.endpoints, service, nullptr, policy, packets);
        for (const Function& function : service.functions)
          add_packets(function.endpoints, service, &function, policy, packets);
        drop_repeated(packets);
        passed += judge(load(policy), packets);
        sent += packets.size();
      }
    }
  }
  std::cout << sent << " packets of " << shipped_catalogue().services.size() << " services, "
            << passed << " passed, as the rules say\n";
  EXPECT_GT(passed, 1000U);
  EXPECT_LT(passed, sent);
}

TEST_F(Kernel, WhatAHostNeeds) {
  const RuleList rules = load(read_policy("[interfaces]\nlan = \"eth0\"\n"));
  std::vector<Packet> packets;
  for (const char* interface : {"eth0", "wwan0"}) {
    packets.push_back({.interface = interface,
                       .source = address("10.0.0.99"),
                       .destination = address("255.255.255.255"),
                       .protocol = Protocol::Udp,
                       .source_port = 67,
                       .destination_port = 68});
    for (const Direction direction : {Direction::In, Direction::Out}) {
      Packet echo = neighbourly(direction, interface, Family::V4, Protocol::Icmp, 0, 0);
      echo.icmp_type = 8;
      packets.push_back(echo);
      echo.icmp_type = 13;  // a timestamp request is nothing that a host needs
      packets.push_back(echo);
      echo = neighbourly(direction, interface, Family::V6, Protocol::Icmpv6, 0, 0);
      echo.icmp_type = 128;
      packets.push_back(echo);
    }
    for (const char* source : {"127.0.0.1", "127.9.9.9"}) {  // spoofed, to an open port
      Packet spoofed = neighbourly(Direction::In, interface, Family::V4, Protocol::Tcp, 40000, 22);
      spoofed.source = address(source);
      packets.push_back(spoofed);
    }
    Packet to_loopback =
        neighbourly(Direction::In, interface, Family::V4, Protocol::Tcp, 40000, 22);
    to_loopback.destination = address("127.0.0.1");
    packets.push_back(to_loopback);
  }
  judge(rules, packets);
  // Broadcast and multicast reach services like unicast.
  const RuleList discovery =
      load(read_policy("[interfaces]\nlan = \"eth0\"\n[services.bacnet]\nenabled = true\n"));
  std::vector<Packet> requests;
  for (const auto& [to, port] :
       {std::pair{"10.0.0.255", Port{47808}}, std::pair{"255.255.255.255", Port{47808}},
        std::pair{"224.0.0.251", Port{5353}}})
    for (const Direction direction : {Direction::In, Direction::Out}) {
      Packet packet = neighbourly(direction, "eth0", Family::V4, Protocol::Udp, port, port);
      packet.destination = address(to);
      requests.push_back(packet);
    }
  judge(discovery, requests);
}

// Own rules of every shape, against packets near them.
TEST_F(Kernel, RandomPolicies) {
  ASSERT_TRUE(rc::check("kernel and rule list agree", [this] {
    Policy policy = read_policy(
        *rc::gen::element<std::string>("", "[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n"));
    policy.profile = *rc::gen::element<std::string>("enhanced", "standard");
    policy.services["mqtt"].enabled = *rc::gen::arbitrary<bool>();
    policy.services["mqtt"].from = {*generate::prefix()};
    policy.services["bacnet"].enabled = *rc::gen::arbitrary<bool>();
    const int count = *rc::gen::inRange(0, 7);
    for (int i = 0; i < count; ++i) {
      policy.rules.push_back(*generate::user_rule());
      // The limit has a memory that the rule list has not.
      if (policy.rules.back().verdict == Verdict::Limit)
        policy.rules.back().verdict = Verdict::Accept;
    }
    const RuleList rules = load(policy);
    std::vector<Packet> packets;
    for (int i = 0; i < 60; ++i) {
      Packet packet = *generate::packet();
      const bool loopback = packet.interface == "lo" || packet.interface == "ip70" ||
                            loopback_prefix(packet.source.family).contains(packet.source) ||
                            loopback_prefix(packet.source.family).contains(packet.destination);
      if (packet.direction == Direction::Forward || loopback || !(has_ports(packet.protocol)))
        continue;
      packet.state = State::New;
      const Packet home = neighbourly(packet.direction, packet.interface, packet.source.family,
                                      packet.protocol, 0, 0);
      // What comes in is for the gateway; what goes out needs a neighbour that is known.
      const Address link_local = address("fe80::1");
      if (packet.direction == Direction::In || packet.destination == link_local)
        packet.destination = home.destination;
      packets.push_back(packet);
    }
    drop_repeated(packets);
    const std::set<std::size_t> passed = gateway_->passed(packets);
    for (std::size_t i = 0; i < packets.size(); ++i) {
      const Rule* rule = decide(rules, packets[i], kNow);
      if (passed.contains(i) != (rule->verdict == Verdict::Accept))
        RC_LOG() << to_text(packets[i]) << " by " << rule->origin.text() << "\n";
      RC_ASSERT(passed.contains(i) == (rule->verdict == Verdict::Accept));
    }
  }));
}

// ufw's limit: five attempts of a source within 30 seconds, each source for itself.
TEST_F(Kernel, LimitCountsEachSource) {
  load(read_policy("[[rules]]\nrule = \"limit 2222/tcp\"\n"));
  for (const Family family : {Family::V4, Family::V6}) {
    std::vector<Packet> attempts;
    for (Port i = 0; i < 9; ++i)
      attempts.push_back(neighbourly(Direction::In, "eth0", family, Protocol::Tcp,
                                     static_cast<Port>(40000 + i), 2222));
    Packet other = attempts.front();
    other.source.bits += 7;
    attempts.push_back(other);
    EXPECT_EQ(gateway_->passed(attempts), (std::set<std::size_t>{0, 1, 2, 3, 4, 9}));
    EXPECT_EQ(gateway_->passed({attempts[0], other}), (std::set<std::size_t>{1}))
        << "the memory outlives connection tracking";
  }
}

TEST_F(Kernel, LimitForgetsAfterHalfAMinute) {
  load(read_policy("[[rules]]\nrule = \"limit 2222/tcp\"\n"));
  std::vector<Packet> attempts;
  for (Port i = 0; i < 6; ++i)
    attempts.push_back(neighbourly(Direction::In, "eth0", Family::V4, Protocol::Tcp,
                                   static_cast<Port>(40000 + i), 2222));
  EXPECT_EQ(gateway_->passed(attempts).size(), 5U);
  // The kernel's own clock drives the elements; half a minute is half a minute.
  gateway_->inside().shell("sleep 31");
  EXPECT_EQ(gateway_->passed(attempts).size(), 5U);
}

// What the table does when somebody else has been at it.
TEST_F(Kernel, ForeignEditsAreToldAndReplaced) {
  const NftTable table = nft_table(compile(Policy{}, shipped_catalogue(), kNow).rules);
  KernelTable kernel = gateway_->kernel();
  ASSERT_TRUE(kernel.replace(table));
  gateway_->inside().shell("nft insert rule inet quaymaster input tcp dport 9 accept");
  const auto same = kernel.verify(table);
  ASSERT_FALSE(same);
  EXPECT_NE(same.error().text().find("chain input rule"), std::string::npos);
  gateway_->inside().shell("nft add chain inet quaymaster stranger");
  gateway_->inside().shell("nft add table inet other");
  ASSERT_TRUE(kernel.replace(table));
  EXPECT_TRUE(kernel.verify(table));
  kernel.settle();
  EXPECT_TRUE(kernel.verify(table)) << "what was left is cleared away";
  gateway_->inside().shell("nft list table inet other > /dev/null");
}

// From any policy to any other, by the smallest way there is.
TEST_F(Kernel, AnyChangeEndsWhereItShould) {
  ASSERT_TRUE(rc::check("after a change the kernel holds the new table", [this] {
    std::vector<NftTable> tables;
    for (int i = 0; i < 6; ++i) {
      Policy policy = read_policy("[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n");
      for (const std::string id : {"mqtt", "bacnet", "ssh"})
        policy.services[id].enabled = *rc::gen::arbitrary<bool>();
      if (*rc::gen::arbitrary<bool>())
        policy.services["ssh"].from = {*generate::prefix()};
      const int rules = *rc::gen::inRange(0, 3);
      for (int r = 0; r < rules; ++r)
        policy.rules.push_back(*generate::user_rule());
      policy.profile = *rc::gen::element<std::string>("enhanced", "enhanced", "standard");
      tables.push_back(nft_table(compile(policy, shipped_catalogue(), kNow).rules));
    }
    KernelTable kernel = gateway_->kernel();
    RC_ASSERT(kernel.replace(tables[0]).has_value());
    auto listing = kernel.read();
    RC_ASSERT(listing.has_value());
    Slot slot = listing->slot;
    for (std::size_t i = 1; i < tables.size(); ++i) {
      const auto next = kernel.change(tables[i - 1], tables[i], slot);
      if (!next)
        RC_LOG() << next.error().text();
      RC_ASSERT(next.has_value());
      slot = *next;
      const auto same = kernel.verify(tables[i]);
      if (!same)
        RC_LOG() << same.error().text();
      RC_ASSERT(same.has_value());
    }
  }));
}

}  // namespace
}  // namespace quay
