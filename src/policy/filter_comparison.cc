#include "policy/filter_comparison.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include <fmt/format.h>

#include "base/both.h"
#include "policy/outside_model.h"
#include "policy/proof.h"

namespace quay {

using filter::Fate;

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
      undecided(one, other, direction);
      if (one == other)
        continue;
      for (Fate a = filter::kAccepted; a <= filter::kAnyFate; a += filter::kAccepted)
        for (Fate b = filter::kAccepted; b <= filter::kAnyFate; b += filter::kAccepted)
          if (a != b)
            tell(teller_.store().intersect(teller_.with(one, a), teller_.with(other, b)), direction,
                 a, b, differences_.lines);
    }
    if (teller_.too_large())
      return {.too_large = true};
    differences_.untold = teller_.untold();
    return std::move(differences_);
  }

 private:
  // What may happen in both in more than one way, where it is the same ways.
  void undecided(Diagram one, Diagram other, Direction direction) {
    for (Fate fate = filter::kAccepted; fate <= filter::kAnyFate; fate += filter::kAccepted)
      if (!std::has_single_bit(fate))
        tell(teller_.store().intersect(teller_.with(one, fate), teller_.with(other, fate)),
             direction, fate, fate, differences_.undecided);
  }
  void tell(Diagram packets, Direction direction, Fate first, Fate second,
            std::vector<Difference>& list) {
    for (const PacketLine& line : teller_.tell(packets, direction))
      list.push_back({.direction = direction,
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

void note_what_is_unknown(const filter::Ruleset& first, const filter::Ruleset& second,
                          Differences& differences) {
  const auto note = [](std::vector<std::string>& all, std::vector<std::string> more) {
    for (std::string& one : more)
      if (std::ranges::find(all, one) == all.end())
        all.push_back(std::move(one));
  };
  for (const filter::Ruleset* ruleset : {&first, &second}) {
    note(differences.unknown, unknown_in(*ruleset));
    note(differences.outside, outside_of(*ruleset));
  }
}

Differences compare_families(const filter::Ruleset& first, const filter::Ruleset& second,
                             const Vocabulary& names, std::size_t most_nodes) {
  const auto about = [&](Family family) {
    return is_about(first, family) || is_about(second, family);
  };
  const auto of = [&](Family family) {
    return [&, family] {
      return about(family) ? FamilyComparison(family, first, second, names, most_nodes).take()
                           : Differences{};
    };
  };
  auto [v4, v6] = both(of(Family::V4), of(Family::V6));
  if (!about(Family::V6))
    return v4;
  if (!about(Family::V4))
    return v6;
  if (v4.too_large || v6.too_large)
    return {.too_large = true};
  return {.lines = join_families(std::move(v4.lines), std::move(v6.lines)),
          .undecided = join_families(std::move(v4.undecided), std::move(v6.undecided)),
          .untold = v4.untold += v6.untold};
}

}  // namespace

Differences compare(const filter::Ruleset& first, const filter::Ruleset& second,
                    const Vocabulary& names, std::size_t most_nodes) {
  Differences differences;
  if (!filter::same(first, second))
    differences = compare_families(first, second, names, most_nodes);
  note_what_is_unknown(first, second, differences);
  return differences;
}

std::string comparison_scope() {
  return proof_scope() +
         "; whether packets are accepted, dropped or rejected, not where translation sends them";
}

}  // namespace quay
