#include "tests/oracle/mutation.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include <netinet/in.h>

#include "packetset/filter_space.h"

namespace quay::oracle {
namespace {

using filter::FilterSpace;
using filter::Kind;

constexpr std::size_t kDrafts = 40;

filter::Field field(Kind kind) {
  return {.kind = kind, .name = {}};
}

// Of which fields a draft may have any number.
std::vector<Kind> free_fields(const Draft& draft) {
  std::vector<Kind> free{Kind::Source, Kind::Destination};
  if (draft.protocol == IPPROTO_TCP || draft.protocol == IPPROTO_UDP)
    free.insert(free.end(), {Kind::SourcePort, Kind::DestinationPort});
  return free;
}

// Packets that are surely accepted by one, and surely not by the other, whatever atoms say.
Diagram differing(FilterSpace& space, const filter::Ruleset& first, const filter::Ruleset& second,
                  Direction direction) {
  DiagramStore& store = space.store();
  const auto accepted = [&](Diagram fates) {
    return store.replace(fates, [](Outcomes fate) -> Outcomes {
      return fate == filter::kAccepted ? kMostOutcomes : 0;
    });
  };
  const auto stopped = [&](Diagram fates) {
    return store.replace(fates, [](Outcomes fate) -> Outcomes {
      return (fate & filter::kAccepted) == 0 ? kMostOutcomes : 0;
    });
  };
  const Diagram one = space.whatever_atoms(space.fate(first, direction));
  const Diagram other = space.whatever_atoms(space.fate(second, direction));
  const Diagram all = store.unite(store.intersect(accepted(one), stopped(other)),
                                  store.intersect(stopped(one), accepted(other)));
  return store.intersect(all, space.possible(direction));
}

// The draft with addresses and ports that make it one of these packets.
std::optional<Sample> moved_into(FilterSpace& space, Diagram packets, Draft draft) {
  const filter::FilterLevels& levels = space.levels();
  const Sample sample = sample_of(draft);
  const std::vector<Value> values = levels.values(sample.point);
  Cube cube = levels.everything();
  for (std::size_t level = 0; level < values.size(); ++level)
    cube.values[level] = IntervalSet<Value>({{values[level], values[level]}});
  const std::vector<Kind> free = free_fields(draft);
  for (const Kind kind : free)
    if (const auto level = levels.level(field(kind)))
      cube.values[*level] = levels.everything().values[*level];
  DiagramStore& store = space.store();
  const auto witness =
      space.witness(store.intersect(packets, store.box(cube, kMostOutcomes, 0)), draft.direction);
  if (!witness)
    return std::nullopt;
  const auto take = [&](Kind kind, auto& number) {
    const auto found = witness->numbers.find(field(kind));
    if (levels.level(field(kind)) && found != witness->numbers.end())
      number = static_cast<std::remove_reference_t<decltype(number)>>(found->second);
  };
  take(Kind::Source, draft.source);
  take(Kind::Destination, draft.destination);
  if (free.size() > 2) {
    take(Kind::SourcePort, draft.source_port);
    take(Kind::DestinationPort, draft.destination_port);
  }
  if (!routable(draft.family, draft.source) || !routable(draft.family, draft.destination))
    return std::nullopt;
  return sample_of(draft);
}

}  // namespace

std::optional<Script> mutant(Script script, Dice& dice) {
  std::vector<std::size_t> rules;
  for (std::size_t i = 0; i < script.lines.size(); ++i)
    if (script.lines[i].rule)
      rules.push_back(i);
  if (rules.empty())
    return std::nullopt;
  const std::size_t chosen = dice.one_of(rules);
  std::string& text = script.lines[chosen].text;
  const std::array<std::pair<std::string, std::string>, 4> others{
      {{" accept", " drop"}, {" drop", " accept"}, {" reject", " accept"}, {" return", " drop"}}};
  for (const auto& [verdict, other] : others)
    if (text.ends_with(verdict) && !dice.one_in(4)) {
      text.replace(text.size() - verdict.size(), verdict.size(), other);
      return script;
    }
  script.lines.erase(script.lines.begin() + static_cast<std::ptrdiff_t>(chosen));
  return script;
}

Comparison compare(const filter::Ruleset& first, const filter::Ruleset& second,
                   const Corners& corners, Dice& dice) {
  Comparison comparison;
  for (const Family family : {Family::V4, Family::V6}) {
    const std::array both{&first, &second};
    FilterSpace space(family, both);
    for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward}) {
      const Diagram packets = differing(space, first, second, direction);
      if (packets == 0)
        continue;
      comparison.alike = false;
      for (std::size_t i = 0; i < kDrafts && !comparison.counterexample; ++i) {
        const Draft draft = some_draft(corners, {direction}, {family}, false, dice);
        comparison.counterexample = moved_into(space, packets, draft);
      }
    }
  }
  return comparison;
}

}  // namespace quay::oracle
