#include "language/nft_program.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "language/nft_messages.h"
#include "packetset/filter_walk.h"
#include "tests/support/filter_text.h"

namespace quay {
namespace {

using filter::Fate;
using filter::Field;
using filter::kAccepted;
using filter::kDropped;
using filter::Kind;
using filter::Number;
using filter::Point;

std::string capture(const std::string& name) {
  std::ifstream file(std::string(QUAY_SOURCE) + "/tests/captures/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

filter::Ruleset captured(const std::string& name) {
  nft::Ruleset ruleset;
  EXPECT_TRUE(NftMessages(ruleset).read(capture(name)));
  return read_nft_program(ruleset, {{1, "lo"}, {2, "eth0"}});
}

// What the kernel answers about many kinds of rules; see everything.nft. QUAY_UPDATE=1 writes the
// model anew: the difference is to be read.
class Captured : public testing::TestWithParam<const char*> {};

TEST_P(Captured, IsWhatItsModelSays) {
  const std::string name = GetParam();
  const std::string text = filter::text_of(captured(name + ".nlmsg"));
  if (std::getenv("QUAY_UPDATE") != nullptr)
    std::ofstream(std::string(QUAY_SOURCE) + "/tests/captures/" + name + ".model") << text;
  EXPECT_EQ(text, capture(name + ".model"));
}

INSTANTIATE_TEST_SUITE_P(NftProgram, Captured, testing::Values("everything", "own-table"));

Point packet(std::string interface, std::uint8_t protocol, std::uint16_t port,
             State state = State::New) {
  Point point{.direction = Direction::In, .family = Family::V4, .in_interface = interface};
  point.numbers[{.kind = Kind::Protocol}] = protocol;
  point.numbers[{.kind = Kind::DestinationPort}] = port;
  point.numbers[{.kind = Kind::State}] = static_cast<Number>(state);
  point.numbers[{.kind = Kind::Source}] = 0x0a000001;
  point.numbers[{.kind = Kind::Destination}] = 0xc0a80101;
  return point;
}

TEST(NftProgram, DecidesAsOurTableDoes) {
  const filter::Ruleset ruleset = captured("own-table.nlmsg");
  const auto fate = [&](const Point& point) { return filter::walk(ruleset, point).fate; };
  EXPECT_EQ(fate(packet("eth0", 17, 5353)), kAccepted);  // mDNS from the LAN
  EXPECT_EQ(fate(packet("eth1", 17, 5353)), kDropped);   // not from the WAN
  EXPECT_EQ(fate(packet("eth0", 6, 2541)), kAccepted);   // LON
  EXPECT_EQ(fate(packet("eth0", 6, 9)), kDropped);
  EXPECT_EQ(fate(packet("eth0", 6, 9, State::Established)), kAccepted);
  EXPECT_EQ(fate(packet("eth0", 17, 5353, State::Invalid)), kDropped);
  EXPECT_EQ(fate(packet("lo", 6, 9)), kAccepted);
  Point spoofed = packet("eth0", 17, 5353);
  spoofed.numbers[{.kind = Kind::Source}] = 0x7f000001;
  EXPECT_EQ(fate(spoofed), kDropped);
}

TEST(NftProgram, OfAForeignFamilyStandsOutside) {
  const filter::Ruleset ruleset = read_nft_program({{{.family = 99, .name = "x"}}}, {});
  EXPECT_TRUE(ruleset.tables.empty());
  EXPECT_EQ(ruleset.outside,
            std::vector<std::string>{"table x is of family 99, which is not known"});
}

TEST(NftProgram, WhatTheDecoderDoesNotKnowMayDoAnything) {
  const nft::Rule rule{.chain = "input",
                       .handle = 4,
                       .expressions = {nft::Unknown{"expression inner"},
                                       nft::Immediate{std::nullopt, nft::Verdict{1, {}}}}};
  const nft::Table table{.family = 1, .name = "t", .chains = {{.name = "input"}}, .rules = {rule}};
  const filter::Ruleset ruleset = read_nft_program({{table}}, {});
  EXPECT_EQ(filter::text_of(ruleset), "inet/t/input\n  handle 4: unknown ?expression inner\n");
}

}  // namespace
}  // namespace quay
