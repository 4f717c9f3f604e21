// Values and their text forms.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "model/address.h"
#include "model/interface.h"
#include "model/port.h"
#include "model/protocol.h"

namespace quay {
namespace {

TEST(Port, ReadsListsAndRanges) {
  for (const auto& [text, canonical] :
       std::vector<std::pair<const char*, const char*>>{{"22", "22"},
                                                        {"443,80", "80,443"},
                                                        {"8000:8010", "8000-8010"},
                                                        {"1-5,4-9", "1-9"},
                                                        {"1,2,3", "1-3"},
                                                        {"65535", "65535"}}) {
    const auto ports = parse_ports(text);
    ASSERT_TRUE(ports) << text;
    EXPECT_EQ(to_text(*ports), canonical);
  }
}

TEST(Port, TellsWhatIsWrong) {
  EXPECT_EQ(parse_ports("502-50").error().reason, "port range 502-50 is reversed");
  EXPECT_EQ(parse_ports("0").error().reason, "`0` is not a port from 1 to 65535");
  EXPECT_EQ(parse_ports("65536").error().reason, "`65536` is not a port from 1 to 65535");
  for (const char* wrong : {"", ",", "22,", "1-", "-1", "a", "1--2", "1-2-3"})
    EXPECT_FALSE(parse_ports(wrong)) << wrong;
}

TEST(Address, TextForms) {
  for (const auto& [text, canonical] :
       std::vector<std::pair<const char*, const char*>>{{"192.168.1.7", "192.168.1.7"},
                                                        {"192.168.1.7/24", "192.168.1.0/24"},
                                                        {"10.0.0.0/255.0.0.0", "10.0.0.0/8"},
                                                        {"10.1.2.3/32", "10.1.2.3"},
                                                        {"0.0.0.0/0", "0.0.0.0/0"},
                                                        {"FD00:0:0:1::/64", "fd00:0:0:1::/64"},
                                                        {"::1", "::1"},
                                                        {"::/0", "::/0"}}) {
    const auto prefix = parse_prefix(text);
    ASSERT_TRUE(prefix) << text;
    EXPECT_EQ(to_text(*prefix), canonical);
  }
}

TEST(Address, TellsWhatIsWrong) {
  EXPECT_EQ(parse_prefix("10.0.0.0/33").error().reason,
            "prefix length 33 is longer than the address");
  EXPECT_EQ(parse_prefix("10.0.0.0/255.0.255.0").error().reason,
            "netmask 255.0.255.0 has holes; only contiguous netmasks are supported");
  EXPECT_EQ(parse_prefix("host").error().reason, "`host` is not an IP address");
  for (const char* wrong : {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.4/", "fe80::1%eth0",
                            "::1/129", "01.2.3.4", "1.2.3.4/-1", "::1/ffff::"})
    EXPECT_FALSE(parse_prefix(wrong)) << wrong;
}

RC_GTEST_PROP(Address, PrefixHoldsExactlyItsRange, (std::uint32_t bits, std::uint32_t other)) {
  const int length = *rc::gen::inRange(0, 33);
  const auto prefix =
      parse_prefix(to_text(Address{Family::V4, bits}) + "/" + std::to_string(length));
  RC_ASSERT(prefix.has_value());
  const bool same = length == 0 || (bits >> (32 - length)) == (other >> (32 - length));
  RC_ASSERT(prefix->contains({Family::V4, other}) == same);
  RC_ASSERT(!prefix->contains({Family::V6, other}));
}

TEST(Interface, Names) {
  for (const char* good : {"eth0", "wwan+", "br-lan", "enp3s0.100", "123456789012345"})
    EXPECT_TRUE(parse_interface(good)) << good;
  for (const char* bad :
       {"", ".", "..", "eth0:1", "e th", "a/b", "1234567890123456", "e?th0", "eth\"0", "+x", "+"})
    EXPECT_FALSE(parse_interface(bad)) << bad;
  EXPECT_TRUE(InterfaceName{"wwan+"}.matches("wwan0"));
  EXPECT_FALSE(InterfaceName{"wwan+"}.matches("eth0"));
  EXPECT_FALSE(InterfaceName{"eth0"}.matches("eth01"));
}

TEST(Protocol, NamesAndNumbers) {
  EXPECT_EQ(parse_protocol("tcp"), Protocol::Tcp);
  EXPECT_EQ(parse_protocol("132"), static_cast<Protocol>(132));
  EXPECT_EQ(parse_protocol("256"), std::nullopt);
  EXPECT_EQ(to_text(static_cast<Protocol>(132)), "132");
}

using Numbers = IntervalSet<std::uint8_t>;

Numbers numbers_of(const std::vector<std::uint8_t>& values) {
  std::vector<Interval<std::uint8_t>> intervals;
  for (const std::uint8_t value : values)
    intervals.push_back({value, static_cast<std::uint8_t>(value | 3U)});
  return Numbers(intervals);
}

// Against every number there is.
RC_GTEST_PROP(IntervalSet, OperationsAgreeWithMembers,
              (std::vector<std::uint8_t> a_values, std::vector<std::uint8_t> b_values)) {
  const Numbers a = numbers_of(a_values);
  const Numbers b = numbers_of(b_values);
  const Numbers both = a.intersect(b);
  const Numbers rest = a.subtract(b);
  for (int n = 0; n < 256; ++n) {
    const auto number = static_cast<std::uint8_t>(n);
    RC_ASSERT(both.contains(number) == (a.contains(number) && b.contains(number)));
    RC_ASSERT(rest.contains(number) == (a.contains(number) && !b.contains(number)));
  }
  for (const Numbers& set : {a, both, rest})
    for (std::size_t i = 1; i < set.intervals().size(); ++i)
      RC_ASSERT(set.intervals()[i - 1].last + 1 < set.intervals()[i].first);
}

}  // namespace
}  // namespace quay
