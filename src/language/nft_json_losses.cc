#include "language/nft_json_losses.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "language/nft_json_match.h"
#include "language/nft_json_question.h"
#include "model/packet.h"

namespace quay::nft_json {
namespace {

using filter::Condition;
using filter::Kind;
using filter::Number;
using filter::Rule;
using filter::TableFamily;
using filter::Values;

constexpr Number kIcmp = 1;
constexpr Number kIcmpV6 = 58;

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

// The one value that a condition asks for.
std::optional<Number> value_in(const Condition& condition, Kind kind) {
  const Values* values = single(condition);
  if (values == nullptr || values->field.kind != kind || is_inverted(condition))
    return std::nullopt;
  const auto& intervals = values->numbers.intervals();
  return intervals.size() == 1 && intervals.front().first == intervals.front().last
             ? std::optional(intervals.front().first)
             : std::nullopt;
}

bool asks(const Rule& rule, Kind kind) {
  const filter::Field field{.kind = kind, .name = {}};
  const auto in_conditions = [&](const Condition& one) { return asks_for(one, field); };
  const auto in_key = [&](const auto& entry) {
    return std::ranges::find(entry.first, field, &Values::field) != entry.first.end();
  };
  return std::ranges::any_of(rule.conditions, in_conditions) ||
         (rule.map && std::ranges::any_of(*rule.map, in_key));
}

// True when there is one.
bool settle_contradiction(Rule& rule) {
  std::set<Number> families;
  for (const Condition& condition : rule.conditions)
    if (const auto family = value_in(condition, Kind::Family))
      families.insert(*family);
  if (families.size() < 2)
    return false;
  std::erase_if(rule.conditions, [](const Condition& condition) {
    return value_in(condition, Kind::Family).has_value();
  });
  add(rule, stateful("the family of packets, which its own conditions contradict"));
  return true;
}

void settle_protocol(Rule& rule) {
  const bool transport = asks(rule, Kind::SourcePort) || asks(rule, Kind::DestinationPort);
  if (transport && !asks(rule, Kind::Protocol))
    add(rule, stateful("the protocol, which nft does not tell before a transport header"));
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

// The family that nft takes for implied by a protocol.
std::optional<Number> implied_family(const Rule& rule) {
  for (const Condition& condition : rule.conditions)
    if (const auto protocol = value_in(condition, Kind::Protocol);
        protocol == kIcmp || protocol == kIcmpV6)
      return protocol == kIcmp ? 0 : 1;
  return std::nullopt;
}

}  // namespace

std::vector<Rule> settled(Rule rule, TableFamily family) {
  const bool contradicts = settle_contradiction(rule);
  settle_protocol(rule);
  settle_neighbours(rule);
  const bool both = family != TableFamily::Ip && family != TableFamily::Ip6;
  const auto implied = implied_family(rule);
  if (contradicts || !both || !implied || asks(rule, Kind::Family))
    return {std::move(rule)};
  Rule strange = rule;
  const auto of = [](Number one) {
    return filter::Test{.boxes = {{values_of(Kind::Family, one)}}};
  };
  rule.conditions.emplace_back(of(*implied));
  strange.conditions.emplace_back(of(1 - *implied));
  add(strange, stateful("the family of packets, which nft does not tell beside ICMP"));
  return {std::move(rule), std::move(strange)};
}

}  // namespace quay::nft_json
