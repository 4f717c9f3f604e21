#include "language/ufw_files.h"

#include <gtest/gtest.h>

#include "packetset/filter_walk.h"

namespace quay {
namespace {

using filter::Field;
using filter::Kind;
using filter::Number;

const std::string kDefaults =
    "# comment\nIPV6=yes\nDEFAULT_INPUT_POLICY=\"DROP\"\nDEFAULT_OUTPUT_POLICY=ACCEPT\n"
    "DEFAULT_FORWARD_POLICY='REJECT'\n";

UfwFiles files(const std::string& defaults, const std::string& kind = "ufw") {
  return {
      .defaults = {"ufw", defaults},
      .before = {"before.rules",
                 "*filter\n:" + kind + "-before-input - [0:0]\n:" + kind +
                     "-before-output - [0:0]\n-A " + kind + "-before-input -i lo -j ACCEPT\n-A " +
                     kind + "-before-input -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n"},
      .user = {"user.rules",
               "*filter\n:" + kind + "-user-input - [0:0]\n### tuple ### allow tcp 22\n-A " + kind +
                   "-user-input -p tcp --dport 22 -j ACCEPT\n-A " + kind +
                   "-user-input -p tcp --dport 23 -j " + kind + "-user-limit-accept\n-A " + kind +
                   "-user-limit-accept -j ACCEPT\nCOMMIT\n"},
      .after = {"after.rules", "*filter\n:" + kind + "-after-input - [0:0]\n-A " + kind +
                                   "-after-input -p udp --dport 137 -j " + kind +
                                   "-skip-to-policy-input\nCOMMIT\n"}};
}

filter::Fate decide(const filter::Ruleset& ruleset, Direction direction, Number port,
                    Family family = Family::V4) {
  filter::Point point{.direction = direction, .family = family, .in_interface = "eth0"};
  point.numbers[Field{.kind = Kind::Protocol}] = 6;
  point.numbers[Field{.kind = Kind::DestinationPort}] = port;
  return walk(ruleset, point).fate;
}

TEST(UfwFiles, PoliciesAndRulesOfUsers) {
  const auto parsed = parse_ufw_files(files(kDefaults), Family::V4);
  EXPECT_EQ(parsed.errors, std::vector<Error>{});
  EXPECT_EQ(decide(parsed.value, Direction::In, 22), filter::kAccepted);
  EXPECT_EQ(decide(parsed.value, Direction::In, 23), filter::kAccepted);
  EXPECT_EQ(decide(parsed.value, Direction::In, 24), filter::kDropped);
  EXPECT_EQ(decide(parsed.value, Direction::Out, 24), filter::kAccepted);
  EXPECT_EQ(decide(parsed.value, Direction::Forward, 22), filter::kRejected);
}

TEST(UfwFiles, SixthVersionHasItsOwnFilesOrNone) {
  const auto parsed = parse_ufw_files(files(kDefaults, "ufw6"), Family::V6);
  EXPECT_TRUE(parsed.ok());
  EXPECT_EQ(decide(parsed.value, Direction::In, 22, Family::V6), filter::kAccepted);
  const auto off = parse_ufw_files(files("IPV6=no\n"), Family::V6);
  EXPECT_TRUE(off.ok());
  EXPECT_EQ(decide(off.value, Direction::In, 22, Family::V6), filter::kDropped);
  EXPECT_EQ(decide(off.value, Direction::Out, 22, Family::V6), filter::kDropped);
}

TEST(UfwFiles, FaultsTellTheirPlace) {
  UfwFiles faulty = files("DEFAULT_INPUT_POLICY=\"DORP\"\nDEFAULT_OUTPUT_POLICY=ACCEPT\n");
  faulty.after.text.clear();
  faulty.user.text += "*filter\n-A ufw-user-input -p tcp --dport 99999 -j DROP\nCOMMIT\n";
  const auto parsed = parse_ufw_files(faulty, Family::V4);
  ASSERT_EQ(parsed.errors.size(), 4U);
  EXPECT_EQ(parsed.errors[0].text(),
            "ufw: DEFAULT_INPUT_POLICY is `DORP`, not ACCEPT, DROP or REJECT");
  EXPECT_EQ(parsed.errors[1].text(),
            "ufw: DEFAULT_FORWARD_POLICY is ``, not ACCEPT, DROP or REJECT");
  EXPECT_EQ(parsed.errors[2].text(),
            "after.rules: is missing or empty; ufw does not start without it");
  EXPECT_EQ(parsed.errors[3].text(), "user.rules:9: `99999` is not a port");
}

}  // namespace
}  // namespace quay
