#include "language/nft_json_verdict.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "language/disjoint_boxes.h"
#include "language/masked_numbers.h"
#include "language/nft_json_key.h"
#include "model/packet.h"

namespace quay::nft_json {
namespace {

using filter::Box;
using filter::Number;
using filter::Values;
using filter::VerdictMap;

constexpr std::array<std::pair<std::string_view, filter::Verdict::Kind>, 7> kVerdicts{{
    {"accept", filter::Verdict::Kind::Accept},
    {"drop", filter::Verdict::Kind::Drop},
    {"continue", filter::Verdict::Kind::Continue},
    {"return", filter::Verdict::Kind::Return},
    {"jump", filter::Verdict::Kind::Jump},
    {"goto", filter::Verdict::Kind::Goto},
    {"queue", filter::Verdict::Kind::Queue},
}};

// What no box of the map holds; boxes of one field.
Values all_others(const Question& question, const VerdictMap& map) {
  Values others{.field = question.field, .numbers = {}, .names = {}};
  if (question.spelling == Spelling::Interface) {
    others.but_names = true;
    for (const auto& [box, verdict] : map)
      std::ranges::copy(box.front().names, std::back_inserter(others.names));
    return others;
  }
  std::vector<Interval<Number>> taken;
  for (const auto& [box, verdict] : map)
    std::ranges::copy(box.front().numbers.intervals(), std::back_inserter(taken));
  const filter::Numbers all =
      question.field.kind == filter::Kind::State
          ? filter::Numbers::up_to(kStates - 1)
          : filter::Numbers::up_to(most_of(
                filter::width(question.field, question.bits == 128 ? Family::V6 : Family::V4)));
  others.numbers = all.subtract(filter::Numbers(std::move(taken)));
  return others;
}

// Adds one element; `rest` keeps the verdict of "*".
bool add(const Key& key, const Json& element, VerdictMap& map,
         std::optional<filter::Verdict>& rest) {
  const auto* pair = bare(element).if_array();
  if (pair == nullptr || pair->size() != 2)
    return false;
  auto verdict = verdict_of((*pair)[1]);
  const Json& value = bare((*pair)[0]);
  if (!verdict)
    return false;
  if (text_of(&value) == "*") {
    rest = std::move(verdict);
    return true;
  }
  const Json* one = &value;
  auto boxes = boxes_of(key, std::span(&one, 1));
  if (!boxes)
    return false;
  map.emplace_back(std::move(boxes->front()), *std::move(verdict));
  return true;
}

std::optional<VerdictMap> map_of(const Key& key, const std::vector<const Json*>& elements) {
  VerdictMap map;
  std::optional<filter::Verdict> rest;
  for (const Json* element : elements)
    if (!add(key, *element, map, rest))
      return std::nullopt;
  auto apart = disjoint(std::move(map));
  if (!rest || !apart)
    return apart;
  if (key.size() != 1)  // what is left is no box
    return std::nullopt;
  apart->emplace_back(Box{all_others(key.front().question, *apart)}, *std::move(rest));
  return apart;
}

}  // namespace

std::optional<filter::Verdict> verdict_of(const Json& statement) {
  const auto [tag, value] = tagged(statement);
  const auto* found = std::ranges::find(kVerdicts, tag, [](const auto& one) { return one.first; });
  if (found == kVerdicts.end())
    return std::nullopt;
  return filter::Verdict{.kind = found->second,
                         .chain = std::string(text_member(*value, "target"))};
}

VerdictChoice verdict_choice(const Json& vmap, const Context& context) {
  const Json* asked = member(vmap, "key");
  const Json* data = member(vmap, "data");
  const auto key = asked == nullptr ? std::nullopt : key_of(*asked, context.family);
  VerdictChoice choice;
  if (!key)
    return choice;
  choice.needs.conditions = implied_conditions(implied(*key));
  const auto elements = data == nullptr ? std::nullopt : listed(*data, context);
  if (elements && !elements->changing)
    choice.map = map_of(*key, elements->elements);
  return choice;
}

}  // namespace quay::nft_json
