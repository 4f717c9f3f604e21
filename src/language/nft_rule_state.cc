#include "language/nft_rule_state.h"

#include <algorithm>

#include <fmt/format.h>
#include <linux/if_ether.h>

#include "language/nft_fields.h"
#include "language/nft_headers.h"

namespace quay::nft {
namespace {

using filter::Box;
using filter::Kind;
using filter::Number;
using filter::Numbers;
using filter::Test;
using filter::Values;

std::vector<Family> families_of(filter::TableFamily table) {
  switch (table) {
    case filter::TableFamily::Ip:
      return {Family::V4};
    case filter::TableFamily::Ip6:
      return {Family::V6};
    default:
      return {Family::V4, Family::V6};
  }
}

// The number that a field with few values has, when it is but one.
std::optional<Number> only(const Values& values) {
  const auto& intervals = values.numbers.intervals();
  if (intervals.size() != 1 || intervals[0].first != intervals[0].last)
    return std::nullopt;
  return intervals[0].first;
}

// "none of these" of a field with few values is "one of the others".
Test turned_over(Test test) {
  if (!test.inverted || test.boxes.size() != 1 || test.boxes[0].size() != 1)
    return test;
  Values& values = test.boxes[0][0];
  if (values.field.kind != Kind::Family && values.field.kind != Kind::State)
    return test;
  const Number most = values.field.kind == Kind::Family ? 1 : kStates - 1;
  values.numbers = Numbers::up_to(most).subtract(values.numbers);
  test.inverted = false;
  if (values.numbers.empty())
    test.boxes.clear();
  return test;
}

// The numbers of one field, when a condition is about them alone.
Values* alone(filter::Condition& condition) {
  auto* test = std::get_if<Test>(&condition);
  if (test == nullptr || test->inverted || test->boxes.size() != 1 || test->boxes[0].size() != 1 ||
      test->boxes[0][0].numbers.empty())
    return nullptr;
  return &test->boxes[0][0];
}

}  // namespace

RuleState::RuleState(const Rule& rule, const Surroundings& around)
    : around_(around),
      place_(fmt::format("handle {}", rule.handle)),
      families_(families_of(around.family)) {}

void RuleState::load_nothing(Register to, const std::string& what, std::size_t bytes, bool random) {
  constexpr std::size_t most = 16;
  std::vector<Bit> all;
  for (std::size_t at = 0; at < std::min<std::size_t>(bytes, 64); at += most) {
    const int bits = static_cast<int>(std::min(bytes - at, most)) * 8;
    const std::string name = at == 0 ? what : fmt::format("{} +{}", what, at);
    const auto origin = origins_.add({.field = {.kind = Kind::Other, .name = name, .bits = bits},
                                      .reading = Origin::Reading::Nothing,
                                      .bits = bits,
                                      .random = random});
    const std::vector<Bit> part = network_order(origin, bits - 1, 0);
    all.insert(all.end(), part.begin(), part.end());
  }
  for (Registers& one : registers_)
    one.put(to, all);
}

void RuleState::load_constant(Register to, const Bytes& bytes) {
  for (Registers& one : registers_)
    one.put_constant(to, bytes);
}

bool RuleState::change(const Bitwise& bitwise) {
  if (bitwise.mask.size() > 64 || bitwise.mask.size() != bitwise.flip.size())
    return false;
  for (Registers& one : registers_)
    one.mask(bitwise);
  return true;
}

bool RuleState::change(const Shift& shift) {
  return std::ranges::all_of(registers_, [&](Registers& one) { return one.shift(shift); });
}

bool RuleState::change(const Byteorder& order) {
  return std::ranges::all_of(registers_, [&](Registers& one) { return one.turn(order); });
}

std::optional<Bytes> RuleState::constant(Register from, std::size_t bytes) const {
  return registers(families_.front()).constant(from, bytes);
}

Key RuleState::key(Register from, std::span<const KeyPart> parts) const {
  Key key;
  bool by_family = false;
  for (const Family family : families_) {
    Key::Reading reading{.family = family};
    for (const KeyPart& part : parts) {
      const auto start = static_cast<Register>(std::min<std::size_t>(from + part.word, 255));
      reading.parts.push_back(
          {part.word * 4, part.bytes, registers(family).pieces(start, part.bytes)});
      for (const Piece& piece : reading.parts.back().pieces) {
        if (piece.origin == kConstant)
          continue;
        by_family = by_family || origins_[piece.origin].by_family;
        // Once it has been changed the same question has another answer.
        key.unsteady = key.unsteady || origins_[piece.origin].random ||
                       around_.written.fields.contains(origins_[piece.origin].field);
      }
      if (key.readings.empty())
        key.text +=
            (key.text.empty() ? "" : " . ") + to_text(reading.parts.back().pieces, origins_);
    }
    key.readings.push_back(std::move(reading));
  }
  if (!by_family)
    key.readings.resize(1);
  return key;
}

std::optional<std::vector<Box>> RuleState::boxes(const Key& key, std::string_view first,
                                                 std::string_view last) const {
  std::vector<Box> all;
  for (const Key::Reading& reading : key.readings) {
    std::vector<Bounds> bounds;
    for (const Key::Part& part : reading.parts) {
      if (part.at + part.bytes > std::min(first.size(), last.size()))
        return std::nullopt;
      bounds.push_back(
          {part.pieces, first.substr(part.at, part.bytes), last.substr(part.at, part.bytes)});
    }
    auto boxes = boxes_within(bounds, origins_, around_.interfaces);
    if (!boxes)
      return std::nullopt;
    for (Box& box : *boxes) {
      if (key.readings.size() > 1)
        box.insert(box.begin(), of_family(reading.family));
      all.push_back(std::move(box));
    }
  }
  return all;
}

void RuleState::add(filter::Condition condition) {
  finish_part();
  Values* last = conditions_.empty() ? nullptr : alone(conditions_.back());
  const Values* next = alone(condition);
  if (last != nullptr && next != nullptr && last->field == next->field) {
    last->numbers = last->numbers.intersect(next->numbers);
    if (last->numbers.empty())
      conditions_.back() = Test{};
    return;
  }
  conditions_.push_back(std::move(condition));
}

void RuleState::need(const std::vector<Test>& needs) {
  for (const filter::Condition condition : needs)
    if (std::ranges::find(conditions_, condition) == conditions_.end())
      add(condition);
}

void RuleState::ask(Test test) {
  test = turned_over(std::move(test));
  if (std::ranges::any_of(test.boxes, &Box::empty)) {  // every packet
    if (!test.inverted)
      return;
    test = {};
  }
  if (test.boxes.empty() && test.inverted)
    return;
  learn(test);
  add(std::move(test));
}

void RuleState::ask(filter::Atom atom) {
  add(std::move(atom));
}

void RuleState::ask_family(Family family) {
  if (families_ != std::vector{family})
    ask(Test{.boxes = {{of_family(family)}}});
}

void RuleState::ask_unknown(const Key& key, std::string text, bool inverted) {
  unknown(text);
  filter::Atom atom{.text = std::move(text), .stateful = key.unsteady, .inverted = inverted};
  if (atom.text.starts_with("ct status"))
    atom.elsewhere = filter::Atom::Elsewhere::Translated;
  ask(std::move(atom));
}

// From here on the packet is of one family, or of one protocol.
void RuleState::learn(const Test& test) {
  if (test.inverted || test.boxes.size() != 1)
    return;
  for (const Values& values : test.boxes[0]) {
    const auto number = only(values);
    if (!number)
      continue;
    const Family family = *number == 0 ? Family::V4 : Family::V6;
    if (values.field.kind == Kind::Family &&
        std::ranges::find(families_, family) != families_.end())
      families_ = {family};
    if (values.field.kind == Kind::Protocol)
      protocol_ = static_cast<int>(*number);
    if (values.field.name == kEtherType && (*number == ETH_P_IP || *number == ETH_P_IPV6))
      families_ = {*number == ETH_P_IP ? Family::V4 : Family::V6};
  }
}

void RuleState::decide(filter::Verdict verdict) {
  verdict_ = std::move(verdict);
  decided_ = true;
}

void RuleState::decide_unknown(std::string what) {
  unknown(std::move(what));
  map_.reset();
  decide({.kind = filter::Verdict::Kind::Unknown});
}

void RuleState::decide(filter::VerdictMap map) {
  map_ = std::move(map);
  decided_ = true;
}

void RuleState::decide_where(const Test& test, filter::Verdict verdict) {
  finish_part();
  filter::Rule rule = part();
  rule.conditions.emplace_back(test);
  rule.verdict =
      confused_ ? filter::Verdict{.kind = filter::Verdict::Kind::Unknown} : std::move(verdict);
  done_.push_back(std::move(rule));
}

filter::Rule RuleState::part() const {
  return {.conditions = conditions_,
          .assigns = assigns_,
          .verdict = verdict_,
          .map = map_,
          .place = place_,
          .text = {},
          .unknown = unknown_};
}

void RuleState::finish_part() {
  if (assigns_.empty())
    return;
  done_.push_back(part());
  for (const filter::Assign& assign : assigns_)
    drop_conditions_on(assign.field);
  assigns_.clear();
}

std::vector<filter::Rule> RuleState::finish() {
  const bool effective = decided_ || !assigns_.empty();
  if (effective && confused_) {
    unknown("a condition on what the rule itself has changed");
    map_.reset();
    verdict_ = {.kind = filter::Verdict::Kind::Unknown};
  }
  if (effective)
    done_.push_back(part());
  if (done_.empty())
    done_.push_back({.place = place_});
  return std::move(done_);
}

}  // namespace quay::nft
