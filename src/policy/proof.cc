#include "policy/proof.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "packetset/filter_space.h"
#include "policy/policy_filter.h"

namespace quay {
namespace {

using filter::Fate;
using filter::FilterSpace;
using filter::Kind;
using filter::Number;
using filter::Numbers;
using filter::Point;
using filter::Stop;

constexpr std::size_t kMostLines = 20;  // of one kind of difference
constexpr std::size_t kMostExceptions = 64;
constexpr std::array kFates{filter::kAccepted,
                            filter::kDropped,
                            filter::kRejected,
                            filter::kAccepted | filter::kDropped,
                            filter::kAccepted | filter::kRejected,
                            filter::kDropped | filter::kRejected,
                            filter::kAnyFate};

bool ours(const Stop& stop) {
  return stop.table->family == filter::TableFamily::Inet && stop.table->name == "quaymaster";
}

// Who decided in the end.
std::string place(const filter::Walk& walk) {
  if (walk.steps.empty())
    return "no rule";
  const filter::Step& last = walk.steps.back();
  if (last.rule == nullptr)
    return fmt::format("{}/{}/{} policy", to_text(last.table->family), last.table->name,
                       last.chain->name);
  return place_of(*last.table, *last.chain, *last.rule);
}

std::string policy_place(const filter::Walk& walk) {
  if (walk.steps.empty() || walk.steps.back().rule == nullptr)
    return "no rule";
  return walk.steps.back().rule->place;
}

// First packets of flows, neither on the loopback interface nor with its addresses.
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

// One family's part of the proof.
class FamilyProof {
 public:
  FamilyProof(Family family, const filter::Ruleset& policy, const filter::Ruleset& live,
              const Vocabulary& names)
      : policy_(policy),
        live_(live),
        names_(names),
        rulesets_{&policy, &live},
        wires_{wire_box(Direction::In, family), wire_box(Direction::Out, family),
               wire_box(Direction::Forward, family)},
        space_(family, rulesets_, wires_) {}

  void take(Proof& proof) {
    for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward})
      compare(direction, proof);
    proof.complete = proof.complete && !space_.exhausted();
  }

 private:
  DiagramStore& store() { return space_.store(); }
  void compare(Direction direction, Proof& proof);
  Diagram accepted(Diagram fate) {
    return store().replace(fate, [](Outcomes outcomes) -> Outcomes {
      return outcomes == filter::kAccepted ? kMostOutcomes : 0;
    });
  }
  // The packets with exactly this fate.
  Diagram with(Diagram fate, Fate wanted) {
    return store().replace(fate, [&](Outcomes outcomes) -> Outcomes {
      return outcomes == wanted ? kMostOutcomes : 0;
    });
  }
  // Tells the packets of a set, which have one fate in either.
  void tell(Direction direction, Diagram packets, std::pair<Fate, Fate> fates,
            std::span<const Stop> way, std::vector<Difference>& list, bool& complete);

  void tell_part(Direction direction, Diagram packets, const filter::Box& care,
                 std::pair<Fate, Fate> fates, std::span<const Stop> way,
                 std::vector<Difference>& list, bool& complete);

  const filter::Ruleset& policy_;
  const filter::Ruleset& live_;
  const Vocabulary& names_;
  std::array<const filter::Ruleset*, 2> rulesets_;
  std::array<filter::Box, 3> wires_;
  FilterSpace space_;
};

// First packets of flows on a wire are what people ask about. The others follow where they are not
// the same packets in another state.
void FamilyProof::tell(Direction direction, Diagram packets, std::pair<Fate, Fate> fates,
                       std::span<const Stop> way, std::vector<Difference>& list, bool& complete) {
  const filter::Box& wire = wires_[static_cast<std::size_t>(direction)];
  const Diagram first = store().intersect(packets, space_.inside(wire));
  tell_part(direction, first, wire, fates, way, list, complete);
  const auto states = space_.levels().level({.kind = Kind::State});
  const Diagram told = states ? store().forget(first, *states) : first;
  tell_part(direction, store().subtract(packets, told), {}, fates, way, list, complete);
}

void FamilyProof::tell_part(Direction direction, Diagram packets, const filter::Box& care,
                            std::pair<Fate, Fate> fates, std::span<const Stop> way,
                            std::vector<Difference>& list, bool& complete) {
  const auto [kernel, policy] = fates;
  const FilterSpace::Cover cover = space_.cover(packets, direction, care, kMostLines);
  complete = complete && cover.rest == 0;
  for (std::size_t i = 0; i < cover.regions.size(); ++i) {
    const Point& example = cover.examples[i];
    list.push_back(
        {.direction = direction,
         .packets = region_text(cover.regions[i], space_.family(), names_),
         .kernel = fmt::format("{} ({})", fate_text(kernel), place(walk(way, example))),
         .policy = fmt::format("{} ({})", fate_text(policy), policy_place(walk(policy_, example))),
         .example = point_text(example),
         .certain = (kernel & policy) == 0});
  }
}

void FamilyProof::compare(Direction direction, Proof& proof) {
  const std::vector<Stop> way = way_of(live_, direction, space_.family());
  std::vector<Stop> own;
  std::ranges::copy_if(way, std::back_inserter(own), ours);
  const Diagram possible = space_.possible(direction);
  const auto fate = [&](Diagram all) { return store().intersect(possible, all); };
  const Diagram wanted = fate(space_.fate(policy_, direction));
  const Diagram held = fate(space_.whatever_atoms(space_.fate(own)));
  if (wanted != held)
    for (const Fate kernel : kFates)
      for (const Fate policy : kFates)
        if (kernel != policy)
          if (const Diagram packets = store().intersect(with(held, kernel), with(wanted, policy));
              packets != 0)
            tell(direction, packets, {kernel, policy}, own, proof.differences, proof.complete);
  if (own.size() == way.size())
    return;
  const Diagram open = store().intersect(accepted(wanted), accepted(held));
  const Diagram whole = fate(space_.whatever_atoms(space_.fate(way)));
  for (const Fate kernel : kFates)
    if (kernel != filter::kAccepted)
      if (const Diagram packets = store().intersect(open, with(whole, kernel)); packets != 0)
        tell(direction, packets, {kernel, filter::kAccepted}, way, proof.closed, proof.complete);
}

// Lines of both families that say the same become one.
void join_families(std::vector<Difference>& v4, std::vector<Difference>&& v6) {
  const auto same = [](const Difference& a, const Difference& b) {
    return a.direction == b.direction && a.packets == b.packets && a.kernel == b.kernel &&
           a.policy == b.policy;
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
}

std::vector<std::string> unknown_in(const filter::Ruleset& ruleset) {
  std::vector<std::string> found;
  for (const filter::Table& table : ruleset.tables)
    for (const filter::Chain& chain : table.chains)
      for (const filter::Rule& rule : chain.rules)
        for (const std::string& what : rule.unknown)
          found.push_back(fmt::format("{}: {}", place_of(table, chain, rule), what));
  return found;
}

}  // namespace

std::string proof_scope() {
  return "IPv4 and IPv6 packets with whole headers at the hooks ingress, prerouting, input, "
         "forward, output, postrouting and egress; limits are compared as accepting or rejecting; "
         "not packet and raw sockets, XDP, tc, bridged frames and flow offload";
}

Proof prove(const RuleList& rules, const filter::Ruleset& live, const Vocabulary& names) {
  const filter::Ruleset policy = policy_filter(rules);
  Proof proof;
  Proof second;
  FamilyProof(Family::V4, policy, live, names).take(proof);
  FamilyProof(Family::V6, policy, live, names).take(second);
  join_families(proof.differences, std::move(second.differences));
  join_families(proof.closed, std::move(second.closed));
  join_families(proof.replies, std::move(second.replies));
  proof.complete = proof.complete && second.complete;
  proof.unknown = unknown_in(live);
  proof.outside = live.outside;
  return proof;
}

}  // namespace quay
