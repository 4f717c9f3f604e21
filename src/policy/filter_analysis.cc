#include "policy/filter_analysis.h"

#include <algorithm>
#include <array>
#include <map>
#include <ranges>
#include <utility>

#include <fmt/format.h>

#include "base/both.h"
#include "model/interface.h"
#include "policy/idle_filter_rules.h"
#include "policy/outside_model.h"

namespace quay {
namespace {

using filter::Kind;
using filter::Number;
using filter::Numbers;
using filter::TableFamily;
using filter::Values;

Kind interface_kind(Direction direction) {
  return direction == Direction::Out ? Kind::OutInterface : Kind::InInterface;
}

// The packets of one interface class, or of several.
Values on(const filter::InterfaceClasses& classes, const std::vector<Value>& numbers, Kind kind) {
  std::vector<Interval<Value>> intervals;
  intervals.reserve(numbers.size());
  for (const Value number : numbers)
    intervals.push_back({number, number});
  return classes.values({.kind = kind}, IntervalSet<Value>(std::move(intervals)));
}

std::string name_of(const filter::InterfaceClasses& classes, Value number,
                    const Vocabulary& names) {
  if (number == filter::InterfaceClasses::kOther)
    return "any other interface";
  const std::string& name = classes.name(number);
  const auto known = names.interfaces.find(name);
  return known == names.interfaces.end() ? name : fmt::format("{} ({})", known->second, name);
}

// Packets with sources that they cannot have.
struct Spoof {
  filter::Box packets;
  std::string sources;
};

// From a wire, no packet has loopback's addresses; and from one interface's, none has those of
// another's network.
std::vector<Spoof> spoofs(Direction direction, Family family, const filter::Ruleset& ruleset) {
  const auto from = [&](const Prefix& sources) {
    filter::Box box = wire_box(direction, family);
    for (Values& values : box)
      if (values.field.kind == Kind::Source)
        values.numbers = Numbers({sources.range()});
    return box;
  };
  std::vector<Spoof> all{{from(loopback_prefix(family)), to_text(loopback_prefix(family))}};
  for (const filter::Network& network : ruleset.networks) {
    if (network.prefix.address.family != family)
      continue;
    Values others{.field = {.kind = Kind::InInterface}};
    for (const filter::Network& other : ruleset.networks)
      if (other.interface != network.interface && !other.strict)
        others.names.push_back(other.interface);
    if (others.names.empty())
      continue;
    filter::Box box = from(network.prefix);
    box.push_back(others);
    all.push_back({std::move(box), fmt::format("{}, the network of {}", to_text(network.prefix),
                                               network.interface)});
  }
  return all;
}

std::vector<filter::Box> spoofed(Family family, const filter::Ruleset& ruleset) {
  std::vector<filter::Box> boxes;
  for (const Direction direction : {Direction::In, Direction::Forward})
    for (Spoof& spoof : spoofs(direction, family, ruleset))
      boxes.push_back(std::move(spoof.packets));
  return boxes;
}

struct FamilyPart {
  FilterAnalysis analysis;
  std::vector<IdleFilterRule> idle;
};

class FamilyAnalysis {
 public:
  FamilyAnalysis(Family family, const filter::Ruleset& ruleset, const Vocabulary& names,
                 std::size_t most_nodes)
      : ruleset_(ruleset),
        names_(names),
        rulesets_{&ruleset},
        questions_(spoofed(family, ruleset)),
        teller_(family, rulesets_, names, questions_, most_nodes) {}

  FamilyPart take() {
    for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward}) {
      const Diagram fate = teller_.space().fate(ruleset_, direction);
      expose(direction, fate);
      if (direction != Direction::Out)
        look_for_spoofing(direction, fate);
    }
    std::vector<IdleFilterRule> idle = idle_filter_rules(teller_.space(), ruleset_);
    analysis_.untold = teller_.untold();
    analysis_.too_large = teller_.too_large();
    return {std::move(analysis_), std::move(idle)};
  }

 private:
  DiagramStore& store() { return teller_.store(); }
  void expose(Direction direction, Diagram fate);
  void look_for_spoofing(Direction direction, Diagram fate);
  // Where some outcome is accepting, and nothing else may happen, whatever the atoms say.
  Diagram surely(Diagram fate);
  std::vector<std::string> tell(Diagram packets, Direction direction, const filter::Box& box);

  const filter::Ruleset& ruleset_;
  const Vocabulary& names_;
  std::array<const filter::Ruleset*, 1> rulesets_;
  std::vector<filter::Box> questions_;
  FilterTeller teller_;
  FilterAnalysis analysis_;
};

Diagram FamilyAnalysis::surely(Diagram fate) {
  return teller_.with(teller_.space().whatever_atoms(fate), filter::kAccepted);
}

std::vector<std::string> FamilyAnalysis::tell(Diagram packets, Direction direction,
                                              const filter::Box& box) {
  std::vector<std::string> texts;
  for (PacketLine& line : teller_.tell(packets, direction, box))
    texts.push_back(std::move(line.packets));
  std::ranges::sort(texts);
  return texts;
}

void FamilyAnalysis::expose(Direction direction, Diagram fate) {
  const filter::FilterLevels& levels = teller_.space().levels();
  const filter::InterfaceClasses& classes = levels.interfaces();
  const auto level = levels.level({.kind = interface_kind(direction)});
  if (!level)
    return;
  const filter::Box wire = wire_box(direction, levels.family());
  const Diagram packets = store().intersect(
      store().intersect(fate, teller_.space().possible(direction)), teller_.space().inside(wire));
  std::map<Diagram, std::vector<Value>> alike;
  for (Value number = 0; number <= classes.last(); ++number)
    if (number != filter::InterfaceClasses::kNone && classes.name(number) != kLoopback.text)
      alike[store().restrict(packets, *level, number)].push_back(number);
  for (const auto& [ignored, numbers] : alike) {
    Exposure exposure{.direction = direction};
    if (alike.size() == 1)
      exposure.interfaces.emplace_back("any interface");
    else
      for (const Value number : numbers)
        exposure.interfaces.push_back(name_of(classes, number, names_));
    filter::Box box = wire;
    box.push_back(on(classes, numbers, interface_kind(direction)));
    const Diagram here = store().intersect(packets, teller_.space().inside(box));
    const Diagram sure = surely(here);
    const Diagram some = store().replace(here, [](Outcomes outcomes) -> Outcomes {
      return (outcomes & filter::kAccepted) != 0 ? kMostOutcomes : 0;
    });
    exposure.accepted = tell(sure, direction, box);
    exposure.maybe = tell(store().subtract(some, sure), direction, box);
    analysis_.exposures.push_back(std::move(exposure));
  }
}

void FamilyAnalysis::look_for_spoofing(Direction direction, Diagram fate) {
  for (const Spoof& spoof : spoofs(direction, teller_.space().family(), ruleset_)) {
    const Diagram open =
        store().intersect(surely(store().intersect(fate, teller_.space().possible(direction))),
                          teller_.space().inside(spoof.packets));
    const std::vector<PacketLine> lines = teller_.tell(open, direction, spoof.packets);
    if (lines.empty())
      continue;
    std::string text = fmt::format("{} {} with a source in {}", to_text(direction),
                                   lines.front().packets, spoof.sources);
    if (lines.size() > 1)
      text += fmt::format(", and {} more", lines.size() - 1);
    analysis_.spoofing.push_back(
        {.place = place_text(walk(ruleset_, lines.front().example)), .text = text, .by = {}});
  }
}

// What both families say stands once, what one says is marked.
std::vector<std::string> joined(const std::vector<std::string>& v4,
                                const std::vector<std::string>& v6) {
  std::vector<std::string> all;
  all.reserve(v4.size() + v6.size());
  for (const std::string& text : v4)
    all.push_back(std::ranges::find(v6, text) != v6.end() ? text : text + ", IPv4");
  for (const std::string& text : v6)
    if (std::ranges::find(v4, text) == v4.end())
      all.push_back(text + ", IPv6");
  return all;
}

// The exposures of both families, for the interfaces that fare alike in both.
std::vector<Exposure> joined(const std::vector<Exposure>& v4, const std::vector<Exposure>& v6) {
  std::vector<Exposure> all;
  for (const Exposure& one : v4)
    for (const Exposure& other : v6) {
      if (one.direction != other.direction)
        continue;
      Exposure both{.direction = one.direction,
                    .interfaces = {},
                    .accepted = joined(one.accepted, other.accepted),
                    .maybe = joined(one.maybe, other.maybe)};
      std::ranges::copy_if(
          one.interfaces, std::back_inserter(both.interfaces), [&](const std::string& name) {
            return std::ranges::find(other.interfaces, name) != other.interfaces.end();
          });
      if (!both.interfaces.empty())
        all.push_back(std::move(both));
    }
  return all;
}

// What both families found of a rule; nullptr: it is not idle. A rule of a table for both families
// is idle when it is idle in both.
const IdleFilterRule* idle_in_all(const IdleFilterRule* v4, const IdleFilterRule* v6,
                                  TableFamily family) {
  if (family == TableFamily::Ip)
    return v4;
  if (family == TableFamily::Ip6)
    return v6;
  if (v4 == nullptr || v6 == nullptr)
    return nullptr;
  return v4->redundant ? v4 : v6;
}

void add_idle(const std::vector<IdleFilterRule>& v4, const std::vector<IdleFilterRule>& v6,
              const filter::Ruleset& ruleset, FilterAnalysis& analysis) {
  const auto by_rule = [](const std::vector<IdleFilterRule>& list) {
    std::map<const filter::Rule*, const IdleFilterRule*> rules;
    for (const IdleFilterRule& idle : list)
      rules[idle.rule] = &idle;
    return rules;
  };
  auto idle4 = by_rule(v4);
  auto idle6 = by_rule(v6);
  for (const filter::Table& table : ruleset.tables)
    for (const filter::Chain& chain : table.chains)
      for (const filter::Rule& rule : chain.rules)
        if (const auto* idle = idle_in_all(idle4[&rule], idle6[&rule], table.family))
          (idle->redundant ? analysis.redundant : analysis.dead)
              .push_back({.place = idle->place, .text = rule.text, .by = idle->by});
}

void count_rules(const filter::Ruleset& ruleset, FilterAnalysis& analysis) {
  for (const filter::Table& table : ruleset.tables)
    for (const filter::Chain& chain : table.chains)
      for (const filter::Rule& rule : chain.rules) {
        ++analysis.rules;
        analysis.exact += rule.unknown.empty() ? 1 : 0;
      }
}

}  // namespace

FilterAnalysis analyze(const filter::Ruleset& ruleset, const Vocabulary& names,
                       std::size_t most_nodes) {
  const bool about_v4 = filter::is_about(ruleset, Family::V4);
  const bool about_v6 = filter::is_about(ruleset, Family::V6);
  const bool only_v6 = about_v6 && !about_v4;
  const auto of = [&](Family family, bool about) {
    return [&, family, about] {
      return about ? FamilyAnalysis(family, ruleset, names, most_nodes).take() : FamilyPart{};
    };
  };
  auto [v4, v6] = both(of(Family::V4, !only_v6), of(Family::V6, about_v6));
  FilterAnalysis analysis = std::move(only_v6 ? v6 : v4).analysis;
  if (about_v4 && about_v6) {
    FilterAnalysis& other = v6.analysis;
    analysis.exposures = joined(analysis.exposures, other.exposures);
    std::ranges::move(other.spoofing, std::back_inserter(analysis.spoofing));
    analysis.untold += other.untold;
    analysis.too_large = analysis.too_large || other.too_large;
  }
  if (analysis.too_large)
    analysis = {.too_large = true};
  else
    add_idle(v4.idle, v6.idle, ruleset, analysis);
  analysis.unknown = unknown_in(ruleset);
  analysis.outside = outside_of(ruleset);
  if (about_v4 != about_v6)
    analysis.outside.push_back(fmt::format("no table is about {}", about_v4 ? "IPv6" : "IPv4"));
  count_rules(ruleset, analysis);
  return analysis;
}

}  // namespace quay
