#include "language/route_fields.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"

namespace quay {
namespace {

using filter::Assign;
using filter::Field;
using filter::Kind;

using Fields = std::set<Field>;

template <typename Visit>
void for_each_rule(filter::Ruleset& ruleset, const Visit& visit) {
  for (filter::Table& table : ruleset.tables)
    for (filter::Chain& chain : table.chains)
      std::ranges::for_each(chain.rules, visit);
}

void note(const filter::Box& box, Fields& fields) {
  for (const filter::Values& values : box)
    if (values.field.name.starts_with("fib "))
      fields.insert(values.field);
}

void note(const filter::Rule& rule, Fields& fields) {
  for (const filter::Condition& condition : rule.conditions)
    if (const auto* test = std::get_if<filter::Test>(&condition))
      for (const filter::Box& box : test->boxes)
        note(box, fields);
  if (rule.map)
    for (const auto& [box, verdict] : *rule.map)
      note(box, fields);
}

// The word for a field in the names of those that are asked with it.
std::string_view word_for(const Field& field) {
  switch (field.kind) {
    case Kind::Source:
      return "saddr";
    case Kind::Destination:
      return "daddr";
    case Kind::Mark:
      return "mark";
    default:
      return {};
  }
}

std::vector<Assign> changed_with(const Field& field, const Fields& fields) {
  std::vector<Assign> more;
  const std::string_view asked = word_for(field);
  for (const Field& one : fields) {
    const auto words = split(one.name, ' ');
    if (!asked.empty() && std::ranges::find(words, asked) != words.end())
      more.push_back({one, std::nullopt});
  }
  return more;
}

}  // namespace

void spread_to_routes(filter::Ruleset& ruleset) {
  Fields fields;
  for_each_rule(ruleset, [&](const filter::Rule& rule) { note(rule, fields); });
  for_each_rule(ruleset, [&](filter::Rule& rule) {
    std::vector<Assign> more;
    for (const Assign& assign : rule.assigns)
      std::ranges::move(changed_with(assign.field, fields), std::back_inserter(more));
    std::ranges::move(more, std::back_inserter(rule.assigns));
  });
}

}  // namespace quay
