#include "policy/filter_teller.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "model/interface.h"

namespace quay {

using filter::Fate;
using filter::FilterSpace;
using filter::Kind;
using filter::Number;
using filter::Numbers;

filter::Box wire_box(Direction direction, Family family) {
  const Interval<Number> loopback = loopback_prefix(family).range();
  const Numbers others = Numbers({every_address(family).range()}).subtract(Numbers({loopback}));
  const auto but_lo = [](Kind kind) {
    return filter::Values{
        .field = {.kind = kind}, .numbers = {}, .names = {kLoopback.text}, .but_names = true};
  };
  constexpr auto fresh = static_cast<Number>(State::New);
  constexpr auto untracked = static_cast<Number>(State::Untracked);
  filter::Box box{{.field = {.kind = Kind::State},
                   .numbers = Numbers({{fresh, fresh}, {untracked, untracked}})},
                  {.field = {.kind = Kind::Source}, .numbers = others},
                  {.field = {.kind = Kind::Destination}, .numbers = others}};
  if (direction != Direction::Out)
    box.push_back(but_lo(Kind::InInterface));
  if (direction != Direction::In)
    box.push_back(but_lo(Kind::OutInterface));
  return box;
}

std::vector<filter::Box> FilterTeller::with_wires(Family family,
                                                  std::span<const filter::Box> questions) {
  std::vector<filter::Box> all(questions.begin(), questions.end());
  for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward})
    all.push_back(wire_box(direction, family));
  if (auto never = filter::never_tracked(family))
    all.push_back(std::move(*never));
  return all;
}

FilterTeller::FilterTeller(Family family, std::span<const filter::Ruleset* const> rulesets,
                           const Vocabulary& names, std::span<const filter::Box> questions,
                           std::size_t most_nodes)
    : names_(names),
      space_(family, rulesets, with_wires(family, questions), filter::Order::Host, most_nodes) {}

Diagram FilterTeller::with(Diagram fates, Fate fate) {
  return store().replace(
      fates, [&](Outcomes outcomes) -> Outcomes { return outcomes == fate ? kMostOutcomes : 0; });
}

std::vector<PacketLine> FilterTeller::tell(Diagram packets, Direction direction,
                                           const filter::Box& box) {
  if (packets == 0)
    return {};
  const FilterSpace::Cover cover = space_.cover(packets, direction, box, kMostLines);
  untold_ += {.lines = cover.more, .counted = cover.rest == 0};
  std::vector<PacketLine> lines;
  lines.reserve(cover.regions.size());
  for (std::size_t i = 0; i < cover.regions.size(); ++i)
    lines.push_back({.packets = region_text(cover.regions[i], space_.family(), names_),
                     .example = cover.examples[i],
                     .depends = !cover.regions[i].atoms.empty()});
  return lines;
}

std::vector<PacketLine> FilterTeller::tell(Diagram packets, Direction direction) {
  const filter::Box wire = wire_box(direction, space_.family());
  const Diagram possible = space_.possible(direction);
  packets = store().some(store().intersect(packets, possible));
  const Diagram first = store().intersect(packets, space_.inside(wire));
  std::vector<PacketLine> lines = tell(first, direction, wire);
  // The same packets in another state, or of the host itself, need no line of their own where all
  // usual ones have theirs.
  Diagram told = first;
  for (const filter::Values& usual : wire)
    if (const auto level = space_.levels().level(usual.field)) {
      const Diagram these = store().intersect(possible, space_.inside({usual}));
      const Diagram others = store().subtract(store().forget(told, *level), these);
      const Diagram left_out = store().forget(store().subtract(these, told), *level);
      told = store().unite(told, store().subtract(others, left_out));
    }
  std::ranges::move(tell(store().subtract(packets, told), direction, {}),
                    std::back_inserter(lines));
  return lines;
}

Untold& Untold::operator+=(const Untold& other) {
  lines += other.lines;
  counted = counted && other.counted;
  return *this;
}

std::string to_text(const Untold& untold) {
  return fmt::format("{}{} more line{}", untold.counted ? "" : "more than ", untold.lines,
                     untold.lines == 1 ? "" : "s");
}

std::string place_text(const filter::Walk& walk) {
  if (walk.steps.empty())
    return "no rule";
  const filter::Step& last = walk.steps.back();
  if (last.rule == nullptr)
    return fmt::format("{}/{}/{} policy", to_text(last.table->family), last.table->name,
                       last.chain->name);
  return place_of(*last.table, *last.chain, *last.rule);
}

std::vector<Difference> join_families(std::vector<Difference> v4, std::vector<Difference> v6) {
  const auto same = [](const Difference& a, const Difference& b) {
    return a.direction == b.direction && a.packets == b.packets && a.first == b.first &&
           a.second == b.second;
  };
  std::vector<Difference> only_v6;
  std::vector<bool> both(v4.size());
  for (Difference& difference : v6) {
    const auto twin =
        std::ranges::find_if(v4, [&](const Difference& other) { return same(other, difference); });
    if (twin == v4.end())
      only_v6.push_back(std::move(difference));
    else
      both[static_cast<std::size_t>(twin - v4.begin())] = true;
  }
  for (std::size_t i = 0; i < v4.size(); ++i)
    if (!both[i])
      v4[i].packets += ", IPv4";
  for (Difference& difference : only_v6) {
    difference.packets += ", IPv6";
    v4.push_back(std::move(difference));
  }
  return v4;
}

}  // namespace quay
