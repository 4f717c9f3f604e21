#include "policy/proof.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/both.h"
#include "packetset/filter_space.h"
#include "policy/lost_answers.h"
#include "policy/outside_model.h"
#include "policy/policy_filter.h"

namespace quay {
namespace {

using filter::Fate;
using filter::Stop;

bool ours(const Stop& stop) {
  return stop.table->family == filter::TableFamily::Inet && stop.table->name == "quaymaster";
}

std::string policy_place(const filter::Walk& walk) {
  if (walk.steps.empty() || walk.steps.back().rule == nullptr)
    return "no rule";
  return walk.steps.back().rule->place;
}

// One family's part of the proof.
class FamilyProof {
 public:
  FamilyProof(Family family, const filter::Ruleset& policy, const filter::Ruleset& live,
              const Vocabulary& names, std::size_t most_nodes)
      : policy_(policy),
        live_(live),
        rulesets_{&policy, &live},
        names_(names),
        questions_(answer_questions(family)),
        teller_(family, rulesets_, names, questions_, most_nodes) {}

  Proof take() {
    for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward})
      look_at(direction);
    LostAnswers lost = lost_answers(teller_.space(), live_, names_);
    proof_.lost = std::move(lost.flows);
    if (!lost.complete)
      proof_.unknown.emplace_back("not all flows could be followed to their answers");
    proof_.untold = teller_.untold();
    proof_.too_large = teller_.too_large();
    return std::move(proof_);
  }

 private:
  DiagramStore& store() { return teller_.store(); }
  void look_at(Direction direction);
  // Tells the packets of a set, which have one fate on either side.
  void tell(Diagram packets, Direction direction, Fate kernel, Fate policy,
            std::span<const Stop> way, std::vector<Difference>& list);

  const filter::Ruleset& policy_;
  const filter::Ruleset& live_;
  std::array<const filter::Ruleset*, 2> rulesets_;
  const Vocabulary& names_;
  std::vector<filter::Box> questions_;
  FilterTeller teller_;
  Proof proof_;
};

void FamilyProof::tell(Diagram packets, Direction direction, Fate kernel, Fate policy,
                       std::span<const Stop> way, std::vector<Difference>& list) {
  if (packets == 0)
    return;
  for (const PacketLine& line : teller_.tell(packets, direction))
    list.push_back(
        {.direction = direction,
         .packets = line.packets,
         .first = fmt::format("{} ({})", fate_text(kernel), place_text(walk(way, line.example))),
         .second =
             fmt::format("{} ({})", fate_text(policy), policy_place(walk(policy_, line.example))),
         .example = point_text(line.example),
         .certain = (kernel & policy) == 0});
}

void FamilyProof::look_at(Direction direction) {
  filter::FilterSpace& space = teller_.space();
  const std::vector<Stop> way = way_of(live_, direction, space.family());
  std::vector<Stop> own;
  std::ranges::copy_if(way, std::back_inserter(own), ours);
  const Diagram possible = space.possible(direction);
  const auto fate = [&](Diagram all) { return store().intersect(possible, all); };
  const Diagram wanted = fate(space.fate(policy_, direction));
  const Diagram held = fate(space.whatever_atoms(space.fate(own)));
  if (wanted != held)
    for (Fate kernel = filter::kAccepted; kernel <= filter::kAnyFate; kernel += filter::kAccepted)
      for (Fate policy = filter::kAccepted; policy <= filter::kAnyFate; policy += filter::kAccepted)
        if (kernel != policy)
          tell(store().intersect(teller_.with(held, kernel), teller_.with(wanted, policy)),
               direction, kernel, policy, own, proof_.differences);
  if (own.size() == way.size())
    return;
  const Diagram whole = fate(space.whatever_atoms(space.fate(way)));
  // A limit accepts until it is reached, which others do not change.
  constexpr Fate limited = filter::kAccepted | filter::kRejected;
  const auto both = [&](Fate one) {
    return store().intersect(teller_.with(wanted, one), teller_.with(held, one));
  };
  for (const Fate open : {filter::kAccepted, limited})
    for (Fate kernel = filter::kDropped; kernel <= filter::kAnyFate; kernel += filter::kAccepted)
      if (kernel != open)
        tell(store().intersect(both(open), teller_.with(whole, kernel)), direction, kernel,
             filter::kAccepted, way, proof_.closed);
  for (const Fate shut : {filter::kDropped, filter::kRejected})
    for (Fate kernel = filter::kAccepted; kernel <= filter::kAnyFate; kernel += filter::kAccepted)
      if ((kernel & filter::kAccepted) != 0)
        tell(store().intersect(both(shut), teller_.with(whole, kernel)), direction, kernel, shut,
             way, proof_.opened);
}

}  // namespace

std::string to_text(const Difference& difference) {
  return fmt::format("{} {}: kernel {}, policy {}", to_text(difference.direction),
                     difference.packets, difference.first, difference.second);
}

std::string proof_scope() {
  return "IPv4 and IPv6 packets with whole headers at the hooks ingress, prerouting, input, "
         "forward, output, postrouting and egress; limits are compared as accepting or rejecting; "
         "not packet and raw sockets, XDP, tc, BPF programs, bridged frames and flow offload";
}

Proof prove(const RuleList& rules, const filter::Ruleset& live, const Vocabulary& names,
            std::size_t most_nodes) {
  const filter::Ruleset policy = policy_filter(rules);
  const auto of = [&](Family family) {
    return [&, family] { return FamilyProof(family, policy, live, names, most_nodes).take(); };
  };
  auto [proof, second] = both(of(Family::V4), of(Family::V6));
  proof.too_large = proof.too_large || second.too_large;
  if (proof.too_large)
    return {.unknown = unknown_in(live), .outside = outside_of(live), .too_large = true};
  proof.differences = join_families(std::move(proof.differences), std::move(second.differences));
  proof.closed = join_families(std::move(proof.closed), std::move(second.closed));
  proof.opened = join_families(std::move(proof.opened), std::move(second.opened));
  proof.lost = join_families(std::move(proof.lost), std::move(second.lost));
  proof.untold += second.untold;
  std::vector<std::string> unknown = unknown_in(live);
  // What one family could not tell, or both could not.
  std::ranges::move(proof.unknown.empty() ? second.unknown : proof.unknown,
                    std::back_inserter(unknown));
  proof.unknown = std::move(unknown);
  proof.outside = outside_of(live);
  return proof;
}

}  // namespace quay
