#include "policy/outside_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quay {
namespace {

using filter::Assign;
using filter::Base;
using filter::Chain;
using filter::Field;
using filter::Hook;
using filter::Kind;
using filter::Numbers;
using filter::Ruleset;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Field kMark{.kind = Kind::Mark};
const Field kState{.kind = Kind::State};
const Field kPort{.kind = Kind::DestinationPort};

filter::Rule asking(const Field& field) {
  return {.conditions = {filter::Test{.boxes = {{{.field = field, .numbers = Numbers({{1, 1}})}}}}},
          .verdict = {.kind = filter::Verdict::Kind::Drop}};
}

filter::Rule writing(const Field& field) {
  return {.assigns = {{field, 1}}};
}

filter::Rule deciding(filter::Verdict::Kind kind) {
  return {.verdict = {.kind = kind}};
}

// Two tables with a chain each.
Ruleset beside(const Base& base, filter::Rule rule, filter::Rule other) {
  return {.tables = {{.name = "a", .chains = {{"one", base, {std::move(rule)}}}},
                     {.name = "b", .chains = {{"two", base, {std::move(other)}}}}},
          .outside = {}};
}

TEST(OutsideModel, WhichOfTwoChainsIsFirstIsToldWhereItMatters) {
  const Base input{.hook = Hook::Input};
  const auto told = [&](const filter::Rule& rule, const filter::Rule& other) {
    return outside_of(beside(input, rule, other));
  };
  EXPECT_THAT(told(writing(kMark), asking(kMark)),
              ElementsAre("inet/a/one and inet/b/two are asked at one place (input 0): which is "
                          "first is taken from the order in which they are listed"));
  EXPECT_THAT(told(asking(kMark), writing(kMark)), testing::SizeIs(1));
  EXPECT_THAT(told(writing(kMark), writing(kMark)), testing::SizeIs(1));
  EXPECT_THAT(told(deciding(filter::Verdict::Kind::Reject), asking(kMark)), testing::SizeIs(1));
  EXPECT_THAT(told(writing(kMark), asking(kState)), IsEmpty());
  EXPECT_THAT(told(deciding(filter::Verdict::Kind::Drop), asking(kMark)), IsEmpty());
}

TEST(OutsideModel, ChainsOfOtherPlacesAreInOrder) {
  Ruleset ruleset = beside({.hook = Hook::Input}, writing(kMark), asking(kMark));
  ruleset.tables[1].chains[0].base->priority = 1;
  EXPECT_THAT(outside_of(ruleset), IsEmpty());
  ruleset.tables[1].chains[0].base->priority = 0;
  ruleset.tables[1].chains[0].base->hook = Hook::Output;
  EXPECT_THAT(outside_of(ruleset), IsEmpty());
}

// Chains for translation share one place, and stand there by their priorities.
TEST(OutsideModel, ChainsForTranslationShareTheirPlaceWithOthersAlone) {
  Ruleset ruleset = beside({.hook = Hook::Prerouting, .priority = -100, .nat = true},
                           writing(kPort), asking(kPort));
  Base& other = *ruleset.tables[1].chains[0].base;
  EXPECT_THAT(outside_of(ruleset), testing::SizeIs(1));
  other.priority = -90;
  EXPECT_THAT(outside_of(ruleset), IsEmpty());
  other = {.hook = Hook::Prerouting, .priority = -100};
  EXPECT_THAT(outside_of(ruleset), testing::SizeIs(1));
}

// Of one table too: the place of translation came with the first chain for it, at whatever hook.
TEST(OutsideModel, OfOneTableTheOrderBesideTranslationIsTold) {
  const Base nat{.hook = Hook::Prerouting, .priority = -100, .nat = true};
  Ruleset ruleset{.tables = {{.name = "a",
                              .chains = {{"one", nat, {writing({.kind = Kind::Destination})}},
                                         {"two",
                                          Base{.hook = Hook::Prerouting, .priority = -100},
                                          {asking({.kind = Kind::Destination})}}}}},
                  .outside = {}};
  EXPECT_THAT(outside_of(ruleset), ElementsAre(HasSubstr("asked at one place (prerouting -100)")));
  ruleset.tables[0].chains[0].base->nat = false;
  EXPECT_THAT(outside_of(ruleset), IsEmpty());
}

TEST(OutsideModel, WhatChainsForTranslationWriteBesidesIsTold) {
  const Base nat{.hook = Hook::Prerouting, .priority = -100, .nat = true};
  Ruleset ruleset{.tables = {{.name = "a", .chains = {{"one", nat, {writing(kMark)}}}}},
                  .outside = {}};
  EXPECT_THAT(outside_of(ruleset), ElementsAre(HasSubstr("first packet of a flow alone")));
  ruleset.tables[0].chains[0].rules[0] = writing(kPort);
  EXPECT_THAT(outside_of(ruleset), IsEmpty());
}

TEST(OutsideModel, AChainOfConntracksPriorityIsTold) {
  Ruleset ruleset{.tables = {{.name = "a",
                              .chains = {{"one",
                                          Base{.hook = Hook::Prerouting, .priority = -200},
                                          {{.verdict = {.kind = filter::Verdict::Kind::Jump,
                                                        .chain = "more"}}}},
                                         {"more", {}, {asking(kState)}}}}},
                  .outside = {}};
  EXPECT_THAT(outside_of(ruleset), ElementsAre(HasSubstr("priority of conntrack (-200)")));
  ruleset.tables[0].chains[1].rules[0] = asking(kMark);
  EXPECT_THAT(outside_of(ruleset), IsEmpty());
}

TEST(OutsideModel, ChainsOfDevicesAreTold) {
  const Ruleset ruleset{
      .tables = {{.family = filter::TableFamily::Netdev,
                  .name = "a",
                  .chains = {{"one",
                              Base{.hook = Hook::Ingress, .devices = {"eth0", "eth1"}},
                              {asking(kMark)}}}}},
      .outside = {}};
  EXPECT_THAT(outside_of(ruleset),
              ElementsAre(HasSubstr("netdev/a/one judges what passes eth0, eth1")));
}

}  // namespace
}  // namespace quay
