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
  filter::Box box{{.field = {.kind = Kind::State}, .numbers = Numbers({{fresh, fresh}})},
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
  complete_ = complete_ && cover.rest == 0;
  std::vector<PacketLine> lines;
  lines.reserve(cover.regions.size());
  for (std::size_t i = 0; i < cover.regions.size(); ++i)
    lines.push_back({region_text(cover.regions[i], space_.family(), names_), cover.examples[i]});
  return lines;
}

std::vector<PacketLine> FilterTeller::tell(Diagram packets, Direction direction) {
  const filter::Box wire = wire_box(direction, space_.family());
  const Diagram first = store().intersect(packets, space_.inside(wire));
  std::vector<PacketLine> lines = tell(first, direction, wire);
  const auto states = space_.levels().level({.kind = Kind::State});
  const Diagram told = states ? store().forget(first, *states) : first;
  std::ranges::move(tell(store().subtract(packets, told), direction, {}),
                    std::back_inserter(lines));
  return lines;
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

namespace {

// One family's differences. Atoms are levels, so that a packet has several fates only where a
// verdict itself is not known; atoms that both rulesets ask are answered alike in both.
class FamilyComparison {
 public:
  FamilyComparison(Family family, const filter::Ruleset& first, const filter::Ruleset& second,
                   const Vocabulary& names, std::size_t most_nodes)
      : first_(first),
        second_(second),
        rulesets_{&first, &second},
        teller_(family, rulesets_, names, {}, most_nodes) {}

  Differences take() {
    for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward}) {
      const Diagram one = teller_.space().fate(first_, direction);
      const Diagram other = teller_.space().fate(second_, direction);
      if (one == other)
        continue;
      for (Fate a = filter::kAccepted; a <= filter::kAnyFate; a += filter::kAccepted)
        for (Fate b = filter::kAccepted; b <= filter::kAnyFate; b += filter::kAccepted)
          if (a != b)
            tell(teller_.store().intersect(teller_.with(one, a), teller_.with(other, b)), direction,
                 a, b);
    }
    if (teller_.too_large())
      return {.lines = {}, .complete = false, .too_large = true};
    differences_.complete = teller_.complete();
    return std::move(differences_);
  }

 private:
  void tell(Diagram packets, Direction direction, Fate first, Fate second) {
    for (const PacketLine& line : teller_.tell(packets, direction))
      differences_.lines.push_back({.direction = direction,
                                    .packets = line.packets,
                                    .first = fmt::format("{} ({})", fate_text(first),
                                                         place_text(walk(first_, line.example))),
                                    .second = fmt::format("{} ({})", fate_text(second),
                                                          place_text(walk(second_, line.example))),
                                    .example = point_text(line.example),
                                    .certain = (first & second) == 0 && !line.depends});
  }

  const filter::Ruleset& first_;
  const filter::Ruleset& second_;
  std::array<const filter::Ruleset*, 2> rulesets_;
  FilterTeller teller_;
  Differences differences_;
};

}  // namespace

Differences compare(const filter::Ruleset& first, const filter::Ruleset& second,
                    const Vocabulary& names, std::size_t most_nodes) {
  const auto about = [&](Family family) {
    return is_about(first, family) || is_about(second, family);
  };
  Differences v4;
  if (about(Family::V4))
    v4 = FamilyComparison(Family::V4, first, second, names, most_nodes).take();
  if (!about(Family::V6))
    return v4;
  Differences v6 = FamilyComparison(Family::V6, first, second, names, most_nodes).take();
  if (!about(Family::V4))
    return v6;
  if (v4.too_large || v6.too_large)
    return {.lines = {}, .complete = false, .too_large = true};
  return {join_families(std::move(v4.lines), std::move(v6.lines)), v4.complete && v6.complete};
}

}  // namespace quay
