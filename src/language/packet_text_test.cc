#include "language/packet_text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/generate.h"

namespace quay {
namespace {

TEST(PacketText, Sentences) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"in on eth1 1883/tcp from 203.0.113.7", "in on eth1 1883/tcp from 203.0.113.7"},
      {"in on wan tcp/1-1024", "in on wan 1-1024/tcp"},
      {"out on eth0 47808/udp sport 47808 to 10.1.0.255",
       "out on eth0 47808/udp to 10.1.0.255 sport 47808"},
      {"in 53", "in 53"},
      {"in udp", "in udp"},
      {"in icmp type echo-request", "in icmp type echo-request"},
      {"in icmpv6 type 143", "in icmpv6 type mld2-listener-report"},
      {"in from 10.0.0.0/8 state invalid", "in from 10.0.0.0/8 state invalid"},
      {"forward", "forward"}};
  for (const auto& [text, expected] : cases) {
    const auto query = parse_packet(text);
    ASSERT_TRUE(query) << text << ": " << query.error().reason;
    EXPECT_EQ(to_text(*query), expected);
    EXPECT_EQ(*parse_packet(to_text(*query)), *query);
  }
}

TEST(PacketText, TellsWhatIsWrong) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"", "a packet begins with in, out or forward, not ``"},
      {"on eth0", "a packet begins with in, out or forward, not `on`"},
      {"in on", "`on` needs a word after it"},
      {"in 70000/tcp", "`70000` is not a port from 1 to 65535"},
      {"in 90-80/tcp", "port range 90-80 is reversed"},
      {"in 22/icmp", "icmp has no ports"},
      {"in type echo-request", "`type` belongs to icmp or icmpv6"},
      {"in icmp type hello", "`hello` is not a type of icmp"},
      {"in state old", "`old` is not a state: new, established, related, invalid, untracked"},
      {"in from 10.0.0.1 to fd00::1", "`from` and `to` are of different IP versions"},
      {"in 22/tcp 80/tcp", "`80/tcp` is a second port or protocol; a packet has one"},
      {"in from 10.0.0.1 from 10.0.0.2", "`from` stands twice"},
      {"in icmp from fd00::1", "icmp does not exist in that IP version"},
      {"in on wwan+", "a packet is on one interface, not on `wwan+`"}};
  for (const auto& [text, expected] : cases) {
    const auto query = parse_packet(text);
    ASSERT_FALSE(query) << text;
    EXPECT_EQ(query.error().reason, expected);
  }
}

RC_GTEST_PROP(PacketText, OnePacketInWordsIsThatPacket, ()) {
  const Packet packet = *generate::packet();
  const auto query = parse_packet(to_text(packet));
  RC_ASSERT(query.has_value());
  RC_ASSERT(query->direction == packet.direction);
  RC_ASSERT(query->interface == packet.interface);
  RC_ASSERT(query->source->contains(packet.source));
  RC_ASSERT(query->state == packet.state);
}

}  // namespace
}  // namespace quay
