#include "language/nft_json.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "packetset/filter_walk.h"

namespace quay {
namespace {

using filter::Fate;
using filter::Field;
using filter::Kind;
using filter::Number;
using filter::Point;
using filter::Ruleset;

constexpr Fate kAccept = filter::kAccepted;
constexpr Fate kDrop = filter::kDropped;
constexpr Fate kReject = filter::kRejected;

Number address(std::string_view text) {
  return parse_address(text)->bits;
}

Field other(const std::string& name, int bits) {
  return {.kind = Kind::Other, .name = name, .bits = bits};
}

// A TCP packet to port 22 that starts a connection.
Point packet() {
  Point point{.direction = Direction::In, .in_interface = "eth0", .out_interface = ""};
  point.numbers = {{{.kind = Kind::Protocol}, 6},
                   {{.kind = Kind::DestinationPort}, 22},
                   {{.kind = Kind::Source}, address("10.0.0.5")}};
  return point;
}

Point with(Point point, const Field& field, Number number) {
  point.numbers[field] = number;
  return point;
}

// Sets and rules of a table whose base chain `c` of the hook input drops what it does not accept.
std::string listing(std::string_view rules, std::string_view sets = "",
                    std::string_view family = "inet") {
  std::string text = fmt::format(
      R"({{"nftables": [{{"metainfo": {{"json_schema_version": 1}}}},
{{"table": {{"family": "{0}", "name": "t"}}}},
{{"chain": {{"family": "{0}", "table": "t", "name": "c", "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}}}},
{{"chain": {{"family": "{0}", "table": "t", "name": "d"}}}}{1})",
      family, sets);
  text += fmt::format(
      R"(,{{"rule": {{"family": "{}", "table": "t", "chain": "c", "handle": 7, "expr": {}}}}}]}})",
      family, rules);
  return text;
}

Ruleset read(const std::string& text) {
  const auto parsed = parse_nft_json(text, "x");
  for (const Error& error : parsed.errors)
    ADD_FAILURE() << error.text() << "\n" << text;
  return parsed.value;
}

Ruleset with_rule(std::string_view statements, std::string_view sets = "",
                  std::string_view family = "inet") {
  return read(listing(statements, sets, family));
}

// "{match} accept"
Ruleset accepting(std::string_view left, std::string_view op, std::string_view right,
                  std::string_view sets = "") {
  return with_rule(
      fmt::format(R"([{{"match": {{"op": "{}", "left": {}, "right": {}}}}}, {{"accept": null}}])",
                  op, left, right),
      sets);
}

struct MatchCase {
  std::string_view left;
  std::string_view op;
  std::string_view right;
  Point point;
  bool matches;
};

constexpr std::string_view kPort = R"({"payload": {"protocol": "tcp", "field": "dport"}})";
constexpr std::string_view kSource = R"({"payload": {"protocol": "ip", "field": "saddr"}})";
constexpr std::string_view kFlags = R"({"payload": {"protocol": "tcp", "field": "flags"}})";
constexpr std::string_view kState = R"({"ct": {"key": "state"}})";
constexpr std::string_view kMark = R"({"meta": {"key": "mark"}})";
constexpr std::string_view kConnmark = R"({"ct": {"key": "mark"}})";
constexpr std::string_view kIcmpType = R"({"payload": {"protocol": "icmp", "field": "type"}})";
constexpr std::string_view kIcmpCode = R"({"payload": {"protocol": "icmp", "field": "code"}})";
constexpr std::string_view kIn = R"({"meta": {"key": "iifname"}})";
constexpr std::string_view kMaxseg = R"({"tcp option": {"name": "maxseg"}})";
constexpr std::string_view kUser = R"({"meta": {"key": "skuid"}})";

TEST(NftJson, MatchesMeanWhatTheKernelDoes) {
  const Point udp = with(packet(), {.kind = Kind::Protocol}, 17);
  Point v6 = packet();
  v6.family = Family::V6;
  const auto flags = [](Number value) { return with(packet(), {.kind = Kind::TcpFlags}, value); };
  const auto state = [](State value) {
    return with(packet(), {.kind = Kind::State}, static_cast<Number>(value));
  };
  const auto icmp = [](Number type, Number code) {
    return with(with(packet(), {.kind = Kind::Protocol}, 1), {.kind = Kind::SourcePort},
                type << 8 | code);
  };
  const auto mark = [](Number value) { return with(packet(), {.kind = Kind::Mark}, value); };
  const Point with_option = with(packet(), other("tcp option maxseg exists", 1), 1);
  const Point owned = with(packet(), other("meta skuid", 32), 1000);
  const Point unowned = with(packet(), other("meta skuid", 32), 0xffffffff);
  const std::vector<MatchCase> cases{
      {kPort, "==", "22", packet(), true},
      {kPort, "==", "22", udp, false},
      {kPort, "!=", "22", packet(), false},
      {kPort, "!=", "23", packet(), true},
      {kPort, "!=", "23", udp, false},  // asks for TCP all the same
      {kPort, "==", R"({"range": [20, 22]})", packet(), true},
      {kPort, "==", R"({"set": [80, {"range": [21, 23]}]})", packet(), true},
      {kPort, "!=", R"({"set": [80, 22]})", packet(), false},
      {kPort, "<", "22", packet(), false},
      {kPort, "<=", "22", packet(), true},
      {kPort, ">", "21", packet(), true},
      {kPort, ">", "65535", packet(), false},
      {kSource, "==", R"({"prefix": {"addr": "10.0.0.0", "len": 8}})", packet(), true},
      {kSource, "!=", R"({"prefix": {"addr": "10.0.0.0", "len": 8}})", v6, false},
      {kSource, "==", R"({"range": ["10.0.0.4", "10.0.0.6"]})", packet(), true},
      {kSource, "==", R"("10.0.0.6")", packet(), false},
      {R"({"&": [{"payload": {"protocol": "ip", "field": "saddr"}}, "255.0.0.0"]})",
       "==", R"("10.0.0.0")", packet(), true},
      {kFlags, "in", R"("syn")", flags(2), true},
      {kFlags, "in", R"("syn")", flags(18), true},
      {kFlags, "in", R"(["syn", "fin"])", flags(1), true},
      {kFlags, "==", R"("syn")", flags(18), false},
      {kFlags, "!", R"("syn")", flags(18), false},
      {kFlags, "!", R"(["syn", "fin"])", flags(16), true},
      {R"({"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, ["syn", "ack"]]})",
       "==", R"("syn")", flags(3), true},
      {R"({"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, ["syn", "ack"]]})",
       "!=", R"("syn")", flags(18), true},
      {kState, "in", R"(["established", "related"])", state(State::Related), true},
      {kState, "in", "8", state(State::New), true},
      {kState, "==", R"({"set": ["established", "new"]})", state(State::New), true},
      {kState, "!=", R"("new")", state(State::Invalid), true},
      {kState, "!", R"("invalid")", state(State::Untracked), true},
      {kState, "!=", R"({"|": ["new", "established"]})", state(State::New), true},
      {kMark, "==", "5", mark(5), true},
      {kMark, "==", R"("0x10")", mark(16), true},
      {R"({"&": [{"meta": {"key": "mark"}}, 4278190080]})", "!=", "0", mark(0x12000000), true},
      {R"({"&": [{"meta": {"key": "mark"}}, "0xffff0000"]})", "==", "65536", mark(0x1abcd), true},
      {R"({"|": [{"meta": {"key": "mark"}}, 65535]})", "==", "131071", mark(0x10007), true},
      {R"({"^": [{"meta": {"key": "mark"}}, 3]})", "==", "1", mark(2), true},
      {kConnmark, "!=", "5", state(State::New), true},
      {kConnmark, "!=", "5", state(State::Invalid), false},  // there is nothing to read
      {kIcmpType, "==", R"("echo-request")", icmp(8, 3), true},
      {kIcmpType, "==", R"({"set": ["echo-reply", "echo-request"]})", icmp(3, 8), false},
      {kIcmpCode, "==", R"("host-unreachable")", icmp(3, 1), true},
      {R"({"payload": {"protocol": "icmp", "field": "mtu"}})", "==", "0", icmp(3, 4), true},
      {R"({"payload": {"protocol": "icmp", "field": "mtu"}})", "==", "0", icmp(8, 0), false},
      {kIn, "==", R"("eth0")", packet(), true},
      {kIn, "==", R"("eth*")", packet(), true},
      {kIn, "!=", R"({"set": ["lo", "wan"]})", packet(), true},
      {R"({"meta": {"key": "iif"}})", "==", "7", packet(), false},
      {kMaxseg, "==", "true", with_option, true},
      {kMaxseg, "==", "false", packet(), true},
      {kMaxseg, "==", "true", udp, false},
      {kMaxseg, "==", "false", udp, true},
      {kMaxseg, "==", "false", with_option, false},
      {kUser, "==", "1000", owned, true},
      {kUser, "!=", "0", owned, true},
      {kUser, "!=", "0", unowned, false},
      {R"({"meta": {"key": "nfproto"}})", "==", R"("ipv6")", v6, true},
      {R"({"meta": {"key": "protocol"}})", "==", R"("arp")", packet(), false},
      {R"({"meta": {"key": "l4proto"}})", "==", R"({"set": ["udp", "tcp"]})", packet(), true},
      {R"({"payload": {"base": "th", "offset": 16, "len": 16}})", "==", "22", packet(), true},
      {R"({"fib": {"result": "type", "flags": ["daddr"]}})", "==", R"("local")",
       with(packet(), other("fib daddr type", 32), 2), true},
      {R"({"concat": [{"payload": {"protocol": "ip", "field": "saddr"}}, {"payload": {"protocol": "tcp", "field": "dport"}}]})",
       "==", R"({"set": [{"concat": ["10.0.0.5", {"range": [20, 30]}]}]})", packet(), true},
      {R"({"concat": [{"meta": {"key": "iifname"}}, {"payload": {"protocol": "tcp", "field": "dport"}}]})",
       "!=", R"({"set": [{"concat": ["eth*", 22]}]})", packet(), false},
  };
  for (const MatchCase& one : cases) {
    const std::string name = fmt::format("{} {} {}", one.left, one.op, one.right);
    const Ruleset ruleset = accepting(one.left, one.op, one.right);
    EXPECT_EQ(walk(ruleset, one.point).fate, one.matches ? kAccept : kDrop) << name;
    EXPECT_TRUE(ruleset.tables[0].chains[0].rules[0].unknown.empty()) << name;
  }
}

TEST(NftJson, WhatIsNotSaidInFieldsIsAnAtomWithItsName) {
  struct Case {
    std::string_view left, op, right, atom;
    bool stateful;
  };
  const std::vector<Case> cases{
      {R"({"meta": {"key": "random"}})", "<", "5", "meta random < 5", true},
      {R"({"ct": {"key": "status"}})", "in", R"("dnat")", "ct status dnat", false},
      {R"({"ct": {"key": "status"}})", "!=", R"("dnat")", "ct status == dnat", false},
      {R"({"ct": {"key": "helper"}})", "==", R"("ftp")", "ct helper ftp", false},
      {R"({"meta": {"key": "hour"}})", ">=", R"("22:00")", "meta hour >= 22:00", true},
      {R"({"payload": {"base": "nh", "offset": 4, "len": 12}})", "==", "5", "@nh,4,12 5", false},
      {R"({"meta": {"key": "mark"}})", "==", R"("nonsense")", "meta mark nonsense", false},
      {R"({"numgen": {"mode": "random", "mod": 2, "offset": 0}})", "==", "0",
       R"({"numgen":{"mode":"random","mod":2,"offset":0}} 0)", true},
      {"null", "==", "null", "", true},
      {R"({"payload": {"protocol": "tcp", "field": "dport"}})", "==", R"("@gone")",
       "tcp dport @gone", false},
  };
  for (const Case& one : cases) {
    const Ruleset ruleset = accepting(one.left, one.op, one.right);
    const filter::Rule& rule = ruleset.tables[0].chains[0].rules[0];
    ASSERT_EQ(rule.unknown.size(), 1U) << one.atom;
    const auto* atom = std::get_if<filter::Atom>(&rule.conditions.back());
    ASSERT_NE(atom, nullptr) << one.atom;
    EXPECT_EQ(atom->text, one.atom);
    EXPECT_EQ(atom->stateful, one.stateful) << one.atom;
  }
}

TEST(NftJson, SetsAreTheirElements) {
  const std::string set =
      R"(,{"set": {"family": "inet", "table": "t", "name": "s", "type": ["ifname", "ipv4_addr"],
"flags": ["interval"], "elem": [{"concat": ["eth*", {"prefix": {"addr": "10.0.0.0", "len": 8}}]},
{"elem": {"val": {"concat": ["lo", "1.2.3.4"]}, "comment": "x"}}]}})";
  const std::string_view key =
      R"({"concat": [{"meta": {"key": "iifname"}}, {"payload": {"protocol": "ip", "field": "saddr"}}]})";
  EXPECT_EQ(walk(accepting(key, "==", R"("@s")", set), packet()).fate, kAccept);
  EXPECT_EQ(walk(accepting(key, "!=", R"("@s")", set), packet()).fate, kDrop);
  Point other_source = with(packet(), {.kind = Kind::Source}, address("11.0.0.1"));
  EXPECT_EQ(walk(accepting(key, "==", R"("@s")", set), other_source).fate, kDrop);
}

TEST(NftJson, SetsThatChangeAnswerEveryRuleAnew) {
  const std::string_view timed =
      R"(,{"set": {"family": "inet", "table": "t", "name": "s", "type": "ipv4_addr",
"flags": ["timeout"], "elem": ["10.0.0.5"]}})";
  const Ruleset ruleset = accepting(kSource, "==", R"("@s")", timed);
  EXPECT_EQ(walk(ruleset, packet()).fate, kAccept | kDrop);
  EXPECT_EQ(ruleset.tables[0].chains[0].rules[0].unknown,
            std::vector<std::string>{"ip saddr @s (1 elements, 4405f867)"});
  // nft 1.0.6 does not print the flag `dynamic`: the rule that fills the set tells.
  const std::string_view filled =
      R"(,{"set": {"family": "inet", "table": "t", "name": "s", "type": "ipv4_addr"}},
{"rule": {"family": "inet", "table": "t", "chain": "d", "expr": [{"set": {"op": "add",
"elem": {"payload": {"protocol": "ip", "field": "saddr"}}, "set": "@s"}}]}})";
  EXPECT_EQ(walk(accepting(kSource, "==", R"("@s")", filled), packet()).fate, kAccept | kDrop);
}

TEST(NftJson, VerdictMapsDecideForTheirBoxes) {
  const Ruleset ports = with_rule(
      R"([{"vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}},
"data": {"set": [[22, {"accept": null}], [{"range": [23, 25]}, {"drop": null}], ["*", {"goto": {"target": "d"}}]]}}}])",
      R"(,{"rule": {"family": "inet", "table": "t", "chain": "d", "expr": [{"reject": null}]}})");
  EXPECT_EQ(walk(ports, packet()).fate, kAccept);
  EXPECT_EQ(walk(ports, with(packet(), {.kind = Kind::DestinationPort}, 24)).fate, kDrop);
  EXPECT_EQ(walk(ports, with(packet(), {.kind = Kind::DestinationPort}, 26)).fate, kReject);
  EXPECT_EQ(walk(ports, with(packet(), {.kind = Kind::Protocol}, 17)).fate, kDrop);
  const Ruleset named = with_rule(
      R"([{"vmap": {"key": {"meta": {"key": "iifname"}}, "data": "@m"}}])",
      R"(,{"map": {"family": "inet", "table": "t", "name": "m", "type": "ifname", "map": "verdict",
"elem": [["lo", {"drop": null}], ["*", {"accept": null}]]}})");
  EXPECT_EQ(walk(named, packet()).fate, kAccept);
}

// The kernel lets the narrower one decide when it was there first, and refuses it when it was not.
TEST(NftJson, OfOverlappingElementsTheInnerOneDecides) {
  const auto ruleset = [](std::string_view wide, std::string_view narrow) {
    return with_rule(fmt::format(
        R"([{{"vmap": {{"key": {{"concat": [{{"payload": {{"protocol": "ip", "field": "saddr"}}}}, {{"payload": {{"protocol": "tcp", "field": "dport"}}}}]}},
"data": {{"set": [[{{"concat": {}}}, {{"drop": null}}], [{{"concat": {}}}, {{"accept": null}}]]}}}}}}])",
        wide, narrow));
  };
  const auto inside = ruleset(R"([{"prefix": {"addr": "10.0.0.0", "len": 8}}, {"range": [1, 99]}])",
                              R"(["10.0.0.5", 22])");
  EXPECT_EQ(walk(inside, packet()).fate, kAccept);
  EXPECT_EQ(walk(inside, with(packet(), {.kind = Kind::DestinationPort}, 23)).fate, kDrop);
  ASSERT_TRUE(inside.tables[0].chains[0].rules[0].map);
  EXPECT_EQ(inside.tables[0].chains[0].rules[0].map->size(), 3U);
  const auto across = ruleset(R"(["10.0.0.5", {"range": [1, 99]}])",
                              R"([{"prefix": {"addr": "10.0.0.0", "len": 8}}, 22])");
  EXPECT_EQ(walk(across, packet()).fate, filter::kAnyFate);
}

// nft asks for IPv4 before ICMP, but not where something asked for IPv6 already.
TEST(NftJson, FamiliesThatContradictAreNotGuessed) {
  const auto rules =
      with_rule(
          R"([{"match": {"op": "==", "left": {"payload": {"protocol": "ip6", "field": "hoplimit"}}, "right": 7}},
{"match": {"op": "==", "left": {"payload": {"protocol": "icmp", "field": "code"}}, "right": 0}}, {"drop": null}])")
          .tables[0]
          .chains[0]
          .rules;
  ASSERT_EQ(rules.size(), 1U);
  EXPECT_EQ(rules[0].unknown,
            std::vector<std::string>{"the family of packets, which its own conditions contradict"});
}

TEST(NftJson, NeighboursThatMustDifferAreNotGuessed) {
  const auto rules =
      with_rule(
          R"([{"match": {"op": "!=", "left": {"payload": {"protocol": "tcp", "field": "sport"}}, "right": 7}},
{"match": {"op": "!=", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 9}}, {"mangle": {"key": {"meta": {"key": "mark"}}, "value": 1}}, {"drop": null}])")
          .tables[0]
          .chains[0]
          .rules;
  ASSERT_EQ(rules.size(), 1U);
  EXPECT_EQ(rules[0].unknown,
            std::vector<std::string>{"the fields that must differ, side by side"});
  ASSERT_EQ(rules[0].conditions.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<filter::Atom>(rules[0].conditions.back()));
}

TEST(NftJson, StatementsEndOrChange) {
  struct Case {
    std::string_view statements;
    Fate fate;
  };
  const std::vector<Case> cases{
      {R"([{"counter": {"packets": 0, "bytes": 0}}, {"log": null}, {"accept": null}])", kAccept},
      {R"([{"reject": {"type": "tcp reset"}}])", kReject},
      {R"([{"reject": {"type": "icmpv6", "expr": "no-route"}}])", kDrop},
      {R"([{"queue": {"num": 3}}])", kAccept | kDrop},
      {R"([{"limit": {"rate": 5, "per": "second"}}, {"accept": null}])", kAccept | kDrop},
      {R"([{"limit": {"rate": 5, "per": "second"}}, {"log": null}])", kDrop},
      {R"([{"xt": {"type": "match", "name": "string"}}, {"accept": null}])", kAccept | kDrop},
      {R"([{"xt": {"type": "target", "name": "TARPIT"}}])", filter::kAnyFate},
      {R"([{"xt": null}])", filter::kAnyFate},
      {R"([{"future": {"x": 1}}])", filter::kAnyFate},
      {R"([null])", filter::kAnyFate},
      {R"(["jump {\n tcp dport 5 accept\n}"])", filter::kAnyFate},
      {R"([{"jump": {"target": "nowhere"}}])", filter::kAnyFate},
      {R"([{"ct helper": "ftp"}, {"accept": null}])", kAccept},
      {R"([{"synproxy": {"mss": 1460}}])", filter::kAnyFate},
      {R"([{"mangle": {"key": {"payload": {"protocol": "udp", "field": "dport"}}, "value": 1}}, {"accept": null}])",
       kDrop},
      {R"([{"mangle": {"key": {"payload": {"base": "nh", "offset": 0, "len": 8}}, "value": 1}}])",
       filter::kAnyFate},
  };
  for (const Case& one : cases)
    EXPECT_EQ(walk(with_rule(one.statements), packet()).fate, one.fate) << one.statements;
}

// A rule changes what it has reached so far, also when a later match fails.
TEST(NftJson, ChangesAreSeenByWhatFollows) {
  const std::string_view set_mark =
      R"([{"mangle": {"key": {"meta": {"key": "mark"}}, "value": 9}},
{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 23}}, {"drop": null}])";
  std::string text = listing(set_mark);
  text.resize(text.size() - 2);
  text += R"(,{"rule": {"family": "inet", "table": "t", "chain": "c", "expr":
[{"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 9}}, {"accept": null}]}}]})";
  EXPECT_EQ(walk(read(text), packet()).fate, kAccept);
  // What it matched on and then changed, it cannot be asked again.
  const Ruleset tangled = with_rule(
      R"([{"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 0}},
{"mangle": {"key": {"meta": {"key": "mark"}}, "value": 9}},
{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}}, {"accept": null}])");
  EXPECT_EQ(walk(tangled, packet()).fate, kAccept | kDrop);
}

std::string natted(std::string_view statement) {
  return fmt::format(
      R"({{"nftables": [{{"table": {{"family": "ip", "name": "n"}}}},
{{"chain": {{"family": "ip", "table": "n", "name": "p", "type": "nat", "hook": "prerouting", "prio": -100, "policy": "accept"}}}},
{{"chain": {{"family": "ip", "table": "n", "name": "i", "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}}}},
{{"rule": {{"family": "ip", "table": "n", "chain": "p", "expr": [{}]}}}},
{{"rule": {{"family": "ip", "table": "n", "chain": "i", "expr": [
{{"match": {{"op": "==", "left": {{"payload": {{"protocol": "ip", "field": "daddr"}}}}, "right": "10.9.9.9"}}}},
{{"match": {{"op": "==", "left": {{"payload": {{"protocol": "tcp", "field": "dport"}}}}, "right": 80}}}},
{{"accept": null}}]}}}}]}})",
      statement);
}

TEST(NftJson, TranslatedDestinationsAreFilteredAsTheyBecome) {
  EXPECT_EQ(walk(read(natted(R"({"dnat": {"addr": "10.9.9.9", "port": 80}})")), packet()).fate,
            kAccept);
  EXPECT_EQ(walk(read(natted(R"({"dnat": {"addr": "10.9.9.9"}})")), packet()).fate, kDrop);
  EXPECT_EQ(walk(read(natted(R"({"redirect": {"port": 80}})")), packet()).fate, kAccept | kDrop);
  // A key that the map has not ends the rule.
  const std::string_view mapped =
      R"({"dnat": {"addr": {"map": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "data": {"set": [[99, "10.9.9.9"]]}}}, "port": 80}})";
  EXPECT_EQ(walk(read(natted(mapped)), packet()).fate, kDrop);
}

TEST(NftJson, NotrackIsForPacketsThatConntrackDoesNotKnow) {
  const auto ruleset = [](int priority) {
    return read(fmt::format(
        R"({{"nftables": [{{"table": {{"family": "inet", "name": "n"}}}},
{{"chain": {{"family": "inet", "table": "n", "name": "p", "type": "filter", "hook": "prerouting", "prio": {}, "policy": "accept"}}}},
{{"chain": {{"family": "inet", "table": "n", "name": "i", "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}}}},
{{"rule": {{"family": "inet", "table": "n", "chain": "p", "expr": [{{"notrack": null}}]}}}},
{{"rule": {{"family": "inet", "table": "n", "chain": "i", "expr": [
{{"match": {{"op": "in", "left": {{"ct": {{"key": "state"}}}}, "right": "untracked"}}}}, {{"accept": null}}]}}}}]}})",
        priority));
  };
  EXPECT_EQ(walk(ruleset(-300), packet()).fate, kAccept);
  EXPECT_EQ(walk(ruleset(-150), packet()).fate, kDrop);
  Point invalid = packet();
  invalid.numbers[{.kind = Kind::State, .name = {}, .bits = 0}] =
      static_cast<filter::Number>(State::Invalid);
  EXPECT_EQ(walk(ruleset(-150), invalid).fate, kAccept);
  Point own = packet();
  own.in_interface = "lo";
  EXPECT_EQ(walk(ruleset(-300), own).fate, kAccept | kDrop);
}

TEST(NftJson, ChainsOfUnnamedDevicesMayDoAnything) {
  const auto ruleset = [](std::string_view dev) {
    return read(fmt::format(
        R"({{"nftables": [{{"table": {{"family": "netdev", "name": "n"}}}},
{{"chain": {{"family": "netdev", "table": "n", "name": "p", "type": "filter", "hook": "ingress", "prio": 0, {} "policy": "drop"}}}}]}})",
        dev));
  };
  EXPECT_EQ(walk(ruleset(R"("dev": "eth0",)"), packet()).fate, kDrop);
  EXPECT_EQ(walk(ruleset(R"("dev": ["eth1", "eth2"],)"), packet()).fate, kAccept);
  EXPECT_EQ(walk(ruleset(""), packet()).fate, filter::kAnyFate);
}

TEST(NftJson, RulesStandInTheWordsOfNft) {
  const Ruleset ruleset = with_rule(
      R"([{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["new", "related"]}},
{"match": {"op": "!=", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": {"set": [80, {"range": [22, 23]}]}}},
{"limit": {"rate": 5, "per": "second", "burst": 10}}, {"counter": {"packets": 0, "bytes": 0}}, {"jump": {"target": "d"}}])");
  const filter::Rule& rule = ruleset.tables[0].chains[0].rules[0];
  EXPECT_EQ(rule.text,
            "ct state new,related tcp dport != { 22-23, 80 } limit rate 5/second burst 10 packets "
            "jump d");
  EXPECT_EQ(rule.place, "handle 7");
}

TEST(NftJson, FaultsAreToldWithTheirPlace) {
  const auto fault = [](std::string_view text) {
    const auto parsed = parse_nft_json(text, "x");
    return parsed.errors.empty() ? std::string("none") : parsed.errors[0].text();
  };
  EXPECT_EQ(fault("{"), "x: this is no JSON: incomplete JSON");
  EXPECT_EQ(fault("[]"), "x: there is no list `nftables`");
  EXPECT_EQ(fault(R"({"nftables": [3]})"), "x: object 1: this is no object of a ruleset");
  EXPECT_EQ(fault(R"({"nftables": [{"flush": {"ruleset": null}}]})"),
            "x: object 1: `flush` of no table that we know");
  EXPECT_EQ(
      fault(
          R"({"nftables": [{"rule": {"family": "ip", "table": "t", "chain": "c", "expr": []}}]})"),
      "x: object 1: there is no chain `c`");
  EXPECT_EQ(
      fault(
          R"({"nftables": [{"chain": {"family": "ip", "table": "t", "name": "c", "hook": "odd"}}]})"),
      "x: object 1: hook `odd` is unknown");
}

// Every value replaced by another one: whatever comes, it is read or refused.
TEST(NftJson, OddValuesNeverBreakTheReader) {
  const std::string good = listing(
      R"([{"match": {"op": "==", "left": {"&": [{"meta": {"key": "mark"}}, 255]}, "right": {"range": [1, 2]}}},
{"vmap": {"key": {"concat": [{"meta": {"key": "iifname"}}, {"ct": {"key": "state"}}]}, "data": {"set": [[{"concat": ["lo", "new"]}, {"accept": null}]]}}},
{"mangle": {"key": {"meta": {"key": "mark"}}, "value": {"map": {"key": {"payload": {"protocol": "ip", "field": "saddr"}}, "data": "@s"}}}},
{"dnat": {"addr": {"prefix": {"addr": "10.0.0.0", "len": 8}}, "port": {"range": [1, 2]}}}])",
      R"(,{"set": {"family": "inet", "table": "t", "name": "s", "elem": [{"elem": {"val": "lo", "expires": 5}}]}})");
  const std::vector<std::string> odd{
      "null", "[]", "{}", "-1", "1e999", "\"\"", "[[]]", "{\"a\":1}", "18446744073709551615"};
  std::size_t read_whole = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    if (good[i] != ':' && good[i] != '[' && good[i] != ',')
      continue;
    for (const std::string& value : odd) {
      std::size_t end = i + 1;
      while (end < good.size() && std::string_view(",]}").find(good[end]) == std::string_view::npos)
        ++end;
      std::string text = good;
      text.replace(i + 1, end - i - 1, value);
      read_whole += parse_nft_json(text, "x").ok();
    }
  }
  EXPECT_GT(read_whole, 50U);
}

}  // namespace
}  // namespace quay
