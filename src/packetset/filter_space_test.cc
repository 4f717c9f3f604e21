#include "packetset/filter_space.h"

#include <array>
#include <bit>
#include <source_location>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace quay::filter {
namespace {

const Field kState{.kind = Kind::State};
const Field kProtocol{.kind = Kind::Protocol};
const Field kPort{.kind = Kind::DestinationPort};
const Field kMark{.kind = Kind::Mark};
const Field kFamily{.kind = Kind::Family};
const Field kTtl{.kind = Kind::Other, .name = "ip ttl", .bits = 8};
const Field kOwner{.kind = Kind::Other, .name = "meta skuid", .bits = 32};
const Field kPriority{.kind = Kind::Other, .name = "meta priority", .bits = 32};

Values numbers(const Field& field, Number first, Number last) {
  return {.field = field, .numbers = Numbers({{first, last}}), .names = {}};
}

Values number(const Field& field, Number value) {
  return numbers(field, value, value);
}

Condition is(const Values& values, bool inverted = false) {
  return Test{.boxes = {{values}}, .inverted = inverted};
}

Rule rule(std::vector<Condition> conditions, Verdict::Kind kind, const std::string& chain = {}) {
  return {.conditions = std::move(conditions), .assigns = {}, .verdict = {kind, chain}};
}

// Turns conntrack on.
Rule asking_for_state() {
  return rule({is(numbers(kState, 0, 1))}, Verdict::Kind::Continue);
}

Ruleset one_table(std::vector<Chain> chains) {
  return {.tables = {{.name = "t", .chains = std::move(chains)}}, .outside = {}};
}

Point packet(Direction direction, Number protocol, Number port) {
  Point point{.direction = direction, .in_interface = "eth0", .out_interface = ""};
  point.numbers = {{kProtocol, protocol}, {kPort, port}};
  return point;
}

// What the diagrams say of one packet.
Fate diagram_fate(const Ruleset& ruleset, const Point& point) {
  const std::array rulesets{&ruleset};
  FilterSpace space(point.family, rulesets);
  return space.store().at(space.fate(ruleset, point.direction), space.levels().values(point));
}

// The walk and the diagrams both say so. `note` tells which of several it was.
void expect_fate(const Ruleset& ruleset, const Point& point, Fate fate,
                 const std::string& note = {},
                 std::source_location where = std::source_location::current()) {
  const testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), note);
  EXPECT_EQ(walk(ruleset, point).fate, fate);
  EXPECT_EQ(diagram_fate(ruleset, point), fate);
}

TEST(FilterSpace, ChainsReturnAndGoAsTheKernelDoes) {
  const Base input{.hook = Hook::Input, .policy = Verdict::Kind::Drop};
  const Ruleset ruleset =
      one_table({{"input",
                  input,
                  {rule({is(number(kProtocol, 6))}, Verdict::Kind::Jump, "tcp"),
                   rule({is(number(kPort, 7))}, Verdict::Kind::Accept)}},
                 {"tcp",
                  {},
                  {rule({is(number(kPort, 7))}, Verdict::Kind::Return),
                   rule({is(number(kPort, 8))}, Verdict::Kind::Goto, "end"),
                   rule({is(number(kPort, 9))}, Verdict::Kind::Jump, "end"),
                   rule({is(number(kPort, 9))}, Verdict::Kind::Accept)}},
                 {"end", {}, {rule({is(number(kPort, 1))}, Verdict::Kind::Reject)}}});
  for (const auto& [port, fate] : std::vector<std::pair<Number, Fate>>{
           {7, kAccepted}, {8, kDropped}, {9, kAccepted}, {1, kDropped}}) {
    const Point point = packet(Direction::In, 6, port);
    expect_fate(ruleset, point, fate, std::to_string(static_cast<int>(port)));
  }
}

TEST(FilterSpace, AnUntrackedPacketIsNotInvalid) {
  Ruleset ruleset = one_table({{"input",
                                Base{.hook = Hook::Input, .policy = Verdict::Kind::Drop},
                                {rule({is(number(kState, 4))}, Verdict::Kind::Accept)}},
                               {"raw", Base{.hook = Hook::Prerouting, .priority = -300}, {}}});
  Rule untrack = rule({is(number(kPort, 53)), is(number(kState, 3))}, Verdict::Kind::Continue);
  untrack.assigns.push_back({kState, 4});
  ruleset.tables[0].chains[1].rules.push_back(untrack);
  for (const auto& [port, fate] :
       std::vector<std::pair<Number, Fate>>{{53, kAccepted}, {54, kDropped}}) {
    const Point point = packet(Direction::In, 17, port);
    expect_fate(ruleset, point, fate);
  }
}

TEST(FilterSpace, ATranslatedPacketIsFilteredByItsNewPort) {
  Ruleset ruleset =
      one_table({{"input",
                  Base{.hook = Hook::Input, .policy = Verdict::Kind::Drop},
                  {rule({is(number(kPort, 80))}, Verdict::Kind::Accept)}},
                 {"nat", Base{.hook = Hook::Prerouting, .priority = -100, .nat = true}, {}}});
  Rule redirect = rule({is(number(kPort, 8080))}, Verdict::Kind::Accept);
  redirect.assigns = {{kPort, 80}, {translated(true), 1}};
  ruleset.tables[0].chains[1].rules.push_back(redirect);
  for (const auto& [port, fate] :
       std::vector<std::pair<Number, Fate>>{{8080, kAccepted}, {80, kAccepted}, {81, kDropped}})
    EXPECT_EQ(diagram_fate(ruleset, packet(Direction::In, 6, port)), fate);
}

TEST(FilterSpace, ALoopOrAMissingChainIsNotKnown) {
  const Base input{.hook = Hook::Input, .policy = Verdict::Kind::Drop};
  const Ruleset missing = one_table({{"input", input, {rule({}, Verdict::Kind::Jump, "nowhere")}}});
  EXPECT_NE(diagram_fate(missing, packet(Direction::In, 6, 1)), kDropped);
  const Ruleset loop = one_table({{"input", input, {rule({}, Verdict::Kind::Jump, "a")}},
                                  {"a", {}, {rule({}, Verdict::Kind::Jump, "a")}}});
  EXPECT_NE(diagram_fate(loop, packet(Direction::In, 6, 1)), kDropped);
  EXPECT_EQ(walk(loop, packet(Direction::In, 6, 1)).fate, kAnyFate);
}

TEST(FilterSpace, AddressesOfTheOtherFamilyAreNobodys) {
  const Values far{.field = {.kind = Kind::Source},
                   .numbers = Numbers({{Number{0x20010db8} << 96, Number{0x20010db9} << 96}}),
                   .names = {}};
  const Ruleset ruleset =
      one_table({{"input",
                  Base{.hook = Hook::Input, .policy = Verdict::Kind::Drop},
                  {rule({is(number(kFamily, 1)), is(far)}, Verdict::Kind::Accept),
                   rule({is(far, true)}, Verdict::Kind::Reject)}}});
  EXPECT_EQ(diagram_fate(ruleset, packet(Direction::In, 6, 1)), kRejected);
}

TEST(FilterSpace, AGatewayCountsItsHopBeforeItForwards) {
  const Ruleset ruleset = one_table(
      {{"first",
        Base{.hook = Hook::Prerouting},
        {rule({is(number(kTtl, 5))}, Verdict::Kind::Drop)}},
       {"then", Base{.hook = Hook::Forward}, {rule({is(number(kTtl, 9))}, Verdict::Kind::Drop)}},
       {"in", Base{.hook = Hook::Input}, {rule({is(number(kTtl, 7))}, Verdict::Kind::Drop)}}});
  for (const auto& [direction, ttl, fate] :
       std::vector<std::tuple<Direction, Number, Fate>>{{Direction::Forward, 10, kDropped},
                                                        {Direction::Forward, 9, kAccepted},
                                                        {Direction::Forward, 5, kDropped},
                                                        {Direction::In, 7, kDropped},
                                                        {Direction::In, 8, kAccepted}}) {
    Point point = packet(direction, 6, 1);
    point.out_interface = direction == Direction::Forward ? "eth1" : "";
    point.numbers[kTtl] = ttl;
    expect_fate(ruleset, point, fate, std::to_string(static_cast<int>(ttl)));
  }
}

TEST(FilterSpace, AnOptionOfTcpIsInPacketsOfTcpAlone) {
  const Field option{.kind = Kind::Other, .name = "tcp option maxseg exists", .bits = 1};
  const auto asking = [](std::vector<Condition> conditions) {
    return one_table({{"input",
                       Base{.hook = Hook::Input, .policy = Verdict::Kind::Drop},
                       {rule(std::move(conditions), Verdict::Kind::Accept)}}});
  };
  const Ruleset alone = asking({is(number(option, 1))});
  const Ruleset with_protocol = asking({is(number(kProtocol, 6)), is(number(option, 1))});
  const Ruleset missing = asking({is(number(option, 0))});
  const std::array rulesets{&alone, &with_protocol, &missing};
  FilterSpace space(Family::V4, rulesets);
  const auto fate = [&](const Ruleset& ruleset) {
    return space.store().intersect(space.possible(Direction::In),
                                   space.fate(ruleset, Direction::In));
  };
  EXPECT_EQ(fate(alone), fate(with_protocol));
  // Other packets are without it.
  Point udp = packet(Direction::In, 17, 53);
  EXPECT_EQ(space.store().at(fate(missing), space.levels().values(udp)), kAccepted);
  udp.numbers[option] = 1;
  EXPECT_EQ(space.store().at(space.possible(Direction::In), space.levels().values(udp)), 0);
}

TEST(FilterSpace, ADevicesEgressIsToldNoIncomingInterface) {
  const Values from_eth0{.field = {.kind = Kind::InInterface}, .numbers = {}, .names = {"eth0"}};
  const Base egress{.hook = Hook::Egress, .devices = {"eth1"}};
  const Ruleset ruleset =
      one_table({{"out", egress, {rule({is(from_eth0)}, Verdict::Kind::Drop)}}});
  Point sent_on = packet(Direction::Forward, 6, 22);
  sent_on.out_interface = "eth1";
  expect_fate(ruleset, sent_on, kAccepted);
}

TEST(FilterSpace, PacketsOfLoComeInAsTheyLeft) {
  const Rule drop_new =
      rule({is(number(kState, static_cast<Number>(State::New)))}, Verdict::Kind::Drop);
  const Base raw{.hook = Hook::Prerouting, .priority = -300};
  const Base nat{.hook = Hook::Prerouting, .priority = -100, .nat = true};
  for (const auto& [base, lo, wire] :
       {std::tuple{raw, kDropped, kAccepted}, std::tuple{nat, kAccepted, kDropped}}) {
    const Ruleset ruleset = one_table({{"c", base, {drop_new}}});
    Point point = packet(Direction::In, 17, 53);
    expect_fate(ruleset, point, wire);
    point.in_interface = "lo";
    expect_fate(ruleset, point, lo);
  }
}

TEST(FilterSpace, ErrorsOfAFlowAreNotTranslatedAnew) {
  const Base nat{
      .hook = Hook::Prerouting, .priority = -100, .policy = Verdict::Kind::Drop, .nat = true};
  const Ruleset ruleset = one_table({{"c", nat, {}}, {"more", {}, {asking_for_state()}}});
  for (const auto& [protocol, fate] : {std::pair{1, kAccepted}, std::pair{6, kDropped}}) {
    Point related = packet(Direction::In, static_cast<Number>(protocol), 0);
    related.numbers[kState] = static_cast<Number>(State::Related);
    expect_fate(ruleset, related, fate);
  }
}

TEST(FilterSpace, WhatIsWrittenToNoEntryIsLost) {
  const Field mark{.kind = Kind::Other, .name = "ct mark", .bits = 32};
  Rule set = rule({}, Verdict::Kind::Continue);
  set.assigns.push_back({mark, 5});
  const Ruleset ruleset = one_table(
      {{"raw", Base{.hook = Hook::Prerouting, .priority = -300}, {set}},
       {"input", Base{.hook = Hook::Input}, {rule({is(number(mark, 5))}, Verdict::Kind::Drop)}}});
  const Point point = packet(Direction::In, 17, 53);
  expect_fate(ruleset, point, kAccepted | kDropped);
}

// A packet's socket is looked for when it is routed (tcp_v4_early_demux()).
TEST(FilterSpace, APacketsOwnerBeforeRoutingIsAnotherOne) {
  const Rule drop = rule({is(number(kOwner, 7))}, Verdict::Kind::Drop);
  for (const auto& [hook, early, late] : {std::tuple{Hook::Prerouting, kDropped, kAccepted},
                                          std::tuple{Hook::Input, kAccepted, kDropped}}) {
    const Ruleset ruleset = one_table({{"c", Base{.hook = hook}, {drop}}});
    Point before = packet(Direction::In, 6, 1);
    before.numbers[*other_form(kOwner)] = 7;
    expect_fate(ruleset, before, early);
    Point after = packet(Direction::In, 6, 1);
    after.numbers[kOwner] = 7;
    expect_fate(ruleset, after, late);
  }
}

TEST(FilterSpace, APriorityThatWasSetIsNotKnownOnceThePacketIsForwarded) {
  Rule set = rule({}, Verdict::Kind::Continue);
  set.assigns.push_back({kPriority, 5});
  const Rule drop = rule({is(number(kPriority, 5))}, Verdict::Kind::Drop);
  const Ruleset ruleset = one_table({{"first", Base{.hook = Hook::Prerouting}, {set}},
                                     {"then", Base{.hook = Hook::Forward}, {drop}},
                                     {"sent", Base{.hook = Hook::Output}, {set}},
                                     {"leaves", Base{.hook = Hook::Postrouting}, {drop}}});
  Point point = packet(Direction::Forward, 6, 1);
  point.out_interface = "eth1";
  expect_fate(ruleset, point, kAccepted | kDropped);
  point.direction = Direction::Out;
  point.in_interface = "";
  expect_fate(ruleset, point, kDropped);
}

TEST(FilterSpace, ALinkHeaderIsAnotherOneWhenItIsSent) {
  const Field sender{.kind = Kind::SourceMac};
  const Rule drop = rule({is(number(sender, 7))}, Verdict::Kind::Drop);
  const Ruleset ruleset =
      one_table({{"leaves", Base{.hook = Hook::Egress, .devices = {"eth1"}}, {drop}}});
  Point point = packet(Direction::Forward, 6, 1);
  point.out_interface = "eth1";
  point.numbers[sender] = 7;
  expect_fate(ruleset, point, kAccepted);
  EXPECT_EQ(field_name(*other_form(sender)), "source mac at egress");
  point.numbers[*other_form(sender)] = 7;
  expect_fate(ruleset, point, kDropped);
}

// What an output chain redirects is routed anew; whoever asks for the new port.
TEST(FilterSpace, WhatIsRedirectedMayLeaveElsewhere) {
  const Values by_eth1{.field = {.kind = Kind::OutInterface}, .numbers = {}, .names = {"eth1"}};
  const Rule drop = rule({is(by_eth1)}, Verdict::Kind::Drop);
  for (const Field& field : {Field{.kind = Kind::Destination}, kMark, kPort}) {
    Rule change = rule({is(number(kProtocol, 17))}, Verdict::Kind::Continue);
    change.assigns.push_back({field, 9});
    const Ruleset ruleset = one_table({{"sent", Base{.hook = Hook::Output}, {change}},
                                       {"leaves", Base{.hook = Hook::Postrouting}, {drop}}});
    const Fate redirected = field == kPort ? kAccepted : kAccepted | kDropped;
    for (const auto& [protocol, fate] : {std::pair{17, redirected}, std::pair{6, kAccepted}}) {
      Point point = packet(Direction::Out, static_cast<Number>(protocol), 1);
      point.in_interface = "";
      point.out_interface = "eth0";
      expect_fate(ruleset, point, fate, field_name(field) + " " + std::to_string(protocol));
    }
  }
}

// The type of the device that a packet is on: ether comes in, something else sends it.
TEST(FilterSpace, ADevicesTypeIsThatOfWhereThePacketIs) {
  const Field type{.kind = Kind::Other, .name = "meta iiftype", .bits = 16};
  const Values there{.field = is_on_device(), .numbers = Numbers({{1, 1}}), .names = {}};
  const auto drops_at = [&](Hook hook) {
    return one_table({{"c",
                       Base{.hook = hook,
                            .devices = hook == Hook::Egress ? std::vector<std::string>{"eth1"}
                                                            : std::vector<std::string>{}},
                       {rule({is(there), is(number(type, 1))}, Verdict::Kind::Drop)}}});
  };
  Point point = packet(Direction::Forward, 6, 1);
  point.out_interface = "eth1";
  point.numbers[type] = 1;
  Point own = point;  // of which IGMP and neighbour messages are on a device from the start
  own.direction = Direction::Out;
  own.in_interface = "";
  for (const auto& [hook, routed, sent] :
       {std::tuple{Hook::Forward, kDropped, kAccepted},
        std::tuple{Hook::Output, kAccepted, kAccepted | kDropped},
        std::tuple{Hook::Postrouting, kAccepted, kAccepted},
        std::tuple{Hook::Egress, kAccepted, kAccepted}}) {
    expect_fate(drops_at(hook), point, routed, to_text(hook));
    expect_fate(drops_at(hook), own, sent, to_text(hook));
  }
  for (Point* one : {&point, &own})
    for (const Hook hook : {Hook::Postrouting, Hook::Egress}) {
      one->numbers[*other_form(type)] = 1;
      expect_fate(drops_at(hook), *one, kDropped, to_text(hook));
    }
}

// What decides in a way that is not known may change the packet for those that come after.
TEST(FilterSpace, AfterWhatIsNotKnownAnythingMayHappen) {
  const Ruleset ruleset =
      one_table({{"first", Base{.hook = Hook::Prerouting}, {rule({}, Verdict::Kind::Unknown)}},
                 {"then", Base{.hook = Hook::Input, .policy = Verdict::Kind::Drop}, {}}});
  const Point point = packet(Direction::In, 6, 1);
  expect_fate(ruleset, point, kAnyFate);
}

// An egress chain without rules asks for its device.
TEST(FilterSpace, WhatIsMarkedMayLeaveByADeviceThatDrops) {
  Rule mark = rule({}, Verdict::Kind::Continue);
  mark.assigns.push_back({kMark, 1});
  const Ruleset ruleset = one_table(
      {{"o", Base{.hook = Hook::Output}, {mark}},
       {"e", Base{.hook = Hook::Egress, .policy = Verdict::Kind::Drop, .devices = {"eth0"}}, {}}});
  Point point = packet(Direction::Out, 6, 1);
  point.in_interface = "";
  point.out_interface = "ppp0";
  expect_fate(ruleset, point, kAccepted | kDropped);
}

// What the host rejects something with is related before conntrack has seen it (nf_ct_attach()).
TEST(FilterSpace, OwnAnswersMayBeRelatedBeforeConntrack) {
  const Rule drop =
      rule({is(number(kState, static_cast<Number>(State::Related)))}, Verdict::Kind::Drop);
  const Ruleset ruleset = one_table({{"c", Base{.hook = Hook::Output, .priority = -250}, {drop}}});
  for (const auto& [state, fate] :
       {std::pair{State::Related, kAccepted | kDropped}, std::pair{State::New, kAccepted}}) {
    Point point = packet(Direction::Out, 6, 1);
    point.in_interface = "";
    point.out_interface = "eth0";
    point.numbers[kState] = static_cast<Number>(state);
    expect_fate(ruleset, point, fate);
  }
}

// Nothing turns conntrack on, so that there is no flow to ask about; unless somebody else does.
TEST(FilterSpace, TranslationIsAskedWhereConntrackIsAtWork) {
  const Base nat{.hook = Hook::Prerouting, .priority = -100, .nat = true};
  const Rule drop = rule({is(number(kPort, 7))}, Verdict::Kind::Drop);
  Ruleset ruleset = one_table({{"c", nat, {drop}}});
  const Point point = packet(Direction::In, 6, 7);
  expect_fate(ruleset, point, kAccepted | kDropped);
  ruleset.tables[0].chains.push_back({"more", {}, {asking_for_state()}});
  expect_fate(ruleset, point, kDropped);
  Rule untracks = rule({is(number(kState, 3))}, Verdict::Kind::Continue);  // which takes none
  untracks.assigns.push_back({kState, 4});
  ruleset.tables[0].chains.back().rules = {untracks};
  EXPECT_EQ(walk(ruleset, point).fate, kAccepted | kDropped);
  ruleset.tables[0].family = TableFamily::Inet;
  ruleset.tables.push_back(
      {.family = TableFamily::Ip6, .name = "six", .chains = {{"c", {}, {asking_for_state()}}}});
  ruleset.tables[0].chains.pop_back();
  EXPECT_EQ(walk(ruleset, point).fate, kAccepted | kDropped);
}

TEST(FilterSpace, WhereOwnPacketsCameInIsNotKnownOnceTheyAreRouted) {
  const Values by_eth0{.field = {.kind = Kind::InInterface}, .numbers = {}, .names = {"eth0"}};
  const Rule drop = rule({is(by_eth0)}, Verdict::Kind::Drop);
  const Ruleset ruleset = one_table({{"sent", Base{.hook = Hook::Output}, {drop}},
                                     {"leaves", Base{.hook = Hook::Postrouting}, {drop}}});
  Point point = packet(Direction::Out, 2, 1);
  point.in_interface = "";
  point.out_interface = "eth0";
  expect_fate(ruleset, point, kAccepted | kDropped);
}

TEST(FilterSpace, ABoxMayNameItsFamilyLast) {
  const Box box{number(Field{.kind = Kind::Other, .name = "ip6 hoplimit", .bits = 8}, 1),
                number(kFamily, 1)};
  const Rule drop = rule({filter::Test{.boxes = {box}}}, Verdict::Kind::Drop);
  const Ruleset ruleset = one_table({{"input", Base{.hook = Hook::Input}, {drop}}});
  EXPECT_EQ(diagram_fate(ruleset, packet(Direction::In, 6, 1)), kAccepted);
}

// --- Random rulesets
// ------------------------------------------------------------------------------

Values any_values() {
  switch (*rc::gen::inRange(0, 9)) {
    case 7:
      return number(*rc::gen::element(kOwner, kPriority),
                    static_cast<Number>(*rc::gen::inRange(0, 3)));
    case 6:
      return number(kFamily, static_cast<Number>(*rc::gen::inRange(0, 2)));
    case 0:
      return number(kState, static_cast<Number>(*rc::gen::inRange(0, 5)));
    case 1:
      return number(kProtocol, static_cast<Number>(*rc::gen::inRange(5, 8)));
    case 2:
      return number(kMark, static_cast<Number>(*rc::gen::inRange(0, 3)));
    case 3:
      return numbers(kTtl, 0, static_cast<Number>(*rc::gen::inRange(1, 4)));
    case 4:
    case 5: {
      const bool out = *rc::gen::arbitrary<bool>();
      return {.field = {.kind = out ? Kind::OutInterface : Kind::InInterface},
              .numbers = {},
              .names = {*rc::gen::element<std::string>("eth0", "eth*", "lo", "eth1*", "eth10")},
              .but_names = *rc::gen::arbitrary<bool>()};
    }
    default:
      break;
  }
  const auto first = static_cast<Number>(*rc::gen::inRange(0, 6));
  return numbers(kPort, first, first + static_cast<Number>(*rc::gen::inRange(0, 3)));
}

Box any_box() {
  Box box{any_values()};
  if (*rc::gen::inRange(0, 3) == 0)
    box.push_back(any_values());
  return box;
}

Condition any_condition() {
  if (*rc::gen::inRange(0, 8) == 0)
    return Atom{.text = *rc::gen::element<std::string>("a", "b"),
                .inverted = *rc::gen::arbitrary<bool>()};
  Test test{.boxes = {any_box()}, .inverted = *rc::gen::inRange(0, 4) == 0};
  if (*rc::gen::inRange(0, 3) == 0)
    test.boxes.push_back(any_box());
  return test;
}

Verdict any_verdict(std::size_t chain) {
  using enum Verdict::Kind;
  const auto kind = *rc::gen::element(Continue, Continue, Accept, Drop, Reject, Return, Jump, Goto,
                                      Jump, Queue, Unknown);
  if (kind != Jump && kind != Goto)
    return {kind, {}};
  return {kind, "chain" + std::to_string(chain + 1)};  // the last one leads nowhere
}

using Assigns = std::vector<Assign>;
// As many combinations as a space tells apart, and more than that.
const Assigns kFew{{kMark, 1}, {kMark, 2}, {kState, 4}};
const Assigns kMany{{kMark, 1}, {kMark, 2}, {kState, 4},          {kPort, 3},
                    {kPort, 4}, {kTtl, 1},  {kTtl, std::nullopt}, {kPriority, 1}};

Rule any_rule(std::size_t chain, const Assigns& assigns) {
  Rule rule;
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i)
    rule.conditions.push_back(any_condition());
  rule.verdict = any_verdict(chain);
  if (*rc::gen::inRange(0, 5) == 0)
    rule.assigns.push_back(*rc::gen::elementOf(assigns));
  if (*rc::gen::inRange(0, 6) == 0)
    rule.map = {{{number(kPort, 1)}, any_verdict(chain)},
                {{numbers(kPort, 3, 5), number(kProtocol, 6)}, any_verdict(chain)}};
  return rule;
}

Ruleset any_ruleset(const Assigns& assigns) {
  std::vector<Chain> chains;
  const std::size_t bases = *rc::gen::inRange<std::size_t>(1, 4);
  for (std::size_t i = 0; i < bases + 3; ++i) {
    Chain chain{.name = "chain" + std::to_string(i)};
    if (i < bases)
      chain.base = Base{.hook = *rc::gen::element(Hook::Input, Hook::Prerouting, Hook::Forward,
                                                  Hook::Output, Hook::Postrouting),
                        .priority = *rc::gen::element(-300, -150, 0, 10),
                        .policy = *rc::gen::element(Verdict::Kind::Accept, Verdict::Kind::Drop),
                        .nat = *rc::gen::inRange(0, 5) == 0};
    for (int k = *rc::gen::inRange(0, 6); k > 0; --k)
      chain.rules.push_back(any_rule(std::max(i, bases - 1), assigns));
    chains.push_back(std::move(chain));
  }
  return one_table(std::move(chains));
}

Point any_packet() {
  Point point{.direction = *rc::gen::element(Direction::In, Direction::Out, Direction::Forward),
              .family = *rc::gen::element(Family::V4, Family::V6)};
  const auto interface = [] {
    return *rc::gen::element<std::string>("eth0", "eth1", "eth10", "eth12", "lo", "wlan0");
  };
  if (point.direction != Direction::Out)
    point.in_interface = interface();
  if (point.direction != Direction::In)
    point.out_interface = interface();
  point.numbers = {{kState, static_cast<Number>(*rc::gen::inRange(0, 5))},
                   {kProtocol, static_cast<Number>(*rc::gen::inRange(5, 8))},
                   {kPort, static_cast<Number>(*rc::gen::inRange(0, 8))},
                   {kMark, static_cast<Number>(*rc::gen::inRange(0, 3))},
                   {kTtl, static_cast<Number>(*rc::gen::inRange(0, 5))}};
  for (const Field& field : {kOwner, kPriority})
    for (const Field& form : {field, *other_form(field)})
      point.numbers[form] = static_cast<Number>(*rc::gen::inRange(0, 3));
  point.atoms = {{"a", *rc::gen::arbitrary<bool>()}, {"b", *rc::gen::arbitrary<bool>()}};
  return point;
}

// `exact`: the walk may know less than the diagram, never more.
void compare_with_walks(const Assigns& assigns, bool exact) {
  const Ruleset ruleset = any_ruleset(assigns);
  const std::array rulesets{&ruleset};
  FilterSpace host4(Family::V4, rulesets);
  FilterSpace host6(Family::V6, rulesets);
  FilterSpace router4(Family::V4, rulesets, {}, Order::Router);
  FilterSpace router6(Family::V6, rulesets, {}, Order::Router);
  for (int i = 0; i < 30; ++i) {
    const Point point = any_packet();
    const Fate walked = walk(ruleset, point).fate;
    const bool v4 = point.family == Family::V4;
    for (FilterSpace* space : {v4 ? &host4 : &host6, v4 ? &router4 : &router6}) {
      const Outcomes fate =
          space->store().at(space->fate(ruleset, point.direction), space->levels().values(point));
      RC_ASSERT((fate & walked) != 0);
      if (exact)
        RC_ASSERT((fate & ~walked) == 0);
    }
  }
}

TEST(FilterSpace, SaysWhatAWalkThroughTheRulesSays) {
  ASSERT_TRUE(rc::check("diagram = walk", [] { compare_with_walks(kFew, true); }));
}

TEST(FilterSpace, IsNeverWrongWhereItCannotTellApart) {
  ASSERT_TRUE(rc::check("diagram meets walk", [] { compare_with_walks(kMany, false); }));
}

}  // namespace
}  // namespace quay::filter
