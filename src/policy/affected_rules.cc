#include "policy/affected_rules.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <ranges>

namespace quay {
namespace {

// Beyond that, looking for the rules that meet them costs more than taking all.
constexpr std::size_t kMostMatches = 256;

std::vector<const Rule*> of_direction(const RuleList& rules, Direction direction) {
  std::vector<const Rule*> found;
  found.reserve(rules.size());
  for (const Rule& rule : rules)
    if (rule.direction == direction)
      found.push_back(&rule);
  return found;
}

bool decide_alike(const Rule* a, const Rule* b) {
  return a->verdict == b->verdict && a->match == b->match;
}

}  // namespace

std::vector<const Match*> changed_matches(const RuleList& before, const RuleList& after,
                                          Direction direction) {
  const std::vector<const Rule*> old_rules = of_direction(before, direction);
  const std::vector<const Rule*> new_rules = of_direction(after, direction);
  const auto first = std::ranges::mismatch(old_rules, new_rules, decide_alike);
  const auto last = std::ranges::mismatch(
      std::ranges::subrange(first.in1, old_rules.end()) | std::views::reverse,
      std::ranges::subrange(first.in2, new_rules.end()) | std::views::reverse, decide_alike);
  std::vector<const Match*> matches;
  for (auto rule = first.in1; rule != last.in1.base(); ++rule)
    matches.push_back(&(*rule)->match);
  for (auto rule = first.in2; rule != last.in2.base(); ++rule)
    matches.push_back(&(*rule)->match);
  return matches;
}

RuleList rules_meeting(const RuleList& rules, Direction direction,
                       const std::vector<const Match*>& matches) {
  RuleList found;
  std::ranges::copy_if(rules, std::back_inserter(found), [&](const Rule& rule) {
    return rule.direction == direction &&
           (matches.size() > kMostMatches || std::ranges::any_of(matches, [&](const Match* match) {
              return may_meet(rule.match, *match);
            }));
  });
  return found;
}

}  // namespace quay
