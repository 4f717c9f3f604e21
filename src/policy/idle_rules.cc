#include "policy/idle_rules.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "packetset/packet_space.h"

namespace quay {
namespace {

// Verdicts as decisions count them. What logs or limits is like nothing else.
constexpr std::uint32_t kSpecial = 4;

std::uint32_t verdict_number(const Rule& rule) {
  if (rule.log != Log::None)
    return kSpecial;
  switch (rule.verdict) {
    case Verdict::Accept:
      return 1;
    case Verdict::Drop:
      return 2;
    case Verdict::Reject:
      return 3;
    case Verdict::Limit:
      break;
  }
  return kSpecial;
}

// One of the operator's rules, or of the product's: neighbours of one origin.
struct Group {
  std::size_t first = 0;
  std::size_t last = 0;
  bool decides = false;
  bool matters = false;
  std::set<std::uint32_t> deciders;  // of its packets, when it decides none
};

std::vector<Group> groups_of(const RuleList& rules) {
  std::vector<Group> groups;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const bool same = !groups.empty() && rules[i].origin == rules[groups.back().first].origin &&
                      rules[i].until == rules[groups.back().first].until;
    if (same)
      groups.back().last = i;
    else
      groups.push_back({i, i, false, false, {}});
  }
  return groups;
}

// Looks at the rules of one direction and family.
class Look {
 public:
  Look(const RuleList& rules, Direction direction, Family family, const InterfaceNames& names)
      : rules_(rules),
        direction_(direction),
        family_(family),
        names_(names),
        space_(family, names, boxes()) {}

  // False when the rules are too many to tell.
  bool take(std::vector<Group>& groups) {
    const Diagram all = decide(groups, [](const Group&) { return true; });
    if (space_.store().exhausted())
      return false;
    for (std::size_t number = 0; number < groups.size(); ++number)
      if (!groups[number].decides && operator_made(rules_[groups[number].first]))
        find_deciders(groups, number, all);
    return !space_.store().exhausted();
  }

  // A rule is not redundant when only a dead one of the operator's would stand in for it: people
  // remove both. False as above.
  bool take_without_dead(std::vector<Group>& groups) {
    decide(groups, [this](const Group& group) {
      return group.decides || !operator_made(rules_[group.first]);
    });
    return !space_.store().exhausted();
  }

 private:
  std::vector<Box> boxes() const {
    std::vector<Box> all{wire()};
    for (const Rule& rule : rules_)
      if (rule.direction == direction_)
        all.push_back(box_of(rule.match, family_, names_));
    return all;
  }
  // First packets of flows on a wire: what people mean by a rule's packets.
  Box wire() const { return box_of(PacketQuery{.direction = direction_}, family_, names_); }
  Diagram step(std::size_t rule, std::size_t number) {
    const Decision decision{static_cast<std::uint32_t>(number + 1), verdict_number(rules_[rule]),
                            0};
    return space_.diagram(box_of(rules_[rule].match, family_, names_), decision.outcomes(), 0);
  }
  Diagram region(const Group& group) {
    Diagram all = 0;
    for (std::size_t i = group.first; i <= group.last; ++i)
      if (rules_[i].direction == direction_)
        all = space_.store().unite(
            all, space_.diagram(box_of(rules_[i].match, family_, names_), kMostOutcomes, 0));
    return all;
  }
  // What ends by itself matters as long as the lasting rules before it leave it something.
  void look_at_passing(Group& group, const std::vector<Diagram>& before) {
    const Diagram decided = space_.store().replace(
        space_.store().decide(before),
        [](Outcomes outcomes) -> Outcomes { return outcomes != 0 ? kMostOutcomes : 0; });
    if (space_.store().subtract(region(group), decided) != 0)
      group.decides = group.matters = true;
  }
  // Who decides what among those groups that count, and what another would decide without it.
  template <typename Counts>
  Diagram decide(std::vector<Group>& groups, Counts counts) {
    std::vector<Diagram> steps;
    for (std::size_t number = 0; number < groups.size(); ++number) {
      Group& group = groups[number];
      if (!counts(group))
        continue;
      if (rules_[group.first].until)
        look_at_passing(group, steps);
      else
        for (std::size_t i = group.first; i <= group.last; ++i)
          if (rules_[i].direction == direction_)
            steps.push_back(step(i, number));
    }
    const Diagram all = space_.store().decide(steps);
    for (const Outcomes outcomes : space_.store().outcomes(all)) {
      const Decision decision = Decision::of(outcomes);
      if (decision.number == 0)
        continue;
      Group& group = groups[decision.number - 1];
      group.decides = true;
      group.matters =
          group.matters || decision.verdict != decision.otherwise || decision.verdict == kSpecial;
    }
    return all;
  }
  // Whose rules decide the packets of a dead one.
  void find_deciders(std::vector<Group>& groups, std::size_t number, Diagram all) {
    const Diagram every = space_.store().intersect(region(groups[number]), all);
    const Diagram on_wire =
        space_.store().intersect(space_.diagram(wire(), kMostOutcomes, 0), every);
    const Diagram mine = on_wire != 0 ? on_wire : every;
    for (const Outcomes outcomes : space_.store().outcomes(mine))
      if (const std::uint32_t other = outcomes >> 6; other != 0 && other != number + 1)
        groups[number].deciders.insert(other - 1);
  }

  const RuleList& rules_;
  Direction direction_;
  Family family_;
  const InterfaceNames& names_;
  PacketSpace space_;
};

}  // namespace

std::vector<IdleRule> idle_rules(const RuleList& rules) {
  std::vector<IdleRule> found;
  if (std::none_of(rules.begin(), rules.end(), operator_made))
    return found;
  std::vector<Group> groups = groups_of(rules);
  InterfaceNames names(rules);
  names.add(kLoopback.text);
  std::deque<Look> looks;
  for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward}) {
    const auto asked_for = [&](const Rule& rule) {
      return operator_made(rule) && rule.direction == direction;
    };
    if (std::none_of(rules.begin(), rules.end(), asked_for))
      continue;
    for (const Family family : {Family::V4, Family::V6})
      if (!looks.emplace_back(rules, direction, family, names).take(groups))
        return found;
  }
  const auto dead = [&](const Group& group) {
    return !group.decides && operator_made(rules[group.first]);
  };
  if (std::any_of(groups.begin(), groups.end(), dead))
    for (Look& look : looks)
      if (!look.take_without_dead(groups))
        return found;
  for (const Group& group : groups) {
    const Rule& rule = rules[group.first];
    if (!operator_made(rule) || group.matters)
      continue;
    IdleRule idle{.rule = &rule, .redundant = group.decides, .deciders = {}};
    if (!idle.redundant)
      for (const std::uint32_t decider : group.deciders)
        idle.deciders.push_back(rules[groups[decider].first].origin);
    found.push_back(std::move(idle));
  }
  return found;
}

}  // namespace quay
