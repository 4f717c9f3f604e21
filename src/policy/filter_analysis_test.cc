#include "policy/filter_analysis.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"
#include "language/iptables_save.h"
#include "language/packet_text.h"
#include "policy/filter_comparison.h"
#include "tests/support/corner_packets.h"
#include "tests/support/same_decisions.h"
#include "tests/support/silenced.h"

namespace quay {
namespace {

const std::string kHead = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n";

filter::Ruleset read(const std::string& text, Family family = Family::V4) {
  const auto parsed = parse_iptables_save(text, "rules", family);
  EXPECT_EQ(parsed.errors, std::vector<Error>{}) << text;
  return parsed.value;
}

std::string places(const std::vector<FilterFinding>& findings) {
  std::vector<std::string> texts;
  for (const FilterFinding& finding : findings)
    texts.push_back(finding.by.empty() ? finding.place
                                       : finding.place + " behind " + join(finding.by, ","));
  return join(texts, "; ");
}

TEST(FilterAnalysis, SaysWhatIsOpenAndToWhom) {
  const FilterAnalysis found =
      analyze(read(kHead + "-A INPUT -i lo -j ACCEPT\n"
                           "-A INPUT -i eth0 -p tcp --dport 22 -j ACCEPT\n"
                           "-A INPUT -p udp --dport 53 -m string --string x --algo bm -j ACCEPT\n"
                           "COMMIT\n"),
              {});
  const std::vector<Exposure> expected{
      {Direction::In, {"any other interface"}, {}, {"udp 53 if string --algo bm --string x"}},
      {Direction::In, {"eth0"}, {"tcp 22"}, {"udp 53 if string --algo bm --string x"}}};
  ASSERT_GE(found.exposures.size(), 2U);
  for (const Exposure& exposure : expected) {
    const auto same =
        std::ranges::find(found.exposures, exposure.interfaces, &Exposure::interfaces);
    ASSERT_NE(same, found.exposures.end());
    EXPECT_EQ(join(same->accepted, ";"), join(exposure.accepted, ";"));
    ASSERT_EQ(same->maybe.size(), 1U);
    EXPECT_TRUE(same->maybe.front().starts_with("udp 53")) << same->maybe.front();
  }
  EXPECT_EQ(found.rules, 3U);
  EXPECT_EQ(found.exact, 2U);
  EXPECT_EQ(found.unknown.size(), 1U);
}

TEST(FilterAnalysis, TypesOfIcmpKeepTheirCodes) {
  const FilterAnalysis found = analyze(
      read(kHead +
           "-A INPUT -i lo -j ACCEPT\n-A INPUT -p icmp ! --icmp-type 3/1 -j ACCEPT\nCOMMIT\n"),
      {});
  const auto all = std::ranges::find_if(found.exposures, [](const Exposure& exposure) {
    return exposure.direction == Direction::In && !exposure.accepted.empty() &&
           exposure.accepted.front().starts_with("icmp");
  });
  ASSERT_NE(all, found.exposures.end());
  EXPECT_EQ(join(all->accepted, ";"), "icmp type 0-2,3 code 0,3 code 2-255,4-255");
}

// Conntrack leaves neighbour discovery alone: to accept it when it is new accepts nothing.
TEST(FilterAnalysis, NeighboursAreNeverNew) {
  const std::string nd = "-p ipv6-icmp -m icmp6 --icmpv6-type 135";
  for (const auto& [rule, open] : std::vector<std::pair<std::string, std::string>>{
           {nd, "icmpv6 type 135"},
           {"-m conntrack --ctstate NEW " + nd, ""},
           {"-m conntrack --ctstate UNTRACKED " + nd, "icmpv6 type 135"},
           {"-m conntrack --ctstate UNTRACKED -p tcp --dport 22", ""},
           {"-m conntrack --ctstate NEW -p tcp --dport 22", "tcp 22"}}) {
    const FilterAnalysis found =
        analyze(read(kHead + "-A INPUT " + rule + " -j ACCEPT\nCOMMIT\n", Family::V6), {});
    std::vector<std::string> accepted;
    for (const Exposure& exposure : found.exposures)
      if (exposure.direction == Direction::In)
        accepted.insert(accepted.end(), exposure.accepted.begin(), exposure.accepted.end());
    EXPECT_EQ(join(accepted, ";"), open) << rule;
  }
}

TEST(FilterAnalysis, FindsRulesThatDoNothing) {
  const FilterAnalysis found =
      analyze(read(kHead + "-A INPUT -s 10.0.0.0/8 -j ACCEPT\n"
                           "-A INPUT -s 10.1.0.0/16 -p tcp --dport 22 -j DROP\n"
                           "-A INPUT -p tcp --dport 23 -j DROP\n"
                           "-A INPUT -p tcp --dport 24 -j ACCEPT\n"
                           "COMMIT\n"),
              {});
  EXPECT_EQ(places(found.dead), "ip/filter/INPUT line 6 behind ip/filter/INPUT line 5");
  EXPECT_EQ(places(found.redundant), "ip/filter/INPUT line 7");
}

// A reset and an ICMP error are not the same to whoever is refused.
TEST(FilterAnalysis, RejectionsDifferByWhatTheyTell) {
  const auto redundant = [](const std::string& with) {
    return places(
        analyze(read(kHead + "-A INPUT -p tcp --dport 23 -j REJECT --reject-with " + with +
                     "\n-A INPUT -p tcp -j REJECT --reject-with tcp-reset\nCOMMIT\n"),
                {})
            .redundant);
  };
  EXPECT_EQ(redundant("tcp-reset"), "ip/filter/INPUT line 5");
  EXPECT_EQ(redundant("icmp-port-unreachable"), "");
}

// Rules whose packets are not known here may spare others from what follows.
// Who would find something else, a rule that changes no fate may still be there for.
TEST(FilterAnalysis, ARuleBeforeOneThatLeavesSomethingBehindChangesSomething) {
  for (const std::string& text :
       {kHead + "-A INPUT -p tcp --dport 22 -m recent --rcheck --name K -j ACCEPT\n"
                "-A INPUT -p tcp --dport 7000 -m recent --set --name K -j DROP\nCOMMIT\n",
        kHead + "-A INPUT -s 10.0.0.1 -j ACCEPT\n-A INPUT -m recent --set -j ACCEPT\nCOMMIT\n",
        kHead + "-A INPUT -p tcp --dport 22 -j ACCEPT\n-A INPUT -m limit --limit 10/s -j ACCEPT\n"
                "-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n",
        kHead + "-A INPUT -s 10.0.0.1 -j DROP\n-A INPUT -j SET --add-set s src\nCOMMIT\n",
        std::string("*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp --dport 53 -j ACCEPT\n"
                    "-A PREROUTING -p udp -j CT --notrack\nCOMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\n"
                    "-A PREROUTING -p udp --dport 53 -j REDIRECT --to-ports 5353\nCOMMIT\n"),
        std::string("*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -d 10.0.0.0/8 -j ACCEPT\n"
                    "-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n"),
        std::string("*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p icmp -j ACCEPT\n"
                    "-A PREROUTING -j TTL --ttl-set 1\nCOMMIT\n")})
    EXPECT_EQ(places(analyze(read(text), {}).redundant), "") << text;
  // Of no packet that it could be: nothing is left behind.
  EXPECT_EQ(places(analyze(read(kHead + "-A INPUT -p udp --dport 53 -j DROP\n"
                                        "-A INPUT -p tcp -m recent --set -j ACCEPT\nCOMMIT\n"),
                           {})
                       .redundant),
            "ip/filter/INPUT line 5");
}

TEST(FilterAnalysis, RulesThatLeadAwayHideNothing) {
  const std::string raw =
      "*raw\n:PREROUTING ACCEPT [0:0]\n:mine - [0:0]\n"
      "-A PREROUTING -j mine\n"
      "-A PREROUTING -p udp -j DROP\n"
      "-A mine -s 10.0.0.0/8 -j RETURN\n"
      "-A mine -j DROP\nCOMMIT\n";
  EXPECT_EQ(places(analyze(read(raw), {}).dead), "");
  // What another base chain assigns comes later.
  EXPECT_EQ(places(analyze(read(raw + "*nat\n:POSTROUTING ACCEPT [0:0]\n"
                                      "-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n"),
                           {})
                       .dead),
            "");
  const auto marking = [](const std::string& rule) {
    return read(
        "*mangle\n:PREROUTING ACCEPT [0:0]\n:mine - [0:0]\n"
        "-A PREROUTING -p tcp -j MARK --set-mark 1\n"
        "-A PREROUTING -j mine\n"
        "-A PREROUTING -p udp -j DROP\n"
        "-A PREROUTING -p udp --dport 53 -j DROP\n"
        "-A mine " +
        rule + "\n-A mine -j DROP\nCOMMIT\n");
  };
  EXPECT_EQ(places(analyze(marking("-m mark --mark 1 -j ACCEPT"), {}).dead),
            "ip/mangle/PREROUTING line 6 behind ip/mangle/mine line 9; "
            "ip/mangle/PREROUTING line 7 behind ip/mangle/mine line 9");
  EXPECT_EQ(places(analyze(marking("-m mark --mark 1 -j RETURN"), {}).dead), "");
  EXPECT_EQ(places(analyze(marking("-j SYNPROXY --sack-perm"), {}).dead), "");
}

TEST(FilterAnalysis, FindsSourcesThatCannotBe) {
  filter::Ruleset ruleset = read(kHead + "-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n");
  EXPECT_EQ(analyze(ruleset, {}).spoofing.size(), 1U) << "loopback's, from a wire";
  const Prefix lan = *parse_prefix("10.0.0.0/24");
  const Prefix wan = *parse_prefix("192.0.2.0/24");
  ruleset.networks = {{"eth0", lan}, {"eth1", wan, true}};
  // What comes in by eth1 is looked at by the kernel itself.
  std::vector<FilterFinding> found = analyze(ruleset, {}).spoofing;
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found.back().text, "in tcp 22 with a source in 192.0.2.0/24, the network of eth1");
  EXPECT_EQ(found.back().place, "ip/filter/INPUT line 5");
  ruleset = read(kHead +
                 "-A INPUT ! -i eth0 -s 10.0.0.0/24 -j DROP\n"
                 "-A INPUT ! -i lo -s 127.0.0.0/8 -j DROP\n"
                 "-A INPUT -i eth1 -p tcp --dport 22 -j ACCEPT\nCOMMIT\n");
  ruleset.networks = {{"eth0", lan}, {"eth1", wan}};
  EXPECT_TRUE(analyze(ruleset, {}).spoofing.empty());
}

TEST(FilterAnalysis, TooManyRulesAreNoAnswer) {
  const filter::Ruleset ruleset = read(kHead + "-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n");
  const filter::Ruleset other = read(kHead + "-A INPUT -p tcp --dport 23 -j ACCEPT\nCOMMIT\n");
  const FilterAnalysis found = analyze(ruleset, {}, 3);
  EXPECT_TRUE(found.too_large && found.exposures.empty() && found.spoofing.empty());
  const Differences differences = compare(ruleset, other, {}, 3);
  EXPECT_TRUE(differences.too_large && differences.lines.empty() && !differences.equal());
  EXPECT_FALSE(compare(ruleset, other, {}).equal());
}

// A handful of rules over few values, in the base chains and one that they may jump to.
std::string random_rules() {
  const auto one_of = [](std::initializer_list<std::string> words) {
    return *rc::gen::elementOf(std::vector<std::string>(words));
  };
  std::string text = kHead + ":mine - [0:0]\n";
  const int count = *rc::gen::inRange(1, 9);
  for (int i = 0; i < count; ++i)
    text += fmt::format("-A {}{}{}{}{} -j {}\n", one_of({"INPUT", "INPUT", "mine", "OUTPUT"}),
                        one_of({"", "", " -s 10.0.0.0/8", " -s 10.1.0.0/16", " ! -s 10.1.2.3/32"}),
                        one_of({"", " -p udp", " -p tcp --dport 22", " -p tcp --dport 1:100",
                                " -p tcp --sport 5", " -p icmp"}),
                        one_of({"", "", " -m state --state NEW", " -m state --state ESTABLISHED"}),
                        one_of({"", "", "", " -m limit --limit 3/min"}),
                        one_of({"ACCEPT", "ACCEPT", "DROP", "DROP", "REJECT", "RETURN"}));
  // Jumps stand in a base chain, so that there is no loop.
  text += "-A INPUT -p tcp -j mine\n";
  return text + "COMMIT\n";
}

template <typename Value>
std::string reason(const Result<Value>& result) {
  return result ? "" : result.error().text();
}

RC_GTEST_PROP(FilterAnalysis, IdleRulesCanGo, ()) {
  const filter::Ruleset ruleset = read(random_rules());
  const FilterAnalysis found = analyze(ruleset, {});
  const auto same_without = [&](const std::vector<FilterFinding>& idle) {
    const filter::Ruleset rest = filter::silenced(ruleset, [&](const std::string& place) {
      return std::ranges::find(idle, place, &FilterFinding::place) != idle.end();
    });
    return filter::difference(ruleset, rest) == "";
  };
  RC_ASSERT(same_without(found.dead));
  for (const FilterFinding& finding : found.redundant) {
    RC_ASSERT(same_without({finding}));
    // With what decides nothing, for people remove both.
    std::vector<FilterFinding> both = found.dead;
    both.push_back(finding);
    RC_ASSERT(same_without(both));
  }
}

// Two rulesets differ exactly by the packets that compare() tells: none when it tells none.
RC_GTEST_PROP(FilterAnalysis, NoDifferenceGoesUntold, ()) {
  const filter::Ruleset first = read(random_rules());
  const filter::Ruleset second = read(random_rules());
  const Differences found = compare(first, second, {});
  RC_ASSERT(!found.too_large);  // though there may be more than are listed
  RC_ASSERT(found.lines.empty() == (filter::difference(first, second) == ""));
  for (const Difference& line : found.lines)
    RC_ASSERT(reason(parse_packet(line.example.substr(0, line.example.find(", ")))) == "");
  filter::CornerPackets corners(Family::V4, 7);
  corners.add(first);
  corners.add(second);
  for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward})
    for (int i = 0; i < 200 && found.lines.empty(); ++i) {
      filter::Point packet = corners.next(direction);
      // No rule here makes a packet of IPv4 untracked, and nothing else does.
      packet.numbers[{.kind = filter::Kind::State}] %=
          static_cast<filter::Number>(State::Untracked);
      RC_ASSERT(walk(first, packet).fate == walk(second, packet).fate);
    }
}

}  // namespace
}  // namespace quay
