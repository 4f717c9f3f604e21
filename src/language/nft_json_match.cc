#include "language/nft_json_match.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/checksum.h"
#include "base/text.h"
#include "language/masked_numbers.h"
#include "language/nft_json_text.h"

namespace quay::nft_json {
namespace {

using filter::Atom;
using filter::Box;
using filter::Condition;
using filter::Number;
using filter::Numbers;
using filter::Test;
using filter::Values;

// What answers otherwise each time it is asked, or has lost a part on its way into JSON: the zone
// of times, the level of a control group.
bool fleeting(std::string_view tag, std::string_view key) {
  constexpr std::array<std::string_view, 9> keys{
      "bytes", "packets", "avgpkt", "expiration", "label", "random", "time", "hour", "cgroupv2"};
  return tag == "numgen" || std::ranges::find(keys, key) != keys.end();
}

// The question stays the same and its answer too, wherever it is asked in the ruleset.
bool lasting(const Json& left, const Context& context) {
  const auto [tag, value] = tagged(left);
  if (tag.empty() || fleeting(tag, text_member(*value, "key")))
    return false;
  return (!context.translates || context.reached.settled) && (!context.mangles || tag == "ct");
}

// `elements` are those of the set that is asked for, if it is one.
Meaning atom(const Json& match, const Context& context, const std::optional<Listed>& elements) {
  const bool changing = elements && elements->changing;
  const Json* left = member(match, "left");
  const std::string_view op = text_member(match, "op");
  Atom one{.text = match_text(match, changing ? nullptr : context.sets, true),
           .stateful = changing || left == nullptr || !lasting(*left, context),
           .inverted = op == "!=" || op == "!"};
  // Of what rules put into a set nobody knows; else the question is what it is by its elements.
  if (elements && !elements->filled && text_of(member(match, "right")).starts_with('@'))
    one.text += fmt::format(" ({})", digest_of(*elements));
  if (one.text.starts_with("ct status"))
    one.elsewhere = Atom::Elsewhere::Translated;
  // A part of an option that nft has no name for: which, it does not say.
  const Json* asked = left == nullptr ? nullptr : tagged(*left).value;
  if (asked != nullptr && text_member(*asked, "field") == "unknown")
    one.elsewhere = Atom::Elsewhere::Other;
  Meaning meaning{.conditions = {}, .unknown = {one.text}};
  meaning.conditions.emplace_back(std::move(one));
  return meaning;
}

bool impossible(const Box& box) {
  return std::ranges::any_of(box, [](const Values& values) {
    return values.field.kind == filter::Kind::Family && values.numbers.empty();
  });
}

// One of the bits of `value`; with "!" none of them.
std::optional<Test> bits_test(Part part, const Json& value, bool none) {
  const auto bits = number_of(part.question, value);
  if (!bits || part.flip != 0)
    return std::nullopt;
  part.mask &= *bits;
  auto without = values_of(part, Numbers({{0, 0}}));
  if (!without)
    return std::nullopt;
  return Test{.boxes = {{*std::move(without)}}, .inverted = !none};
}

std::optional<Numbers> ordered(const Part& part, std::string_view op, const Json& value) {
  const auto number = number_of(part.question, value);
  if (!number)
    return std::nullopt;
  const Number most = most_of(part.question.bits);
  if (op == "<")
    return *number == 0 ? Numbers() : Numbers::up_to(*number - 1);
  if (op == "<=")
    return Numbers::up_to(*number);
  if (op == ">=")
    return Numbers({{*number, most}});
  return *number == most ? Numbers() : Numbers({{*number + 1, most}});
}

std::optional<Test> ordered_test(const Part& part, std::string_view op, const Json& value) {
  const auto numbers = ordered(part, op, value);
  auto values = numbers ? values_of(part, *numbers) : std::nullopt;
  return values ? std::optional(Test{.boxes = {{*std::move(values)}}}) : std::nullopt;
}

std::optional<Test> test_of(const Key& key, const Json& match, const Listed& elements, bool set) {
  const std::string_view op = text_member(match, "op");
  const Json& right = *member(match, "right");
  const Part& first = key.front();
  const bool one = key.size() == 1 && first.question.spelling != Spelling::Interface;
  const bool bits = is_bits(first.question.spelling) && !set;
  if (one && bits && (op == "in" || op == "!"))
    return bits_test(first, right, op == "!");
  if (one && !set && (op.starts_with('<') || op.starts_with('>')))
    return ordered_test(first, op, right);
  if (op != "==" && op != "!=" && op != "in")
    return std::nullopt;
  auto boxes = boxes_of(key, elements.elements);
  if (!boxes)
    return std::nullopt;
  return Test{.boxes = *std::move(boxes), .inverted = op == "!="};
}

}  // namespace

std::vector<Condition> implied_conditions(const Box& implied) {
  std::vector<Condition> conditions;
  for (const Values& values : implied)
    conditions.emplace_back(Test{.boxes = {{values}}});
  return conditions;
}

bool asks_for(const filter::Condition& condition, const filter::Field& field) {
  const auto* test = std::get_if<filter::Test>(&condition);
  return test != nullptr && std::ranges::any_of(test->boxes, [&](const filter::Box& box) {
           return std::ranges::find(box, field, &filter::Values::field) != box.end();
         });
}

Meaning stateful(std::string text) {
  Meaning meaning{.conditions = {}, .unknown = {text}};
  meaning.conditions.emplace_back(Atom{.text = std::move(text), .stateful = true});
  return meaning;
}

std::optional<Listed> listed(const Json& set, const Context& context) {
  if (text_of(&set).starts_with('@')) {
    const NamedSet* named = context.set(text_of(&set));
    return named == nullptr
               ? std::nullopt
               : std::optional(
                     Listed{named->elements, named->changing || named->filled, named->filled});
  }
  Listed all;
  const auto [tag, inside] = tagged(set);
  const auto* array = tag == "set" ? inside->if_array() : nullptr;
  if (array == nullptr)
    all.elements.push_back(tag == "set" ? inside : &set);
  else
    for (const Json& element : *array)
      all.elements.push_back(&element);
  return all;
}

std::string digest_of(const Listed& listed) {
  std::vector<std::string> elements;
  elements.reserve(listed.elements.size());
  for (const Json* element : listed.elements)
    elements.push_back(boost::json::serialize(bare(*element)));
  std::ranges::sort(elements);
  return fmt::format("{} elements, {}", elements.size(), checksum(join(elements, "\n")));
}

namespace {

// "fib saddr . iif oif missing" asks whether there is a route, not which.
void ask_whether(Key& key) {
  Question& question = key.front().question;
  if (!question.field.name.starts_with("fib ") || !question.field.name.ends_with(" oif"))
    return;
  question.field = other_field(question.field.name + " exists", 1);
  question.bits = 1;
}

}  // namespace

Meaning meaning_of_match(const Json& match, const Context& context) {
  const Json* left = member(match, "left");
  const Json* right = member(match, "right");
  auto key = left == nullptr || right == nullptr ? std::nullopt : key_of(*left, context.family);
  if (!key)
    return atom(match, context, std::nullopt);
  if (right->is_bool())
    ask_whether(*key);
  const Box needed = implied(*key);
  Meaning meaning{.conditions = implied_conditions(needed), .unknown = {}};
  if (impossible(needed))
    return meaning;
  const auto elements = listed(*right, context);
  const bool set = tagged(*right).tag == "set" || text_of(right).starts_with('@');
  auto test = elements && !elements->changing ? test_of(*key, match, *elements, set) : std::nullopt;
  if (test) {
    meaning.conditions.emplace_back(*std::move(test));
    return meaning;
  }
  Meaning rest = atom(match, context, elements);
  std::ranges::move(rest.conditions, std::back_inserter(meaning.conditions));
  meaning.unknown = std::move(rest.unknown);
  return meaning;
}

}  // namespace quay::nft_json
