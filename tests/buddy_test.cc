// Our diagrams and BuDDy's must agree about real rule lists.
#include "tests/support/buddy.h"

#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "packetset/packet_space.h"
#include "policy/compile.h"
#include "tests/support/generate.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

RuleList random_rules() {
  Policy policy = read_policy("[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n");
  policy.rules = *rc::gen::container<std::vector<UserRule>>(generate::user_rule());
  if (policy.rules.size() > 6)
    policy.rules.resize(6);
  return compile(policy, shipped_catalogue(), kNow).rules;
}

std::vector<Box> boxes_of(const RuleList& rules, Direction direction, const InterfaceNames& names) {
  std::vector<Box> boxes;
  for (const Rule& rule : rules)
    if (rule.direction == direction)
      boxes.push_back(box_of(rule.match, Family::V4, names));
  return boxes;
}

bool accepts(const Rule& rule) {
  return rule.verdict == Verdict::Accept || rule.verdict == Verdict::Limit;
}

Diagram accepted(PacketSpace& space, const RuleList& rules, Direction direction,
                 const InterfaceNames& names) {
  std::vector<Diagram> steps;
  for (const Rule& rule : rules)
    if (rule.direction == direction)
      steps.push_back(
          space.diagram(box_of(rule.match, Family::V4, names), accepts(rule) ? 2 : 4, kContinue));
  return space.store().replace(space.store().sequence(steps),
                               [](Outcomes outcomes) -> Outcomes { return outcomes == 2 ? 1 : 0; });
}

bdd accepted(const Buddy& buddy, const RuleList& rules, Direction direction,
             const InterfaceNames& names) {
  std::vector<Buddy::Rule> list;
  for (const Rule& rule : rules)
    if (rule.direction == direction)
      list.push_back({buddy.of(box_of(rule.match, Family::V4, names)), accepts(rule)});
  return Buddy::accepted(list);
}

RC_GTEST_PROP(Buddy, AgreesAboutRuleLists, ()) {
  const RuleList a = random_rules();
  const RuleList b = *rc::gen::arbitrary<bool>() ? random_rules() : a;
  RuleList both = a;
  both.insert(both.end(), b.begin(), b.end());
  const InterfaceNames names(both);
  const Direction direction = *rc::gen::element(Direction::In, Direction::Out);
  PacketSpace space(Family::V4, names, boxes_of(both, direction, names));
  const Diagram mine = accepted(space, a, direction, names);
  const Diagram other = accepted(space, b, direction, names);
  const Buddy buddy(names, 100'000);
  const bdd theirs = accepted(buddy, a, direction, names);
  const bdd others = accepted(buddy, b, direction, names);
  RC_ASSERT((mine == other) == (theirs == others));
  const auto near = [](double x, double y) { return std::abs(x - y) <= 1e-12 + 1e-9 * y; };
  RC_ASSERT(near(space.store().share(mine), buddy.share(theirs)));
  RC_ASSERT(
      near(space.store().share(space.store().subtract(mine, other)), buddy.share(theirs - others)));
  RC_ASSERT(
      near(space.store().share(space.store().subtract(other, mine)), buddy.share(others - theirs)));
}

}  // namespace
}  // namespace quay
