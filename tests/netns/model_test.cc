// What the kernel does with packets on their way, which is asked what the model says of it.
#include <gtest/gtest.h>

#include "host/live_filter.h"
#include "host/nft_dump.h"
#include "packetset/filter_walk.h"
#include "tests/netns/gateway_test.h"

namespace quay {
namespace {

class Model : public netns::GatewayTest {
 protected:
  // Loads the ruleset and sends UDP to these ports; each fares in the kernel as the model says, and
  // `passing` are those that pass. Of those that are `unsure` the model need only not be wrong.
  void judge(const std::string& ruleset, const std::vector<Port>& ports,
             const std::vector<Port>& passing, const std::vector<Port>& unsure = {}) {
    gateway_->inside().shell("nft flush ruleset");
    gateway_->inside().shell("nft -f - << END\n" + ruleset + "\nEND");
    filter::Ruleset live;
    gateway_->inside().run([&] {
      NftDump dump;
      auto read = live_filter(dump);
      ASSERT_TRUE(read) << read.error().text();
      live = *std::move(read);
    });
    std::vector<Packet> packets;
    for (const Port port : ports)
      packets.push_back({.direction = Direction::In,
                         .interface = "eth0",
                         .source = netns::neighbour_address("eth0", Family::V4),
                         .destination = netns::gateway_address("eth0", Family::V4),
                         .protocol = Protocol::Udp,
                         .source_port = 5000,
                         .destination_port = port});
    std::vector<Port> passed;
    for (const std::size_t position : gateway_->passed(packets))
      passed.push_back(ports[position]);
    EXPECT_EQ(passed, passing);
    for (std::size_t i = 0; i < ports.size(); ++i) {
      filter::Point point{.direction = Direction::In, .family = Family::V4, .in_interface = "eth0"};
      point.numbers[{.kind = filter::Kind::Protocol}] = 17;
      point.numbers[{.kind = filter::Kind::Source}] = packets[i].source.bits;
      point.numbers[{.kind = filter::Kind::Destination}] = packets[i].destination.bits;
      point.numbers[{.kind = filter::Kind::SourcePort}] = 5000;
      point.numbers[{.kind = filter::Kind::DestinationPort}] = ports[i];
      point.numbers[{.name = "@th,88,8 exists", .bits = 1}] = 1;  // and no more than that
      const bool passes = std::ranges::find(passing, ports[i]) != passing.end();
      const filter::Fate known = passes ? filter::kAccepted : filter::kDropped;
      const bool sure = std::ranges::find(unsure, ports[i]) == unsure.end();
      EXPECT_EQ(walk(live, point).fate, sure ? known : filter::kAccepted | filter::kDropped)
          << "port " << ports[i];
    }
  }
};

constexpr const char* kInput = R"(
table inet judge { chain input { type filter hook input priority 0; policy drop;
  meta l4proto ipv6-icmp accept; udp dport 101 accept; }; })";

// Whatever its priority says, a chain of type nat is asked at -100.
TEST_F(Model, ATranslationHasItsPlaceOnTheWay) {
  judge(std::string(kInput) + R"(
table ip early { chain c { type filter hook prerouting priority 0; udp dport 100 drop; }; }
table ip late { chain c { type nat hook prerouting priority 50; udp dport 100 redirect to :101; }; })",
        {100, 101, 102}, {100, 101});
}

// Among themselves they go by priority, and the first that translates is the last.
TEST_F(Model, ATranslationIsDoneOnce) {
  judge(std::string(kInput) + R"(
table ip one { chain c { type nat hook prerouting priority -90; udp dport 100 redirect to :101; udp dport 102 redirect to :101; }; }
table ip other { chain c { type nat hook prerouting priority -110; udp dport 100 redirect to :103; udp dport 104 accept; }; }
table ip more { chain c { type nat hook prerouting priority -80; udp dport 101 redirect to :105; udp dport 103 redirect to :101; udp dport 104 redirect to :101; }; })",
        {100, 101, 102, 103, 104, 105}, {102, 103, 104});
}

// The packets are twelve bytes from their transport header on.
TEST_F(Model, WhatAPacketDoesNotHaveNoRuleReads) {
  judge(R"(
table inet judge { chain input { type filter hook input priority 0;
  udp dport 100 @th,88,8 >= 0 drop
  udp dport 101 @th,96,8 >= 0 drop
  udp dport 102 @th,96,8 set 5 drop
  udp dport 103 @nh,256,8 >= 0 drop
}; })",
        {100, 101, 102, 103}, {101, 102, 103});
}

TEST_F(Model, NotEverythingIsWritten) {
  judge(R"(
table inet judge { chain pre { type filter hook prerouting priority 0;
  udp dport 100 meta pkttype set 6
  udp dport 101 meta pkttype set broadcast
  udp dport 102 ct zone set 5
  udp dport 103 @nh,72,8 set 6
  meta pkttype { 6, broadcast } drop
  ct zone 5 drop
  meta l4proto tcp drop
}; })",
        {100, 101, 102, 103, 104}, {100, 102, 103, 104}, {100, 101, 102, 103});
}

}  // namespace
}  // namespace quay
