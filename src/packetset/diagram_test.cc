#include "packetset/diagram.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace quay {
namespace {

// A world small enough to look at every packet of it.
const std::vector<Value> kLast{3, 6, 1, 4};
const std::vector<std::vector<double>> kWeights{
    std::vector<double>(4, 1. / 4), std::vector<double>(7, 1. / 7), std::vector<double>(2, 1. / 2),
    std::vector<double>(5, 1. / 5)};
constexpr std::array<std::size_t, 4> kWiden{2, 0, 3, 1};

using Packet4 = std::array<Value, 4>;

std::vector<Packet4> every_packet() {
  std::vector<Packet4> packets;
  for (Value a = 0; a <= kLast[0]; ++a)
    for (Value b = 0; b <= kLast[1]; ++b)
      for (Value c = 0; c <= kLast[2]; ++c)
        for (Value d = 0; d <= kLast[3]; ++d)
          packets.push_back({a, b, c, d});
  return packets;
}

bool holds(const Cube& cube, const Packet4& packet) {
  for (std::size_t level = 0; level < packet.size(); ++level)
    if (!cube.values[level].contains(packet[level]))
      return false;
  return true;
}

rc::Gen<Cube> any_cube() {
  return rc::gen::exec([] {
    Cube cube;
    for (const Value last : kLast) {
      std::vector<Interval<Value>> intervals;
      const int count = *rc::gen::inRange(1, 3);
      for (int i = 0; i < count; ++i) {
        const auto first = *rc::gen::inRange<Value>(0, last + 1);
        intervals.push_back({first, *rc::gen::inRange<Value>(first, last + 1)});
      }
      cube.values.emplace_back(std::move(intervals));
    }
    return cube;
  });
}

// A list of rules, and the diagram that stands for it. A rule's outcome may be that it is not known
// whether it decides.
struct Rules {
  std::vector<std::pair<Cube, Outcomes>> rules;

  Outcomes decide(const Packet4& packet) const {
    Outcomes result = kContinue;
    for (const auto& [cube, outcomes] : rules)
      if ((result & kContinue) != 0 && holds(cube, packet))
        result = (result & ~kContinue) | outcomes;
    return result;
  }
  Diagram diagram(DiagramStore& store) const {
    std::vector<Diagram> steps;
    steps.reserve(rules.size());
    for (const auto& [cube, outcomes] : rules)
      steps.push_back(store.box(cube, outcomes, kContinue));
    return store.sequence(steps);
  }
};

rc::Gen<Rules> any_rules() {
  return rc::gen::exec([] {
    Rules list;
    const int count = *rc::gen::inRange(0, 7);
    for (int i = 0; i < count; ++i)
      list.rules.emplace_back(*any_cube(), *rc::gen::element<Outcomes>(2, 4, 4, 2, 3, 6, 8));
    return list;
  });
}

std::vector<Outcomes> table_of(const Rules& list) {
  std::vector<Outcomes> table;
  for (const Packet4& packet : every_packet())
    table.push_back(list.decide(packet));
  return table;
}

RC_GTEST_PROP(Diagram, DecidesAsTheRulesDo, ()) {
  const Rules list = *any_rules();
  DiagramStore store(kWeights);
  const Diagram diagram = list.diagram(store);
  for (const Packet4& packet : every_packet())
    RC_ASSERT(store.at(diagram, packet) == list.decide(packet));
}

RC_GTEST_PROP(Diagram, EqualFunctionsAreEqualNumbers, ()) {
  const Rules a = *any_rules();
  Rules b = *any_rules();
  DiagramStore store(kWeights);
  RC_ASSERT((a.diagram(store) == b.diagram(store)) == (table_of(a) == table_of(b)));
  // The same function, put together in another way: rule by rule, in front of dead ones.
  Diagram one_by_one = kContinue;
  for (const auto& [cube, outcomes] : a.rules)
    one_by_one = store.sequence(one_by_one, store.box(cube, outcomes, kContinue));
  RC_ASSERT(one_by_one == a.diagram(store));
}

RC_GTEST_PROP(Diagram, OperationsMeanWhatTheySayOfEveryPacket, ()) {
  const Rules x = *any_rules();
  const Rules y = *any_rules();
  DiagramStore store(kWeights);
  const Diagram a = x.diagram(store);
  const Diagram b = y.diagram(store);
  const Diagram flipped = store.replace(a, [](Outcomes outcomes) { return outcomes ^ 7U; });
  double count = 0;
  for (const Packet4& packet : every_packet()) {
    const unsigned p = x.decide(packet);
    const unsigned q = y.decide(packet);
    RC_ASSERT(store.at(store.unite(a, b), packet) == (p | q));
    RC_ASSERT(store.at(store.intersect(a, b), packet) == (p & q));
    RC_ASSERT(store.at(store.subtract(a, b), packet) == (p & ~q));
    RC_ASSERT(store.at(store.difference(a, b), packet) == (p != q ? 1U : 0U));
    RC_ASSERT(store.at(flipped, packet) == (p ^ 7U));
    count += (p & ~q) != 0 ? 1 : 0;
  }
  const double share = store.share(store.subtract(a, b));
  RC_ASSERT(std::abs(share * static_cast<double>(every_packet().size()) - count) < 1e-6);
}

RC_GTEST_PROP(Diagram, CoversAreExactAndMaximal, ()) {
  const Rules list = *any_rules();
  DiagramStore store(kWeights);
  const Diagram diagram = store.replace(list.diagram(store), [](Outcomes outcomes) -> Outcomes {
    return (outcomes & 2) != 0 ? 1 : 0;
  });
  const auto most = *rc::gen::element<std::size_t>(1, 3, 100);
  const DiagramStore::Cover cover = store.cover(diagram, kWiden, most);
  RC_ASSERT(cover.cubes.size() <= most);
  RC_ASSERT(most < 100 || cover.rest == 0U);
  for (const Packet4& packet : every_packet()) {
    const bool inside = store.at(diagram, packet) != 0;
    const bool covered =
        std::ranges::any_of(cover.cubes, [&](const Cube& cube) { return holds(cube, packet); });
    RC_ASSERT(inside == (covered || store.at(cover.rest, packet) != 0));
    RC_ASSERT(!covered || store.at(cover.rest, packet) == 0);
  }
  // No level of any cube has room for another value.
  for (const Cube& cube : cover.cubes)
    for (std::size_t level = 0; level < kLast.size(); ++level)
      for (Value value = 0; value <= kLast[level]; ++value) {
        if (cube.values[level].contains(value))
          continue;
        Cube wider = cube;
        wider.values[level] = IntervalSet<Value>({{value, value}});
        RC_ASSERT(store.subtract(store.box(wider, 1, 0), diagram) != 0U);
      }
}

RC_GTEST_PROP(Diagram, KnowsWhoDecidesAndWhatWouldBecomeOtherwise, ()) {
  const Rules list = *any_rules();
  DiagramStore store(kWeights);
  std::vector<Diagram> steps;
  std::vector<Decision> rules;
  for (const auto& [cube, outcomes] : list.rules) {
    // Sometimes a rule of several parts.
    const bool part = !rules.empty() && *rc::gen::arbitrary<bool>();
    rules.push_back(part
                        ? rules.back()
                        : Decision{static_cast<std::uint32_t>(rules.size() + 1), outcomes & 7U, 0});
    if (rules.back().verdict == 0)
      rules.back().verdict = 5;
    steps.push_back(store.box(cube, rules.back().outcomes(), 0));
  }
  const Diagram diagram = store.decide(steps);
  for (const Packet4& packet : every_packet()) {
    Decision expected;
    for (std::size_t i = 0; i < rules.size(); ++i) {
      if (!holds(list.rules[i].first, packet) || rules[i].number == expected.number)
        continue;
      if (expected.number == 0)
        expected = rules[i];
      else if (expected.otherwise == 0)
        expected.otherwise = rules[i].verdict;
    }
    RC_ASSERT(store.at(diagram, packet) == expected.outcomes());
  }
}

RC_GTEST_PROP(Diagram, TellsEveryOutcomeThereIs, ()) {
  const Rules list = *any_rules();
  DiagramStore store(kWeights);
  std::vector<Outcomes> expected = table_of(list);
  std::ranges::sort(expected);
  expected.erase(std::ranges::unique(expected).begin(), expected.end());
  RC_ASSERT(store.outcomes(list.diagram(store)) == expected);
}

RC_GTEST_PROP(Diagram, AWitnessIsOne, ()) {
  const Rules x = *any_rules();
  const Rules y = *any_rules();
  DiagramStore store(kWeights);
  const Diagram differ = store.difference(x.diagram(store), y.diagram(store));
  const auto cube = store.witness(differ);
  RC_ASSERT(cube.has_value() == (table_of(x) != table_of(y)));
  if (cube)
    for (const Packet4& packet : every_packet())
      RC_ASSERT(!holds(*cube, packet) || x.decide(packet) != y.decide(packet));
}

TEST(Diagram, SaysWhenItsNodesDoNotSuffice) {
  const std::vector<double> level(4096, 1. / 4096);
  DiagramStore store({level, level}, 100);
  Diagram diagram = kContinue;
  for (Value i = 0; i < 200 && !store.exhausted(); ++i) {
    const Cube cube{{IntervalSet<Value>({{i * 7, i * 7}}), IntervalSet<Value>({{i * 11, i * 11}})}};
    diagram = store.sequence(diagram, store.box(cube, 2, kContinue));
  }
  EXPECT_TRUE(store.exhausted());
  EXPECT_LE(store.nodes(), 100U);
}

// Shares of single IPv6 addresses vanish beside the rest.
TEST(Diagram, FindsWhatWeighsNothing) {
  DiagramStore store({{0.5, 1e-39, 0.5}, {0.5, 1e-39, 0.5}});
  const Cube cube{{IntervalSet<Value>({{1, 1}}), IntervalSet<Value>({{1, 1}})}};
  const Diagram needle = store.box(cube, 2, 0);
  EXPECT_EQ(store.witness(needle), cube);
  constexpr std::array<std::size_t, 2> widen{0, 1};
  const DiagramStore::Cover cover = store.cover(needle, widen, 5);
  EXPECT_EQ(cover.cubes, std::vector{cube});
  EXPECT_EQ(cover.rest, 0U);
}

}  // namespace
}  // namespace quay
