#include "policy/effects.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"
#include "packetset/packet_space.h"
#include "policy/affected_rules.h"
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

// The rules of one direction that a comparison is about.
struct Excerpt {
  RuleList before;
  RuleList after;
  InterfaceNames names;

  Excerpt(const RuleList& all_before, const RuleList& all_after, Direction direction,
          const std::vector<const Match*>& about)
      : before(rules_meeting(all_before, direction, about)),
        after(rules_meeting(all_after, direction, about)),
        names(before) {
    names.add(after);
    names.add(kLoopback.text);
  }
};

// One direction and one family: who decides what under either policy.
class View {
 public:
  View(Direction direction, Family family, const Excerpt& excerpt, Origins& origins)
      : wire_(box_of(PacketQuery{.direction = direction}, family, excerpt.names)),
        space_(family, excerpt.names, boxes(wire_, family, excerpt)) {
    const Diagram wire = space_.diagram(wire_, kMostOutcomes, 0);
    const auto decided = [&](const RuleList& rules) {
      return store().intersect(wire, chain(family, rules, excerpt.names, origins));
    };
    const auto accepted = [&](Diagram diagram) {
      return store().replace(diagram, [](Outcomes outcomes) -> Outcomes {
        return (outcomes & kPasses) != 0 ? kMostOutcomes : 0;
      });
    };
    before_ = decided(excerpt.before);
    after_ = decided(excerpt.after);
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
  static std::vector<Box> boxes(const Box& wire, Family family, const Excerpt& excerpt) {
    std::vector<Box> all{wire};
    for (const RuleList* rules : {&excerpt.before, &excerpt.after})
      for (const Rule& rule : *rules)
        all.push_back(box_of(rule.match, family, excerpt.names));
    return all;
  }
  Diagram chain(Family family, const RuleList& rules, const InterfaceNames& names,
                Origins& origins) {
    std::vector<Diagram> steps;
    for (const Rule& rule : rules) {
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

// The rules that decide something now: the compiled ones, or others that are put into `room`.
const RuleList& effective_rules(const Compilation& compilation, TimePoint now, RuleList& room) {
  const RuleList& compiled = compilation.compiled.rules;
  const auto ended = [&](const Rule& rule) { return has_ended(rule, now); };
  if (compilation.policy.enforcing) {
    if (std::ranges::none_of(compiled, ended))
      return compiled;
    std::ranges::remove_copy_if(compiled, std::back_inserter(room), ended);
    return room;
  }
  for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward})
    room.push_back({.direction = direction,
                    .verdict = Verdict::Accept,
                    .origin = {.kind = Origin::Kind::Profile, .name = "none"},
                    .reason = "nothing is enforced"});
  return room;
}

// Compares one policy's rules with the other's.
class Comparison {
 public:
  Comparison(const Compilation& before, const Compilation& after, const Catalogue& catalogue,
             TimePoint now)
      : before_(effective_rules(before, now, room_before_)),
        after_(effective_rules(after, now, room_after_)),
        old_policy_(before.policy),
        new_policy_(after.policy),
        catalogue_(catalogue) {}

  Effects take() {
    constexpr std::array directions{Direction::In, Direction::Out, Direction::Forward};
    for (const Direction direction : directions)
      compare(direction);
    // What stopped in one direction may go on in another.
    if (!stopped_.empty())
      for (const Direction direction : directions)
        note_accepting(direction);
    std::set<std::string> goes_on;
    for (const auto& [name, direction] : accepting_)
      goes_on.insert(name);
    std::set<std::string> told;
    for (const auto& [name, direction] : stopped_)
      if (!goes_on.contains(name) && told.insert(name).second)
        add_consequence(name, "");
      else if (goes_on.contains(name) && !accepting_.contains({name, direction}))
        add_consequence(name, direction == Direction::In ? ", incoming" : ", outgoing");
    return std::move(effects_);
  }

 private:
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
  void tell(Direction direction, std::array<View, 2>& views, const InterfaceNames& names,
            const Regions& regions, const Policy& policy, std::vector<Effect>& list);
  void note_stopped(Direction direction, Family family, const Excerpt& excerpt, View& view);
  void note_accepting(Direction direction);
  void note_complete(View& view) {
    effects_.complete = effects_.complete && !view.store().exhausted();
  }
  bool is_stopped(const std::string& name) const {
    return std::ranges::any_of(stopped_, [&](const Traffic& one) { return one.first == name; });
  }
  bool is_default(std::uint32_t decider) const {
    return origins_.of(decider).kind == Origin::Kind::Profile;
  }
  void add_consequence(const std::string& name, std::string_view part);

  RuleList room_before_;
  RuleList room_after_;
  const RuleList& before_;
  const RuleList& after_;
  const Policy& old_policy_;
  const Policy& new_policy_;
  const Catalogue& catalogue_;
  Origins origins_;
  Effects effects_;
  using Traffic = std::pair<std::string, Direction>;  // of a service
  std::set<Traffic> stopped_;                         // with packets that no longer pass
  std::set<Traffic> accepting_;                       // with packets that still do
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

// Whose packets close.
void Comparison::note_stopped(Direction direction, Family family, const Excerpt& excerpt,
                              View& view) {
  const Diagram closed = view.closed();
  for (const Rule& rule : excerpt.before) {
    if (rule.origin.kind != Origin::Kind::Service)
      continue;
    const Box box = box_of(rule.match, family, excerpt.names);
    if (view.store().intersect(view.space().diagram(box, kMostOutcomes, 0), closed) != 0)
      stopped_.emplace(service_name(rule.origin), direction);
  }
}

// Whose packets still pass, whichever rule it is that lets them.
void Comparison::note_accepting(Direction direction) {
  std::vector<const Match*> theirs;  // of the services that stopped somewhere
  for (const Rule& rule : before_)
    if (rule.direction == direction && rule.origin.kind == Origin::Kind::Service &&
        is_stopped(service_name(rule.origin)))
      theirs.push_back(&rule.match);
  if (theirs.empty())
    return;
  const Excerpt excerpt(before_, after_, direction, theirs);
  for (const Family family : {Family::V4, Family::V6}) {
    View view(direction, family, excerpt, origins_);
    for (const Rule& rule : excerpt.before) {
      if (rule.origin.kind != Origin::Kind::Service)
        continue;
      const Box usual = usual_packets(box_of(rule.match, family, excerpt.names));
      if (view.store().intersect(view.space().diagram(usual, kMostOutcomes, 0),
                                 view.accepted_after()) != 0)
        accepting_.emplace(service_name(rule.origin), direction);
    }
    note_complete(view);
  }
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
  const std::vector<const Match*> changed = changed_matches(before_, after_, direction);
  if (changed.empty())
    return;
  const Excerpt excerpt(before_, after_, direction, changed);
  std::array<View, 2> views{View(direction, Family::V4, excerpt, origins_),
                            View(direction, Family::V6, excerpt, origins_)};
  Regions opened;    // by rules that accept
  Regions let_go;    // by the end of rules that refused
  Regions closed;    // by rules that refuse
  Regions given_up;  // by the end of rules that accepted
  for (std::size_t i = 0; i < views.size(); ++i) {
    View& view = views[i];
    attribute(view, view.opened(), i, opened, let_go);
    attribute(view, view.closed(), i, closed, given_up);
    note_stopped(direction, i == 0 ? Family::V4 : Family::V6, excerpt, view);
  }
  tell(direction, views, excerpt.names, opened, new_policy_, effects_.opens);
  tell(direction, views, excerpt.names, let_go, old_policy_, effects_.opens);
  tell(direction, views, excerpt.names, given_up, old_policy_, effects_.closes);
  tell(direction, views, excerpt.names, closed, new_policy_, effects_.closes);
  for (View& view : views)
    note_complete(view);
}

void Comparison::tell(Direction direction, std::array<View, 2>& views, const InterfaceNames& names,
                      const Regions& regions, const Policy& policy, std::vector<Effect>& list) {
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
      BoxText text = box_text(boxes, whole, names, policy);
      effect.to = std::move(text.to);
      effect.from = std::move(text.from);
      effect.interfaces = std::move(text.interfaces);
      list.push_back(effect);
    }
  }
}

void Comparison::add_consequence(const std::string& name, std::string_view part) {
  const std::size_t dot = name.find('.');
  const Service* service = catalogue_.service(name.substr(0, dot));
  if (service == nullptr)
    return;
  const Function* function =
      dot == std::string::npos ? nullptr : service->function(name.substr(dot + 1));
  const std::string& closing = function != nullptr ? function->closing : service->closing;
  if (!closing.empty())
    effects_.stops.push_back(fmt::format("{}{}: {}", name, part, closing));
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
