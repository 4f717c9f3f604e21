// Whether two rulesets decide every packet that there can be alike, exactly, by their diagrams.
#pragma once

#include <array>
#include <string>

#include <fmt/format.h>

#include "packetset/filter_space.h"
#include "packetset/filter_walk.h"

namespace quay::filter {

// The rules that decided, where they stand and in the words of their source.
inline std::string told(const Ruleset& ruleset, const Point& point) {
  std::string text;
  for (const Step& step : walk(ruleset, point).steps)
    if (step.verdict.kind != Verdict::Kind::Jump && step.verdict.kind != Verdict::Kind::Goto)
      text += fmt::format("{} {}; ", step.chain->name,
                          step.rule == nullptr ? "policy" : step.rule->text);
  return text;
}

// Empty when they do; else one packet that shows that they do not, and what both make of it.
inline std::string difference(const Ruleset& before, const Ruleset& after) {
  for (const Family family : {Family::V4, Family::V6}) {
    const std::array both{&before, &after};
    FilterSpace space(family, both);
    for (const Direction direction : {Direction::In, Direction::Forward, Direction::Out}) {
      const Diagram possible = space.possible(direction);
      const Diagram one = space.store().intersect(possible, space.fate(before, direction));
      const Diagram other = space.store().intersect(possible, space.fate(after, direction));
      if (space.exhausted())
        return "too many nodes";
      if (one == other)
        continue;
      auto point = space.witness(space.store().subtract(one, other), direction);
      if (!point)
        point = space.witness(space.store().subtract(other, one), direction);
      return fmt::format("{}: {}\n  {}", to_text(direction), point ? told(before, *point) : "",
                         point ? told(after, *point) : "");
    }
  }
  return {};
}

}  // namespace quay::filter
