#include "language/nft_rule.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "language/nft_rule_reader.h"

namespace quay::nft {

using filter::Box;
using filter::Kind;
using filter::Test;
using Boxes = std::vector<Box>;
using Decision = filter::Verdict::Kind;

namespace {

std::string hex(std::string_view bytes) {
  std::string text = "0x";
  for (const char byte : bytes)
    text += fmt::format("{:02x}", static_cast<std::uint8_t>(byte));
  return text;
}

// nullopt for codes that rules do not have.
std::optional<filter::Verdict> verdict_of(const Verdict& verdict) {
  switch (verdict.code) {
    case NFT_CONTINUE:
    case NFT_BREAK:
      return filter::Verdict{};
    case NFT_JUMP:
      return filter::Verdict{Decision::Jump, verdict.chain};
    case NFT_GOTO:
      return filter::Verdict{Decision::Goto, verdict.chain};
    case NFT_RETURN:
      return filter::Verdict{Decision::Return, {}};
    default:
      break;
  }
  if (verdict.code < 0)
    return std::nullopt;
  switch (static_cast<std::uint32_t>(verdict.code) & NF_VERDICT_MASK) {
    case NF_ACCEPT:
      return filter::Verdict{Decision::Accept, {}};
    case NF_DROP:
      return filter::Verdict{Decision::Drop, {}};
    case NF_QUEUE:
      return filter::Verdict{Decision::Queue, {}};
    default:
      return std::nullopt;
  }
}

// The key after or before another in memcmp's order; nullopt beyond the ends.
std::optional<Bytes> neighbour(Bytes key, bool after) {
  for (auto byte = key.rbegin(); byte != key.rend(); ++byte) {
    const auto value = static_cast<std::uint8_t>(*byte);
    *byte = static_cast<char>(static_cast<std::uint8_t>(after ? value + 1 : value - 1));
    if (value != (after ? 0xff : 0))
      return key;
  }
  return std::nullopt;
}

// Rules may change these on the way.
bool may_change(const Boxes& boxes) {
  return std::ranges::any_of(boxes, [](const Box& box) {
    return std::ranges::any_of(box, [](const filter::Values& values) {
      const Kind kind = values.field.kind;
      return kind == Kind::Mark || kind == Kind::State || kind == Kind::Other;
    });
  });
}

bool goes_elsewhere(const filter::Verdict& verdict) {
  return verdict.kind == Decision::Jump;
}

}  // namespace

void RuleReader::operator()(const Immediate& immediate) {
  const auto* verdict = std::get_if<Verdict>(&immediate.data);
  if (verdict == nullptr)
    return state_.load_constant(immediate.to.value_or(0), std::get<Bytes>(immediate.data));
  auto decision = verdict_of(*verdict);
  if (!decision)
    return state_.decide_unknown(fmt::format("verdict {}", verdict->code));
  // `continue` is what happens anyhow.
  if (verdict->code != NFT_CONTINUE)
    state_.decide(std::move(*decision));
}

void RuleReader::between(Register from, const Bytes& first, const Bytes& last, bool inverted) {
  const Key key = whole_key(from, first.size());
  auto boxes = state_.boxes(key, first, last);
  if (boxes)
    return state_.ask(Test{std::move(*boxes), inverted});
  const std::string what = first == last ? hex(first) : hex(first) + "-" + hex(last);
  std::string text = fmt::format("{} {}", key.text, what);
  if (first == last && key.readings.size() == 1)
    text = state_.masked_text_of(key, first).value_or(text);
  state_.ask_unknown(key, std::move(text), inverted);
}

void RuleReader::operator()(const Compare& compare) {
  if (compare.value.empty() || compare.value.size() > 64 || compare.operation > NFT_CMP_GTE)
    return state_.decide_unknown("expression cmp, a value");
  const Bytes least(compare.value.size(), '\0');
  const Bytes most(compare.value.size(), '\xff');
  const Bytes& value = compare.value;
  const auto none = [this] { state_.ask(Test{}); };
  switch (compare.operation) {
    case NFT_CMP_LT: {
      const auto last = neighbour(value, false);
      return last ? between(compare.from, least, *last, false) : none();
    }
    case NFT_CMP_LTE:
      return between(compare.from, least, value, false);
    case NFT_CMP_GT: {
      const auto first = neighbour(value, true);
      return first ? between(compare.from, *first, most, false) : none();
    }
    case NFT_CMP_GTE:
      return between(compare.from, value, most, false);
    default:
      return between(compare.from, value, value, compare.operation == NFT_CMP_NEQ);
  }
}

std::optional<Boxes> RuleReader::keys_of(const SetContent& content, const Key& key) const {
  Boxes all;
  for (const Entry& entry : content.entries) {
    auto boxes = state_.boxes(key, entry.first, entry.last);
    if (!boxes)
      return std::nullopt;
    std::ranges::move(*boxes, std::back_inserter(all));
  }
  join_boxes(all);
  return all;
}

void RuleReader::operator()(const Lookup& lookup) {
  const SetContent* content = state_.around().sets.find(lookup.set);
  if (content == nullptr)
    return state_.decide_unknown(fmt::format("set {}, which is not there", lookup.set));
  const Key key = state_.key(lookup.from, content->parts);
  std::string text = fmt::format("{} @{}", key.text, lookup.set);
  if (lookup.to_verdict)
    return look_up_verdict(*content, key, text);
  const auto keys =
      content->unknown.empty() && !content->changes ? keys_of(*content, key) : std::nullopt;
  // Of what rules put into it nobody knows; else the question is what it is by its elements.
  if (!keys && !content->filled && content->others == nullptr)
    text += fmt::format(" ({})", digest_of(*content->set));
  if (content->others != nullptr && !content->changes)
    state_.ask(Test{.boxes = {Box{}}, .inverted = lookup.inverted});
  else if (content->changes)
    state_.ask_stateful(text, lookup.inverted);
  else if (keys)
    state_.ask(Test{*keys, lookup.inverted});
  else
    state_.ask_unknown(key, text, lookup.inverted);
  if (lookup.to)
    state_.load_nothing(*lookup.to, text, 64 - *lookup.to * std::size_t{4},
                        content->changes || key.unsteady);
}

namespace {

// Verdicts by what they are, each with its keys.
using Groups = std::vector<std::pair<filter::Verdict, Boxes>>;

Boxes& group_of(Groups& groups, const filter::Verdict& verdict) {
  const auto known = std::ranges::find(groups, verdict, &Groups::value_type::first);
  if (known != groups.end())
    return known->second;
  return groups.emplace_back(verdict, Boxes()).second;
}

std::optional<filter::Verdict> verdict_in(const Element& element) {
  const auto* verdict = element.data ? std::get_if<Verdict>(&*element.data) : nullptr;
  return verdict == nullptr ? std::nullopt : verdict_of(*verdict);
}

// "continue", in a map, is to go on with the rule itself.
bool goes_on(const Element& element) {
  const auto* verdict = element.data ? std::get_if<Verdict>(&*element.data) : nullptr;
  return verdict != nullptr && verdict->code == NFT_CONTINUE;
}

}  // namespace

void RuleReader::look_up_verdict(const SetContent& content, const Key& key,
                                 const std::string& text) {
  if (content.changes || !content.unknown.empty())
    return state_.decide_unknown(text);
  Groups groups;
  Boxes all;
  for (const Entry& entry : content.entries) {
    const auto boxes = state_.boxes(key, entry.first, entry.last);
    const auto verdict = verdict_in(*entry.element);
    goes_on_ = goes_on_ || goes_on(*entry.element);
    if (!boxes || !verdict)
      return state_.decide_unknown(text);
    std::ranges::copy(*boxes, std::back_inserter(group_of(groups, *verdict)));
    if (content.others != nullptr)
      std::ranges::copy(*boxes, std::back_inserter(all));
  }
  if (content.others != nullptr) {
    const auto others = verdict_in(*content.others);
    goes_on_ = goes_on_ || goes_on(*content.others);
    const bool elsewhere =
        std::ranges::any_of(groups, [](const auto& group) { return goes_elsewhere(group.first); });
    // What comes back from a chain as another packet would be asked for a second time.
    if (!others || (may_change(all) && (elsewhere || goes_elsewhere(*others))))
      return state_.decide_unknown(text);
    join_boxes(all);
    state_.decide_where(Test{std::move(all), true}, *others);
  }
  filter::VerdictMap map;
  for (auto& [verdict, boxes] : groups) {
    join_boxes(boxes);
    for (Box& box : boxes)
      map.emplace_back(std::move(box), verdict);
  }
  state_.decide(std::move(map));
}

std::vector<filter::Rule> read_rule(const Rule& rule, const Surroundings& around) {
  return RuleReader(rule, around).read(rule);
}

}  // namespace quay::nft
