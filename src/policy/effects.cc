#include "policy/effects.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "packetset/packet_space.h"
#include "policy/box_text.h"

namespace quay {
namespace {

constexpr std::size_t kMostLines = 32;  // of one origin, in one direction

constexpr Outcomes kAccepted = 2;
constexpr Outcomes kRefused = 4;

bool accepts(const Rule& rule) {
  return rule.verdict == Verdict::Accept || rule.verdict == Verdict::Limit;
}

std::string service_name(const Origin& origin) {
  return origin.name + (origin.function.empty() ? "" : "." + origin.function);
}

// Origins by number: what a diagram can tell.
class Origins {
 public:
  // Even, as kContinue must not be in it.
  Outcomes number(const Origin& origin) {
    const auto [known, fresh] = numbers_.try_emplace(origin.text(), origins_.size());
    if (fresh)
      origins_.push_back(origin);
    return static_cast<Outcomes>(2 * (known->second + 1));
  }
  const Origin& of(Outcomes number) const { return origins_[number / 2 - 1]; }

 private:
  std::map<std::string, std::size_t> numbers_;
  std::vector<Origin> origins_;
};

// One direction and one family: who decides what under either policy.
class View {
 public:
  View(Direction direction, Family family, const RuleList& before, const RuleList& after,
       const InterfaceNames& names, Origins& origins)
      : wire_(box_of(PacketQuery{.direction = direction}, family, names)),
        space_(family, names, boxes(direction, family, before, after, names)) {
    const auto deciders = [&](const RuleList& rules) {
      return chain(direction, family, rules, names,
                   [&](const Rule& rule) { return origins.number(rule.origin); });
    };
    const auto accepted = [&](const RuleList& rules) {
      return store().replace(
          chain(direction, family, rules, names,
                [](const Rule& rule) { return accepts(rule) ? kAccepted : kRefused; }),
          [](Outcomes outcomes) -> Outcomes { return outcomes == kAccepted ? kMostOutcomes : 0; });
    };
    before_ = deciders(before);
    after_ = deciders(after);
    const Diagram wire = space_.diagram(wire_, kMostOutcomes, 0);
    accepted_before_ = store().intersect(wire, accepted(before));
    accepted_after_ = store().intersect(wire, accepted(after));
  }

  DiagramStore& store() { return space_.store(); }
  PacketSpace& space() { return space_; }
  const Box& wire() const { return wire_; }

  Diagram opened() { return store().subtract(accepted_after_, accepted_before_); }
  Diagram closed() { return store().subtract(accepted_before_, accepted_after_); }

  // Who decides the packets of a set, under the old policy or the new one.
  std::vector<Outcomes> before(Diagram set) { return named(store().intersect(set, before_)); }
  std::vector<Outcomes> after(Diagram set) { return named(store().intersect(set, after_)); }
  Diagram accepted_after() const { return accepted_after_; }
  // Those packets of a set that `decider` decides.
  Diagram decided_before(Diagram set, Outcomes decider) { return part(set, before_, decider); }
  Diagram decided_after(Diagram set, Outcomes decider) { return part(set, after_, decider); }

 private:
  static std::vector<Box> boxes(Direction direction, Family family, const RuleList& before,
                                const RuleList& after, const InterfaceNames& names) {
    std::vector<Box> all{box_of(PacketQuery{.direction = direction}, family, names)};
    for (const RuleList* rules : {&before, &after})
      for (const Rule& rule : *rules)
        if (rule.direction == direction)
          all.push_back(box_of(rule.match, family, names));
    return all;
  }
  template <typename Outcome>
  Diagram chain(Direction direction, Family family, const RuleList& rules,
                const InterfaceNames& names, Outcome outcome) {
    std::vector<Diagram> steps;
    for (const Rule& rule : rules)
      if (rule.direction == direction)
        steps.push_back(
            space_.diagram(box_of(rule.match, family, names), outcome(rule), kContinue));
    return store().sequence(steps);
  }
  std::vector<Outcomes> named(Diagram deciders) {
    std::vector<Outcomes> numbers = store().outcomes(deciders);
    std::erase_if(numbers, [](Outcomes number) { return number <= kContinue; });
    return numbers;
  }
  Diagram part(Diagram set, Diagram deciders, Outcomes decider) {
    return store().intersect(set, store().replace(deciders, [&](Outcomes number) -> Outcomes {
      return number == decider ? kMostOutcomes : 0;
    }));
  }

  Box wire_;
  PacketSpace space_;
  Diagram before_ = 0;
  Diagram after_ = 0;
  Diagram accepted_before_ = 0;
  Diagram accepted_after_ = 0;
};

// The rules that decide something now.
RuleList effective_rules(const Compilation& compilation, TimePoint now) {
  RuleList rules;
  if (compilation.policy.enforcing) {
    rules = compilation.compiled.rules;
    std::erase_if(rules, [&](const Rule& rule) { return rule.until && *rule.until <= now; });
    return rules;
  }
  for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward})
    rules.push_back({.direction = direction,
                     .verdict = Verdict::Accept,
                     .origin = {.kind = Origin::Kind::Profile, .name = "none"},
                     .reason = "nothing is enforced"});
  return rules;
}

// Compares one policy's rules with the other's.
class Comparison {
 public:
  Comparison(const Compilation& before, const Compilation& after, const Catalogue& catalogue,
             TimePoint now)
      : before_(effective_rules(before, now)),
        after_(effective_rules(after, now)),
        old_policy_(before.policy),
        new_policy_(after.policy),
        catalogue_(catalogue),
        names_(both(before_, after_)) {}

  Effects take() {
    for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward})
      compare(direction);
    for (const std::string& name : stopped_)
      if (!accepting_.contains(name))
        add_consequence(name);
    return std::move(effects_);
  }

 private:
  static InterfaceNames both(const RuleList& before, const RuleList& after) {
    RuleList rules = before;
    rules.insert(rules.end(), after.begin(), after.end());
    InterfaceNames names(rules);
    names.add(kLoopback.text);
    return names;
  }

  void compare(Direction direction);
  // The packets of one line's origin, in both families.
  struct Region {
    std::array<Diagram, 2> packets{};
  };
  using Regions = std::map<Outcomes, Region>;
  void tell(Direction direction, std::array<View, 2>& views, const Regions& regions,
            const Policy& policy, std::vector<Effect>& list);
  void note_services(Direction direction, Family family, View& view);
  bool is_default(Outcomes decider) const {
    return origins_.of(decider).kind == Origin::Kind::Profile;
  }
  void add_consequence(const std::string& name);

  const RuleList before_;
  const RuleList after_;
  const Policy& old_policy_;
  const Policy& new_policy_;
  const Catalogue& catalogue_;
  InterfaceNames names_;
  Origins origins_;
  Effects effects_;
  std::set<std::string> stopped_;    // services with packets that no longer pass
  std::set<std::string> accepting_;  // and those with packets that still do
};

// Whose packets close, and whose still pass, whichever rule it is that lets them.
void Comparison::note_services(Direction direction, Family family, View& view) {
  std::map<std::string, Diagram> services;
  for (const Rule& rule : before_) {
    if (rule.direction != direction || rule.origin.kind != Origin::Kind::Service)
      continue;
    Diagram& packets = services[service_name(rule.origin)];
    packets = view.store().unite(
        packets, view.space().diagram(box_of(rule.match, family, names_), kMostOutcomes, 0));
  }
  const Diagram closed = view.closed();
  for (const auto& [name, packets] : services) {
    if (view.store().intersect(packets, closed) != 0)
      stopped_.insert(name);
    if (view.store().intersect(packets, view.accepted_after()) != 0)
      accepting_.insert(name);
  }
}

void Comparison::compare(Direction direction) {
  std::array<View, 2> views{View(direction, Family::V4, before_, after_, names_, origins_),
                            View(direction, Family::V6, before_, after_, names_, origins_)};
  Regions opened;
  Regions closed;    // by rules that refuse
  Regions given_up;  // by the end of rules that accepted
  for (std::size_t i = 0; i < views.size(); ++i) {
    View& view = views[i];
    const Diagram opens = view.opened();
    for (const Outcomes decider : view.after(opens))
      opened[decider].packets[i] = view.decided_after(opens, decider);
    const Diagram closes = view.closed();
    for (const Outcomes decider : view.after(closes)) {
      const Diagram refused = view.decided_after(closes, decider);
      if (!is_default(decider)) {
        closed[decider].packets[i] = refused;
        continue;
      }
      for (const Outcomes former : view.before(refused))
        given_up[is_default(former) ? decider : former].packets[i] =
            view.decided_before(refused, former);
    }
    note_services(direction, i == 0 ? Family::V4 : Family::V6, view);
  }
  tell(direction, views, opened, new_policy_, effects_.opens);
  tell(direction, views, given_up, old_policy_, effects_.closes);
  tell(direction, views, closed, new_policy_, effects_.closes);
  for (View& view : views)
    effects_.complete = effects_.complete && !view.store().exhausted();
}

void Comparison::tell(Direction direction, std::array<View, 2>& views, const Regions& regions,
                      const Policy& policy, std::vector<Effect>& list) {
  const FamilyBoxes whole{&views[0].wire(), &views[1].wire()};
  for (const auto& [decider, region] : regions) {
    Effect effect{.direction = direction,
                  .to = direction == Direction::Forward ? "routed packets" : "everything else",
                  .from = "Anywhere",
                  .interfaces = {},
                  .origin = origins_.of(decider).text()};
    if (is_default(decider)) {
      list.push_back(std::move(effect));
      continue;
    }
    std::array<PacketSpace::Cover, 2> covers;
    for (std::size_t i = 0; i < views.size(); ++i) {
      covers[i] = views[i].space().cover(region.packets[i], kMostLines);
      effects_.complete = effects_.complete && covers[i].complete;
    }
    for (const FamilyBoxes& boxes : pair_families(covers[0].boxes, covers[1].boxes, whole)) {
      BoxText text = box_text(boxes, whole, names_, policy);
      effect.to = std::move(text.to);
      effect.from = std::move(text.from);
      effect.interfaces = std::move(text.interfaces);
      list.push_back(effect);
    }
  }
}

void Comparison::add_consequence(const std::string& name) {
  const std::size_t dot = name.find('.');
  const Service* service = catalogue_.service(name.substr(0, dot));
  if (service == nullptr)
    return;
  const Function* function =
      dot == std::string::npos ? nullptr : service->function(name.substr(dot + 1));
  const std::string& closing = function != nullptr ? function->closing : service->closing;
  if (!closing.empty())
    effects_.stops.push_back(fmt::format("{}: {}", name, closing));
}

}  // namespace

Effects effects(const Compilation& before, const Compilation& after, const Catalogue& catalogue,
                TimePoint now) {
  return Comparison(before, after, catalogue, now).take();
}

std::string to_text(const Effect& effect) {
  std::string text = effect.to + " " + to_text(effect.direction);
  if (!effect.interfaces.empty())
    text += " on " + join(effect.interfaces, ", ");
  if (effect.from != "Anywhere")
    text += " from " + effect.from;
  return fmt::format("{} ({})", text, effect.origin);
}

}  // namespace quay
