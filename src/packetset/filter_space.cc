#include "packetset/filter_space.h"

#include <algorithm>
#include <array>

#include "model/packet.h"
#include "model/protocol.h"

namespace quay::filter {
namespace {

// While chains are computed, an outcome is a set of these. What a packet was assigned on its way
// (an effect, by number) is part of how it goes on: each effect has three bits of its own.
constexpr unsigned kBits = 3;
constexpr Outcomes kGoes = kContinue;  // to the next rule
constexpr Outcomes kReturns = 2;       // to where the chain was called from
constexpr Outcomes kPasses = 4;        // this base chain
constexpr Outcomes kEachEffect = kGoes | kReturns | kPasses;
constexpr std::size_t kMostEffects = 7;
constexpr Outcomes kDrops = 1U << (kBits * kMostEffects);
constexpr Outcomes kRejects = kDrops << 1;
constexpr Outcomes kAnything = kRejects << 1;  // with any other header, on any other way
static_assert((kAnything << 1) - 1 <= kMostOutcomes);

constexpr Outcomes bits_of(std::size_t effect, Outcomes bits) {
  return bits << (kBits * effect);
}

Outcomes outcomes_of(Verdict::Kind kind) {
  switch (kind) {
    case Verdict::Kind::Continue:
      return kGoes;
    case Verdict::Kind::Accept:
      return kPasses;
    case Verdict::Kind::Drop:
      return kDrops;
    case Verdict::Kind::Reject:
      return kRejects;
    case Verdict::Kind::Return:
      return kReturns;
    case Verdict::Kind::Queue:
      return kPasses | kDrops;
    case Verdict::Kind::Limit:
      return kPasses | kRejects;
    case Verdict::Kind::Jump:
    case Verdict::Kind::Goto:
    case Verdict::Kind::Unknown:
      break;
  }
  return kGoes | kReturns | kPasses | kDrops | kRejects | kAnything;
}

// Going on after something was assigned.
constexpr Outcomes kGoesAssigned = [] {
  Outcomes bits = 0;
  for (std::size_t effect = 1; effect < kMostEffects; ++effect)
    bits |= bits_of(effect, kGoes);
  return bits;
}();

// Bits of every effect moved: what goes on returns, or the other way round.
Outcomes moved(Outcomes outcomes, Outcomes from, Outcomes to) {
  Outcomes result = outcomes;
  for (std::size_t effect = 0; effect < kMostEffects; ++effect)
    if ((outcomes & bits_of(effect, from)) != 0)
      result = (result & ~bits_of(effect, from)) | bits_of(effect, to);
  return result;
}

}  // namespace

FilterSpace::FilterSpace(Family family, std::span<const Ruleset* const> rulesets,
                         std::span<const Box> questions, Order order, std::size_t most_nodes)
    : levels_(family, rulesets, questions, order), store_(levels_.weights(), most_nodes) {
  for (const Ruleset* ruleset : rulesets)
    for (const Table& table : ruleset->tables)
      for (const Chain& chain : table.chains) {
        for (const Rule& rule : chain.rules)
          for (const Assign& assign : rule.assigns)
            any_assigned_[assign.field] = std::nullopt;
        asks_leaving_ =
            asks_leaving_ ||
            (chain.base && (chain.base->hook == Hook::Egress ||
                            (chain.base->hook == Hook::Postrouting && !chain.rules.empty())));
      }
}

Diagram FilterSpace::where(Diagram condition, Diagram then, Diagram otherwise) {
  return store_.unite(store_.intersect(condition, then),
                      store_.intersect(invert(condition), otherwise));
}

Diagram FilterSpace::inside(const Box& box) {
  Cube cube = levels_.everything();
  return levels_.narrow(cube, box) ? store_.box(cube, kMostOutcomes, 0) : 0;
}

Diagram FilterSpace::holds(const Condition& condition) {
  if (const auto* atom = std::get_if<Atom>(&condition))
    return store_.branch(levels_.level(*atom), IntervalSet<Value>({{1, 1}}),
                         atom->inverted ? 0 : kMostOutcomes, atom->inverted ? kMostOutcomes : 0);
  const auto& test = std::get<Test>(condition);
  std::vector<Diagram> boxes;
  boxes.reserve(test.boxes.size());
  for (const Box& box : test.boxes)
    boxes.push_back(inside(box));
  const Diagram any = store_.unite(boxes);
  return test.inverted ? invert(any) : any;
}

// A rule's packets, where they are one cube: nearly always.
std::optional<Cube> FilterSpace::cube_of(const Rule& rule) const {
  Cube cube = levels_.everything();
  for (const Condition& condition : rule.conditions) {
    if (const auto* atom = std::get_if<Atom>(&condition)) {
      IntervalSet<Value>& left = cube.values[levels_.level(*atom)];
      const Value answer = atom->inverted ? 0 : 1;
      left = left.intersect(IntervalSet<Value>({{answer, answer}}));
      if (left.empty())
        return std::nullopt;
      continue;
    }
    const auto& test = std::get<Test>(condition);
    if (test.inverted || test.boxes.size() != 1 || !levels_.narrow(cube, test.boxes.front()))
      return std::nullopt;
  }
  return cube;
}

Diagram FilterSpace::matched(const Rule& rule) {
  if (const auto cube = cube_of(rule))
    return store_.box(*cube, kMostOutcomes, 0);
  Diagram all = kMostOutcomes;
  for (const Condition& condition : rule.conditions)
    all = store_.intersect(all, holds(condition));
  return all;
}

Diagram FilterSpace::verdict(const Table& table, const Verdict& verdict) {
  if (verdict.kind != Verdict::Kind::Jump && verdict.kind != Verdict::Kind::Goto)
    return outcomes_of(verdict.kind);
  const Chain* callee = chain_of(table, verdict.chain);
  if (callee == nullptr || open_.contains(callee))
    return outcomes_of(Verdict::Kind::Unknown);
  const Diagram all = chain(table, *callee).diagram;
  const bool jumps = verdict.kind == Verdict::Kind::Jump;
  return store_.replace(all, [&](Outcomes outcomes) {
    return jumps ? moved(outcomes, kReturns, kGoes) : moved(outcomes, kGoes, kReturns);
  });
}

FilterSpace::Part FilterSpace::part(Diagram diagram) {
  Outcomes bits = 0;
  for (const Outcomes outcomes : store_.outcomes(diagram))
    bits |= outcomes;
  return {diagram, bits};
}

// The verdict of a map; packets that are in none of its boxes go on.
Diagram FilterSpace::mapped(const Table& table, const VerdictMap& map) {
  std::vector<Diagram> boxes;
  std::vector<Diagram> verdicts;
  for (const auto& [box, to] : map) {
    boxes.push_back(inside(box));
    verdicts.push_back(store_.intersect(boxes.back(), verdict(table, to)));
  }
  return store_.unite(store_.unite(verdicts), store_.intersect(invert(store_.unite(boxes)), kGoes));
}

FilterSpace::Part FilterSpace::rule(const Table& table, const Rule& rule) {
  Diagram then = rule.map ? mapped(table, *rule.map) : verdict(table, rule.verdict);
  if (!rule.assigns.empty())
    then = seen_after(effect(rule.assigns), then);
  if (DiagramStore::is_constant(then))
    if (const auto cube = cube_of(rule))
      return {store_.box(*cube, then, kGoes), then | kGoes};
  return part(where(matched(rule), then, kGoes));
}

FilterSpace::Part FilterSpace::chain(const Table& table, const Chain& chain) {
  const auto known = chains_.find({&table, &chain});
  if (known != chains_.end())
    return known->second;
  open_.insert(&chain);
  std::vector<Part> parts;
  parts.reserve(chain.rules.size());
  for (const Rule& one : chain.rules)
    parts.push_back(rule(table, one));
  open_.erase(&chain);
  const Part all = parts.empty() ? Part{} : join(parts);
  chains_[{&table, &chain}] = all;
  return all;
}

// By halves: what lies far apart meets late.
FilterSpace::Part FilterSpace::join(std::span<const Part> parts) {
  if (parts.size() == 1)
    return parts.front();
  const std::size_t half = parts.size() / 2;
  const Part first = join(parts.subspan(0, half));
  return then(first, join(parts.subspan(half)));
}

// `first`, and where that goes on, `rest` as packets are by then.
FilterSpace::Part FilterSpace::then(const Part& first, const Part& rest) {
  const Outcomes assigned = first.bits & kGoesAssigned;
  if (assigned == 0)
    return {store_.sequence(first.diagram, rest.diagram), (first.bits & ~kGoes) | rest.bits};
  const Diagram unassigned = store_.replace(
      first.diagram, [](Outcomes outcomes) -> Outcomes { return outcomes & ~kGoesAssigned; });
  Diagram all = store_.sequence(unassigned, rest.diagram);
  for (std::size_t effect = 1; effect < kMostEffects; ++effect)
    if ((assigned & bits_of(effect, kGoes)) != 0)
      all = store_.unite(all, store_.sequence(only(first.diagram, bits_of(effect, kGoes)),
                                              seen_after(effect, rest.diagram)));
  return part(all);
}

// kContinue for the packets that have one of these outcomes, nothing for all others.
Diagram FilterSpace::only(Diagram diagram, Outcomes bits) {
  return store_.replace(diagram, [&](Outcomes outcomes) -> Outcomes {
    return (outcomes & bits) != 0 ? kContinue : 0;
  });
}

// --- Effects
// --------------------------------------------------------------------------------------

std::size_t FilterSpace::effect(const Assigned& assigned) {
  // What nobody asks for is no effect.
  Assigned relevant;
  for (const auto& [field, value] : assigned)
    if (levels_.level(field))
      relevant.emplace(field, value);
    else if (asks_leaving_ && reroutes(field))
      relevant.emplace(rerouted(), std::nullopt);
  const auto known = std::ranges::find(effects_, relevant);
  if (known != effects_.end())
    return static_cast<std::size_t>(known - effects_.begin());
  if (effects_.size() < kMostEffects - 1) {
    effects_.push_back(std::move(relevant));
    return effects_.size() - 1;
  }
  // More of them than can be told apart: the last stands for all others, its values are not known.
  if (effects_.size() < kMostEffects)
    effects_.push_back(any_assigned_);
  return effects_.size() - 1;
}

std::size_t FilterSpace::effect(const std::vector<Assign>& assigns) {
  Assigned assigned;
  for (const Assign& assign : assigns)
    assigned[assign.field] = assign.value;
  return effect(assigned);
}

std::size_t FilterSpace::both(std::size_t first, std::size_t second) {
  Assigned all = effects_[first];
  for (const auto& [field, value] : effects_[second])
    all[field] = value;
  return effect(all);
}

Outcomes FilterSpace::tagged(std::size_t effect, Outcomes outcomes) {
  Outcomes result = outcomes & (kDrops | kRejects | kAnything);
  for (std::size_t other = 0; other < kMostEffects; ++other)
    if (const Outcomes bits = outcomes >> (kBits * other) & kEachEffect; bits != 0)
      result |= bits_of(both(effect, other), bits);
  return result;
}

// A diagram as packets meet it that have some other values by now.
Diagram FilterSpace::assigned(const Assigned& assigned, Diagram diagram) {
  for (const auto& [field, value] : assigned)
    if (const auto level = levels_.level(field))
      diagram = value ? store_.restrict(diagram, *level, levels_.class_of(field, *value))
                      : store_.forget(diagram, *level);
  return diagram;
}

Diagram FilterSpace::seen_after(std::size_t effect, Diagram diagram) {
  return store_.replace(assigned(effects_[effect], diagram),
                        [&](Outcomes outcomes) { return tagged(effect, outcomes); });
}

// --- Ways
// -----------------------------------------------------------------------------------------

// A base chain as packets meet it after an effect; its policy decides what comes to its end.
Diagram FilterSpace::base(const Stop& stop, std::size_t effect) {
  const Base& base = *stop.base;
  const Outcomes policy = base.policy == Verdict::Kind::Drop ? kDrops : kPasses;
  Diagram all = store_.replace(chain(*stop.table, *stop.chain).diagram, [&](Outcomes outcomes) {
    if (policy == kPasses)
      return moved(moved(outcomes, kReturns, kPasses), kGoes, kPasses);
    Outcomes result = outcomes;
    for (std::size_t i = 0; i < kMostEffects; ++i)
      if ((outcomes & bits_of(i, kGoes | kReturns)) != 0)
        result = (result & ~bits_of(i, kGoes | kReturns)) | kDrops;
    return result;
  });
  const auto asked_by = [&](const Values& values) { all = where(inside({values}), all, kPasses); };
  if (base.nat) {
    asked_by({.field = {.kind = Kind::State}, .numbers = first_packets(), .names = {}});
    for (const Box& box : past_translation(base))
      all = where(inside(box), kPasses, all);
    const Field done = translated(translates_destinations(base.hook));
    if (levels_.level(done))
      asked_by({.field = done, .numbers = Numbers({{0, 0}}), .names = {}});
    if (stop.unsure)
      all = store_.unite(all, kPasses);
  }
  if (base.hook == Hook::Ingress || base.hook == Hook::Egress)
    asked_by(
        {.field = {.kind = base.hook == Hook::Ingress ? Kind::InInterface : Kind::OutInterface},
         .numbers = {},
         .names = base.devices});
  all = assigned(effects_[effect], all);
  return as_told(stop, all);
}

// What a packet is to a chain that is told less of it, or something else, than other chains are.
Diagram FilterSpace::as_told(const Stop& stop, Diagram all) {
  const Base& base = *stop.base;
  for (const auto& entry : levels_.fields()) {
    const Field& field = entry.first;
    const std::size_t level = entry.second;
    if (stop.sent_on() && counts_hops(field))
      all = substituted(all, level, level,
                        [&](Value value) { return levels_.one_less(field, value); });
    const Field asked = as_asked(field, stop);
    if (const auto other = levels_.level(asked); other && other != level)
      all = substituted(all, level, *other,
                        [&](Value value) { return levels_.same_value(asked, field, value); });
  }
  if (is_before_conntrack(base)) {
    const Diagram unseen =
        assigned({{{.kind = Kind::State}, static_cast<Number>(State::Invalid)}}, all);
    all = base.hook == Hook::Output
              ? where(inside({may_leave_tracked()}), store_.unite(all, unseen), unseen)
              : where(inside({comes_tracked()}), all, unseen);
  }
  all = on_device(stop, all);
  const auto without = [&](Kind kind) {
    if (const auto level = levels_.level({.kind = kind}))
      all = store_.restrict(all, *level, InterfaceClasses::kNone);
  };
  if (stop.before_routing())
    without(Kind::OutInterface);
  if (!tells_in_interface(base))
    without(Kind::InInterface);
  if (const auto level = levels_.level({.kind = Kind::InInterface});
      level && hides_in_interface(stop))
    all = store_.forget(all, *level);
  return all;
}

Diagram FilterSpace::on_device(const Stop& stop, Diagram diagram) {
  const auto level = levels_.level(is_on_device());
  if (!level)
    return diagram;
  const Diagram there = store_.restrict(diagram, *level, levels_.class_of(is_on_device(), 1));
  if (is_leaving(stop))
    return there;
  if (stop.base->hook == Hook::Output)
    return store_.forget(diagram, *level);
  const Values came_in{
      .field = {.kind = Kind::InInterface}, .numbers = {}, .names = {""}, .but_names = true};
  return where(inside({came_in}), there,
               store_.restrict(diagram, *level, levels_.class_of(is_on_device(), 0)));
}

// What asks a level, asked of packets by the values that they have at another one (or at the same,
// where these change): `asked` tells which value the asking level sees then.
template <typename Asked>
Diagram FilterSpace::substituted(Diagram diagram, std::size_t asking, std::size_t level,
                                 Asked asked) {
  const Value last = levels_.everything().values[level].intervals().back().last;
  std::vector<Diagram> parts;
  for (Value value = 0; value <= last; ++value)
    parts.push_back(store_.intersect(
        store_.branch(level, IntervalSet<Value>({{value, value}}), kMostOutcomes, 0),
        store_.restrict(diagram, asking, asked(value))));
  return store_.unite(parts);
}

std::size_t FilterSpace::settled(std::size_t effect, std::span<const Stop> way, std::size_t stop) {
  Assigned all = effects_[effect];
  settle(all, way, stop);
  return this->effect(all);
}

Diagram FilterSpace::by_any_route(Diagram diagram) {
  for (const auto& [field, level] : levels_.fields())
    if (follows_route(field))
      diagram = store_.forget(diagram, level);
  return diagram;
}

Diagram FilterSpace::on_way(std::span<const Stop> way, std::size_t next, std::size_t effect) {
  if (next == way.size())
    return kAccepted;
  const std::pair place{next, effect};
  if (const auto known = ways_.find(place); known != ways_.end())
    return known->second;
  const bool lost_route = loses_route(effects_[effect], way, next);
  effect = settled(effect, way, next);
  const Diagram here = base(way[next], effect);
  Diagram all = store_.replace(here, [](Outcomes outcomes) -> Outcomes {
    return ((outcomes & kDrops) != 0 ? kDropped : 0) |
           ((outcomes & kRejects) != 0 ? kRejected : 0) |
           ((outcomes & kAnything) != 0 ? kAnyFate : 0);
  });
  const Outcomes bits = part(here).bits;
  for (std::size_t done = 0; done < kMostEffects; ++done) {
    const Outcomes passes = bits_of(done, kPasses);
    if ((bits & passes) == 0)
      continue;
    all = store_.unite(
        all, store_.sequence(only(here, passes), on_way(way, next + 1, both(effect, done))));
  }
  return ways_[place] = lost_route ? by_any_route(all) : all;
}

Diagram FilterSpace::fate(std::span<const Stop> way) {
  ways_.clear();
  Diagram all = on_way(way, 0, 0);
  for (const bool destination : {false, true})
    if (const auto level = levels_.level(translated(destination)))
      all = store_.restrict(all, *level, levels_.class_of(translated(destination), 0));
  return all;
}

Diagram FilterSpace::fate(const Ruleset& ruleset, Direction direction) {
  return fate(way_of(ruleset, direction, family()));
}

// --- Questions
// ------------------------------------------------------------------------------------

namespace {

Box possible_box(Direction direction) {
  const auto interface = [](Kind kind, bool there) {
    return Values{.field = {.kind = kind}, .numbers = {}, .names = {""}, .but_names = there};
  };
  return {interface(Kind::InInterface, direction != Direction::Out),
          interface(Kind::OutInterface, direction != Direction::In)};
}

Values states(State first, State last) {
  return {.field = {.kind = Kind::State},
          .numbers = Numbers({{static_cast<Number>(first), static_cast<Number>(last)}}),
          .names = {}};
}

}  // namespace

std::optional<Box> never_tracked(Family family) {
  if (family == Family::V4)
    return std::nullopt;
  const auto types = [](Number first, Number last) {
    return Interval<Number>{first << 8, last << 8 | 0xff};
  };
  constexpr auto icmp = static_cast<Number>(Protocol::Icmpv6);
  return Box{{.field = {.kind = Kind::Protocol}, .numbers = Numbers({{icmp, icmp}}), .names = {}},
             {.field = {.kind = Kind::SourcePort},
              .numbers = Numbers({types(130, 136), types(143, 143)}),
              .names = {}}};
}

// Packets without the header that has what they are said to have.
Diagram FilterSpace::misplaced() {
  Diagram all = 0;
  for (const auto& [field, level] : levels_.fields())
    if (const auto carriers = carriers_of(field)) {
      const Values there{.field = field, .numbers = Numbers({{1, 1}}), .names = {}};
      all = store_.unite(all, store_.subtract(inside({there}), inside({*carriers})));
    }
  return all;
}

Diagram FilterSpace::possible(Direction direction) {
  const Diagram there = store_.subtract(inside(possible_box(direction)), misplaced());
  if (!levels_.level({.kind = Kind::State}))
    return there;
  // What leaves by the loopback interface untracked comes in so.
  const Diagram untracked = any_assigned_.contains({.kind = Kind::State})
                                ? Diagram{0}
                                : inside({states(State::Untracked, State::Untracked)});
  const std::optional<Box> never = never_tracked(family());
  if (!never)
    return store_.subtract(there, untracked);
  if (!levels_.level({.kind = Kind::Protocol}) || !levels_.level({.kind = Kind::SourcePort}))
    return there;
  const Diagram neighbours = inside(*never);
  const Diagram tracked = inside({states(State::New, State::Related)});
  return store_.subtract(there, store_.unite(store_.intersect(neighbours, tracked),
                                             store_.subtract(untracked, neighbours)));
}

Diagram FilterSpace::whatever_atoms(Diagram diagram) {
  for (const std::size_t level : levels_.atom_levels())
    diagram = store_.forget(diagram, level);
  return diagram;
}

// The cube without what cannot be: levels that leave nothing possible out say nothing.
Cube FilterSpace::plain(Cube cube, const Cube& possible) const {
  for (std::size_t level = 0; level < cube.values.size(); ++level) {
    const IntervalSet<Value> left = cube.values[level].intersect(possible.values[level]);
    cube.values[level] = left == possible.values[level] ? levels_.everything().values[level] : left;
  }
  return cube;
}

FilterSpace::Cover FilterSpace::cover(Diagram diagram, Direction direction, const Box& care,
                                      std::size_t most) {
  Cube possible = levels_.everything();
  if (!levels_.narrow(possible, possible_box(direction)) || !levels_.narrow(possible, care))
    return {};
  const Diagram real =
      store_.intersect(this->possible(direction), store_.box(possible, kMostOutcomes, 0));
  const Diagram all = store_.some(store_.intersect(diagram, real));
  // A state that a packet cannot have is told with those that it can have: none need be named then.
  Diagram told = all;
  if (const auto state = levels_.level({.kind = Kind::State})) {
    possible.values[*state] = levels_.everything().values[*state];
    const Diagram unreal = store_.subtract(store_.box(possible, kMostOutcomes, 0), real);
    const Diagram left_out = store_.forget(store_.subtract(real, all), *state);
    told = store_.unite(
        all, store_.subtract(store_.intersect(unreal, store_.forget(all, *state)), left_out));
  }
  DiagramStore::Cover found = store_.cover(told, levels_.widening(), most,
                                           store_.box(possible, kMostOutcomes, 0), kMostCounted);
  std::ranges::stable_sort(found.cubes, std::greater(),
                           [&](const Cube& cube) { return store_.share(cube); });
  Cover result{.more = found.cubes.size() - std::min(most, found.cubes.size()), .rest = found.rest};
  found.cubes.resize(std::min(most, found.cubes.size()));
  for (const Cube& cube : found.cubes) {
    result.regions.push_back(levels_.region(plain(cube, possible)));
    const auto example = store_.witness(store_.intersect(store_.box(cube, kMostOutcomes, 0), all));
    result.examples.push_back(levels_.point(example.value_or(cube), direction));
  }
  return result;
}

std::optional<Point> FilterSpace::witness(Diagram diagram, Direction direction) const {
  const auto cube = store_.witness(diagram);
  return cube ? std::optional(levels_.point(*cube, direction)) : std::nullopt;
}

}  // namespace quay::filter
