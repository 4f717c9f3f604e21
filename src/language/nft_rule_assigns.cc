// What rules assign, and what is known afterwards.
#include <algorithm>

#include "language/nft_rule_state.h"
#include "language/nft_written.h"

namespace quay::nft {

using filter::Box;
using filter::Field;
using filter::Kind;
using filter::Number;
using filter::Numbers;
using filter::Test;
using filter::Values;

namespace {

bool mentions(const filter::Condition& condition, const Field& field) {
  const auto* test = std::get_if<Test>(&condition);
  return test != nullptr && std::ranges::any_of(test->boxes, [&](const Box& box) {
           return std::ranges::find(box, field, &Values::field) != box.end();
         });
}

}  // namespace

// What registers hold of a field is what it was before it was assigned.
void RuleState::forget(const Field& field) {
  for (std::size_t i = 0; i < origins_.size(); ++i) {
    const auto origin = static_cast<std::int16_t>(i);
    if (origins_[origin].field != field)
      continue;
    const auto before = origins_.add({.field = {.kind = Kind::Other,
                                                .name = name_of(field, Family::V4) + " of before",
                                                .bits = origins_[origin].bits},
                                      .reading = Origin::Reading::Nothing,
                                      .bits = origins_[origin].bits});
    for (Registers& one : registers_)
      one.forget(origin, before);
  }
}

void RuleState::assign(Field field, std::optional<Number> value) {
  const std::string_view part = field.kind == Kind::Source        ? "saddr"
                                : field.kind == Kind::Destination ? "daddr"
                                : field.kind == Kind::Mark        ? "mark"
                                                                  : "";
  if (!part.empty())
    for (const Field& route : around_.written.routes)
      if (route.name.find(part) != std::string::npos)
        assign_one(route, std::nullopt);
  assign_one(std::move(field), value);
}

void RuleState::assign_one(Field field, std::optional<Number> value) {
  forget(field);
  if (!keeps_what_is_written(field))
    value.reset();
  std::erase_if(assigns_, [&](const filter::Assign& one) { return one.field == field; });
  assigns_.push_back({std::move(field), value});
}

namespace {

// What bits say of a field that they are written to.
struct NewValue {
  bool unchanged = true;
  std::optional<Number> value = 0;
};

void add_bit(NewValue& written, const Bit& bit, std::uint8_t index, const Field& field,
             const Origins& origins) {
  const bool same = bit.origin != kConstant && origins[bit.origin].field == field &&
                    origins[bit.origin].reading == Origin::Reading::Number && bit.index == index &&
                    !bit.flipped;
  written.unchanged = written.unchanged && same;
  if (bit.origin != kConstant)
    written.value = std::nullopt;
  else if (written.value && bit.flipped)
    *written.value |= Number{1} << index;
}

}  // namespace

void RuleState::assign_machine(Field field, int bits, Register from) {
  NewValue written;
  const std::vector<Bit> order = machine_order(0, bits);
  for (std::size_t i = 0; i < order.size(); ++i)
    add_bit(written, registers(families_.front()).bit(from, i), order[i].index, field, origins_);
  if (!written.unchanged)
    assign(std::move(field), written.value);
}

// Every field that is written to: wholly, when the value is to be known.
void RuleState::assign_header(const PayloadWrite& write) {
  const Payload place{write.base, write.offset, write.length, 0};
  std::vector<std::pair<Field, std::optional<Number>>> found;
  for (const Family family : families_) {
    const Load load = load_of(place, {around_.family, family, protocol_}, origins_);
    need(load.needs);
    for (std::size_t i = 0; i < load.bits.size();) {
      const Origin origin = origins_[load.bits[i].origin];
      const std::size_t start = i;
      NewValue written;
      for (; i < load.bits.size() && load.bits[i].origin == load.bits[start].origin; ++i)
        add_bit(written, registers(family).bit(write.from, i), load.bits[i].index, origin.field,
                origins_);
      const bool whole = i - start == static_cast<std::size_t>(origin.bits);
      const bool known = whole && families_.size() == 1 && !origin.field.name.starts_with('@');
      if (!written.unchanged)
        found.emplace_back(origin.field, known ? written.value : std::nullopt);
    }
  }
  for (auto& [field, value] : found)
    assign(std::move(field), value);
}

void RuleState::drop_conditions_on(const Field& field) {
  const auto dropped = std::erase_if(
      conditions_, [&](const filter::Condition& condition) { return mentions(condition, field); });
  confused_ = confused_ || dropped > 0;
}

void RuleState::untrack() {
  constexpr auto invalid = static_cast<Number>(State::Invalid);
  constexpr auto untracked = static_cast<Number>(State::Untracked);
  const Field state{.kind = Kind::State};
  finish_part();
  const auto where = [&](bool from_here, filter::Box box, std::optional<Number> value) {
    filter::Rule rule = part();
    box.push_back({.field = {.kind = Kind::InInterface}, .names = {"lo"}, .but_names = !from_here});
    rule.conditions.emplace_back(Test{.boxes = {std::move(box)}});
    rule.assigns.push_back({state, value});
    done_.push_back(std::move(rule));
  };
  where(true, {}, std::nullopt);
  where(false, {{.field = state, .numbers = Numbers({{invalid, invalid}})}}, untracked);
  drop_conditions_on(state);
  forget(state);
}

}  // namespace quay::nft
