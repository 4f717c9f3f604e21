#include "language/nft_json_losses.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "language/nft_json_match.h"

namespace quay::nft_json {
namespace {

using filter::Condition;
using filter::Kind;
using filter::Number;
using filter::Rule;
using filter::Values;

void add(Rule& rule, Meaning meaning) {
  std::ranges::move(meaning.conditions, std::back_inserter(rule.conditions));
  std::ranges::move(meaning.unknown, std::back_inserter(rule.unknown));
}

// What a condition that asks for one field asks for.
const Values* single(const Condition& condition) {
  const auto* test = std::get_if<filter::Test>(&condition);
  const bool one = test != nullptr && test->boxes.size() == 1 && test->boxes.front().size() == 1;
  return one ? &test->boxes.front().front() : nullptr;
}

bool is_inverted(const Condition& condition) {
  const auto* test = std::get_if<filter::Test>(&condition);
  return test != nullptr && test->inverted;
}

// The one family that a condition asks for.
std::optional<Number> family_in(const Condition& condition) {
  const Values* values = single(condition);
  if (values == nullptr || values->field.kind != Kind::Family || is_inverted(condition))
    return std::nullopt;
  const auto& intervals = values->numbers.intervals();
  return intervals.size() == 1 && intervals.front().first == intervals.front().last
             ? std::optional(intervals.front().first)
             : std::nullopt;
}

void settle_contradiction(Rule& rule) {
  std::set<Number> families;
  for (const Condition& condition : rule.conditions)
    if (const auto family = family_in(condition))
      families.insert(*family);
  if (families.size() < 2)
    return;
  std::erase_if(rule.conditions,
                [](const Condition& condition) { return family_in(condition).has_value(); });
  add(rule, stateful("the family of packets, which its own conditions contradict"));
}

bool excludes_header_value(const Condition& condition) {
  const Values* values = single(condition);
  if (values == nullptr || !is_inverted(condition))
    return false;
  switch (values->field.kind) {
    case Kind::Family:
    case Kind::State:
    case Kind::InInterface:
    case Kind::OutInterface:
    case Kind::Mark:
      return false;
    case Kind::Other:
      return !values->field.name.starts_with("meta ") && !values->field.name.starts_with("ct ");
    default:
      return true;
  }
}

void settle_neighbours(Rule& rule) {
  std::vector<Condition>& conditions = rule.conditions;
  const auto both_exclude = [](const Condition& a, const Condition& b) {
    return excludes_header_value(a) && excludes_header_value(b);
  };
  while (true) {
    const auto first = std::ranges::adjacent_find(conditions, both_exclude);
    if (first == conditions.end())
      return;
    conditions.erase(first, std::find_if_not(first, conditions.end(), excludes_header_value));
    add(rule, stateful("the fields that must differ, side by side"));
  }
}

}  // namespace

Rule settled(Rule rule) {
  settle_contradiction(rule);
  settle_neighbours(rule);
  return rule;
}

}  // namespace quay::nft_json
