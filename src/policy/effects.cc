#include "policy/effects.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <ranges>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "packetset/packet_space.h"
#include "policy/box_text.h"

namespace quay {
namespace {

constexpr std::size_t kMostLines = 32;  // of one origin, in one direction

// What a diagram tells of a packet: the number of the origin that decides it, and whether it
// passes. The lowest bit stays free for kContinue.
constexpr Outcomes kPasses = 2;
constexpr unsigned kOriginShift = 2;

bool accepts(const Rule& rule) {
  return rule.verdict == Verdict::Accept || rule.verdict == Verdict::Limit;
}

std::string service_name(const Origin& origin) {
  return origin.name + (origin.function.empty() ? "" : "." + origin.function);
}

// Origins by number, from 1 on.
class Origins {
 public:
  std::uint32_t number(const Origin& origin) {
    const auto [known, fresh] = numbers_.try_emplace(origin.text(), origins_.size());
    if (fresh)
      origins_.push_back(origin);
    return static_cast<std::uint32_t>(known->second + 1);
  }
  const Origin& of(std::uint32_t number) const { return origins_[number - 1]; }

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
    const Diagram wire = space_.diagram(wire_, kMostOutcomes, 0);
    const auto decided = [&](const RuleList& rules) {
      return store().intersect(wire, chain(direction, family, rules, names, origins));
    };
    const auto accepted = [&](Diagram diagram) {
      return store().replace(diagram, [](Outcomes outcomes) -> Outcomes {
        return (outcomes & kPasses) != 0 ? kMostOutcomes : 0;
      });
    };
    before_ = decided(before);
    after_ = decided(after);
    accepted_before_ = accepted(before_);
    accepted_after_ = accepted(after_);
  }

  DiagramStore& store() { return space_.store(); }
  PacketSpace& space() { return space_; }
  const Box& wire() const { return wire_; }

  Diagram opened() { return store().subtract(accepted_after_, accepted_before_); }
  Diagram closed() { return store().subtract(accepted_before_, accepted_after_); }

  // Who decides the packets of a set, under the old policy or the new one.
  std::set<std::uint32_t> before(Diagram set) { return named(store().intersect(set, before_)); }
  std::set<std::uint32_t> after(Diagram set) { return named(store().intersect(set, after_)); }
  Diagram accepted_after() const { return accepted_after_; }
  // Those packets of a set that `decider` decides.
  Diagram decided_before(Diagram set, std::uint32_t decider) { return part(set, before_, decider); }
  Diagram decided_after(Diagram set, std::uint32_t decider) { return part(set, after_, decider); }

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
  Diagram chain(Direction direction, Family family, const RuleList& rules,
                const InterfaceNames& names, Origins& origins) {
    std::vector<Diagram> steps;
    for (const Rule& rule : rules) {
      if (rule.direction != direction)
        continue;
      const Outcomes decided =
          origins.number(rule.origin) << kOriginShift | (accepts(rule) ? kPasses : 0);
      steps.push_back(space_.diagram(box_of(rule.match, family, names), decided, kContinue));
    }
    return store().sequence(steps);
  }
  std::set<std::uint32_t> named(Diagram deciders) {
    std::set<std::uint32_t> numbers;
    for (const Outcomes outcomes : store().outcomes(deciders))
      if (outcomes >> kOriginShift != 0)
        numbers.insert(outcomes >> kOriginShift);
    return numbers;
  }
  Diagram part(Diagram set, Diagram deciders, std::uint32_t decider) {
    return store().intersect(set, store().replace(deciders, [&](Outcomes outcomes) -> Outcomes {
      return outcomes >> kOriginShift == decider ? kMostOutcomes : 0;
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
    std::erase_if(rules, [&](const Rule& rule) { return has_ended(rule, now); });
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
    std::vector<Direction> unchanged;
    for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward})
      if (same(direction))
        unchanged.push_back(direction);
      else
        compare(direction);
    // What stopped in one direction may go on in another.
    if (!stopped_.empty())
      for (const Direction direction : unchanged)
        for (const Family family : {Family::V4, Family::V6}) {
          View view(direction, family, before_, after_, names_, origins_);
          note_services(direction, family, view);
          effects_.complete = effects_.complete && !view.store().exhausted();
        }
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

  bool same(Direction direction) const;
  void compare(Direction direction);
  // The packets of one line's origin, in both families.
  struct Region {
    std::array<Diagram, 2> packets{};
  };
  using Regions = std::map<std::uint32_t, Region>;  // by origin
  // Gives changed packets to the rule that decides them now or, where that is the default, to the
  // one that did before.
  void attribute(View& view, Diagram changed, std::size_t family, Regions& by_rules,
                 Regions& by_ends) const;
  void tell(Direction direction, std::array<View, 2>& views, const Regions& regions,
            const Policy& policy, std::vector<Effect>& list);
  void note_services(Direction direction, Family family, View& view);
  bool is_default(std::uint32_t decider) const {
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

// One packet of many: where any port will do, the last one, which no service has for itself. So
// what passes by the ports of another service is not taken for the service that was asked about.
Box usual_packets(Box box) {
  const auto narrow = [](PortSet& ports) {
    if (ports == every_port())
      ports = one_port(every_port().intervals().back().last);
  };
  if (std::ranges::all_of(box.protocols.intervals(), [](const auto& range) {
        return range.first == range.last && has_ports(static_cast<Protocol>(range.first));
      })) {
    narrow(box.source_ports);
    narrow(box.destination_ports);
  }
  return box;
}

// Whose packets close, and whose still pass, whichever rule it is that lets them.
void Comparison::note_services(Direction direction, Family family, View& view) {
  struct Packets {
    Diagram all = 0;
    Diagram usual = 0;
  };
  std::map<std::string, Packets> services;
  const auto add = [&](Diagram& packets, const Box& box) {
    packets = view.store().unite(packets, view.space().diagram(box, kMostOutcomes, 0));
  };
  for (const Rule& rule : before_) {
    if (rule.direction != direction || rule.origin.kind != Origin::Kind::Service)
      continue;
    Packets& packets = services[service_name(rule.origin)];
    const Box box = box_of(rule.match, family, names_);
    add(packets.all, box);
    add(packets.usual, usual_packets(box));
  }
  const Diagram closed = view.closed();
  for (const auto& [name, packets] : services) {
    if (view.store().intersect(packets.all, closed) != 0)
      stopped_.insert(name);
    if (view.store().intersect(packets.usual, view.accepted_after()) != 0)
      accepting_.insert(name);
  }
}

// Whether both have the same rules for a direction, in the same order.
bool Comparison::same(Direction direction) const {
  const auto decides_alike = [](const Rule& a, const Rule& b) {
    return a.match == b.match && a.verdict == b.verdict && a.origin == b.origin;
  };
  const auto of_direction = [&](const Rule& rule) { return rule.direction == direction; };
  return std::ranges::equal(before_ | std::views::filter(of_direction),
                            after_ | std::views::filter(of_direction), decides_alike);
}

void Comparison::attribute(View& view, Diagram changed, std::size_t family, Regions& by_rules,
                           Regions& by_ends) const {
  for (const std::uint32_t decider : view.after(changed)) {
    const Diagram decided = view.decided_after(changed, decider);
    if (!is_default(decider)) {
      by_rules[decider].packets[family] = decided;
      continue;
    }
    for (const std::uint32_t former : view.before(decided))
      by_ends[is_default(former) ? decider : former].packets[family] =
          view.decided_before(decided, former);
  }
}

void Comparison::compare(Direction direction) {
  std::array<View, 2> views{View(direction, Family::V4, before_, after_, names_, origins_),
                            View(direction, Family::V6, before_, after_, names_, origins_)};
  Regions opened;    // by rules that accept
  Regions let_go;    // by the end of rules that refused
  Regions closed;    // by rules that refuse
  Regions given_up;  // by the end of rules that accepted
  for (std::size_t i = 0; i < views.size(); ++i) {
    View& view = views[i];
    attribute(view, view.opened(), i, opened, let_go);
    attribute(view, view.closed(), i, closed, given_up);
    note_services(direction, i == 0 ? Family::V4 : Family::V6, view);
  }
  tell(direction, views, opened, new_policy_, effects_.opens);
  tell(direction, views, let_go, old_policy_, effects_.opens);
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
