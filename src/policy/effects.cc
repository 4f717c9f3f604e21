#include "policy/effects.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "packetset/box.h"
#include "policy/numbered.h"

namespace quay {
namespace {

bool accepts(Verdict verdict) {
  return verdict == Verdict::Accept || verdict == Verdict::Limit;
}

bool same_packets_and_fate(const Rule& a, const Rule& b) {
  return a.direction == b.direction && a.verdict == b.verdict && a.until == b.until &&
         a.match == b.match;
}

// How a rule list decides some packets of one family.
struct Fate {
  std::vector<Box> accepted;
  std::vector<Box> refused;
  std::set<std::string> services;  // that accept some, "lon.rni"
};

std::string service_name(const Origin& origin) {
  return origin.name + (origin.function.empty() ? "" : "." + origin.function);
}

Fate fate(std::vector<Box> rest, Direction direction, Family family, const RuleList& rules,
          const InterfaceNames& names) {
  Fate result;
  std::erase_if(rest, [](const Box& box) { return box.empty(); });
  for (const Rule& rule : rules) {
    if (rest.empty())
      break;
    if (rule.direction != direction)
      continue;
    const Box decided = box_of(rule.match, family, names);
    std::vector<Box> left;
    for (Box& box : rest) {
      Box common = intersect(box, decided);
      if (common.empty()) {
        left.push_back(std::move(box));
        continue;
      }
      std::vector<Box> outside = subtract(box, decided);
      std::move(outside.begin(), outside.end(), std::back_inserter(left));
      (accepts(rule.verdict) ? result.accepted : result.refused).push_back(std::move(common));
      if (accepts(rule.verdict) && rule.origin.kind == Origin::Kind::Service)
        result.services.insert(service_name(rule.origin));
    }
    rest = std::move(left);
  }
  return result;
}

// Takes part in the comparison: what every host needs is the same under every policy.
bool counts(const Rule& rule) {
  return rule.origin.kind != Origin::Kind::Host;
}

bool same_order(const RuleList& before, const RuleList& after) {
  const auto own = [](const RuleList& rules) {
    std::vector<const Rule*> result;
    for (const Rule& rule : rules)
      if (rule.origin.kind == Origin::Kind::Own)
        result.push_back(&rule);
    return result;
  };
  const std::vector<const Rule*> a = own(before);
  const std::vector<const Rule*> b = own(after);
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Rule* x, const Rule* y) { return same_packets_and_fate(*x, *y); });
}

Compilation without_ended(Compilation compilation, TimePoint now) {
  std::erase_if(compilation.compiled.rules,
                [&](const Rule& rule) { return rule.until && *rule.until <= now; });
  return compilation;
}

// Compares one policy's rules with the other's.
class Comparison {
 public:
  Comparison(Compilation before, Compilation after, const Catalogue& catalogue)
      : before_(std::move(before)),
        after_(std::move(after)),
        catalogue_(catalogue),
        names_(both(before_, after_)),
        same_order_(same_order(before_.compiled.rules, after_.compiled.rules)) {}

  Effects take() {
    look_at(before_, after_);
    look_at(after_, before_);
    for (const std::string& name : stopped_)
      if (!open_somewhere(name))
        add_consequence(name);
    return std::move(effects_);
  }

 private:
  static InterfaceNames both(const Compilation& before, const Compilation& after) {
    RuleList rules = before.compiled.rules;
    rules.insert(rules.end(), after.compiled.rules.begin(), after.compiled.rules.end());
    InterfaceNames names(rules);
    names.add(kLoopback.text);
    return names;
  }

  void look_at(const Compilation& mine, const Compilation& other);
  void add(const Rule& rule, const Policy& policy);
  void add_default(const Rule& rule, const Policy& policy);
  void put(std::vector<Effect>& list, Effect effect);
  bool open_somewhere(const std::string& name) const;
  void add_consequence(const std::string& name);

  const Compilation before_;
  const Compilation after_;
  const Catalogue& catalogue_;
  InterfaceNames names_;
  bool same_order_;
  Effects effects_;
  std::set<std::string> stopped_;
};

void Comparison::look_at(const Compilation& mine, const Compilation& other) {
  for (const Rule& rule : mine.compiled.rules) {
    if (!counts(rule))
      continue;
    const bool moved = rule.origin.kind == Origin::Kind::Own && !same_order_;
    const auto& others = other.compiled.rules;
    if (!moved && std::any_of(others.begin(), others.end(), [&](const Rule& theirs) {
          return counts(theirs) && same_packets_and_fate(rule, theirs);
        }))
      continue;
    if (rule.origin.kind == Origin::Kind::Profile)
      add_default(rule, mine.policy);
    else
      add(rule, mine.policy);
  }
}

void Comparison::put(std::vector<Effect>& list, Effect effect) {
  const auto own = [](const Effect& one) { return one.origin.starts_with("rule "); };
  for (Effect& known : list) {
    if (known.direction != effect.direction || known.to != effect.to || known.from != effect.from)
      continue;
    // A rule that moved is one rule, under its new number.
    const bool moved = own(known) && own(effect) && known.interfaces == effect.interfaces;
    if (known.origin != effect.origin && !moved)
      continue;
    known.origin = std::move(effect.origin);
    known.partly = known.partly || effect.partly;
    if (effect.interfaces.empty())
      known.interfaces.clear();
    if (!known.interfaces.empty())
      for (std::string& name : effect.interfaces)
        if (std::find(known.interfaces.begin(), known.interfaces.end(), name) ==
            known.interfaces.end())
          known.interfaces.push_back(std::move(name));
    return;
  }
  list.push_back(std::move(effect));
}

void Comparison::add(const Rule& rule, const Policy& policy) {
  const RuleList& before = before_.compiled.rules;
  const RuleList& after = after_.compiled.rules;
  bool opens = false;
  bool closes = false;
  bool stays = false;  // for some of the packets
  for (const Family family : {Family::V4, Family::V6}) {
    const Box wire = box_of(PacketQuery{.direction = rule.direction}, family, names_);
    Fate old_fate = fate({intersect(box_of(rule.match, family, names_), wire)}, rule.direction,
                         family, before, names_);
    const Fate once_open = fate(old_fate.accepted, rule.direction, family, after, names_);
    const Fate once_closed =
        fate(std::move(old_fate.refused), rule.direction, family, after, names_);
    opens = opens || !once_closed.accepted.empty();
    closes = closes || !once_open.refused.empty();
    stays = stays || !once_open.accepted.empty() || !once_closed.refused.empty();
    if (!once_open.refused.empty())
      for (const std::string& name : old_fate.services)
        if (!once_open.services.contains(name))
          stopped_.insert(name);
  }
  const Match& match = rule.match;
  Effect effect{.direction = rule.direction,
                .to = end_label(match.destinations, match.destination_ports, match.protocols),
                .from = end_label(match.sources, match.source_ports,
                                  match.source_ports ? match.protocols : std::vector<Protocol>{}),
                .interfaces = {},
                .origin = rule.origin.text(),
                .partly = stays || (opens && closes)};
  if (match.interface && !match.interface_is_not)
    effect.interfaces.push_back(interface_label(policy, *match.interface));
  if (opens)
    put(effects_.opens, effect);
  if (closes)
    put(effects_.closes, std::move(effect));
}

// What no other rule decides.
void Comparison::add_default(const Rule& rule, const Policy& policy) {
  const bool mine_is_new = &policy == &after_.policy;
  if (!mine_is_new)
    return;
  put(accepts(rule.verdict) ? effects_.opens : effects_.closes,
      {.direction = rule.direction,
       .to = rule.direction == Direction::Forward ? "routed packets" : "everything else",
       .from = "Anywhere",
       .interfaces = {},
       .origin = rule.origin.text()});
}

// True when the new rules still let a packet of the service pass.
bool Comparison::open_somewhere(const std::string& name) const {
  const RuleList& rules = after_.compiled.rules;
  return std::any_of(rules.begin(), rules.end(), [&](const Rule& rule) {
    if (rule.origin.kind != Origin::Kind::Service || service_name(rule.origin) != name)
      return false;
    for (const Family family : {Family::V4, Family::V6}) {
      const Box wire = box_of(PacketQuery{.direction = rule.direction}, family, names_);
      if (fate({intersect(box_of(rule.match, family, names_), wire)}, rule.direction, family, rules,
               names_)
              .services.contains(name))
        return true;
    }
    return false;
  });
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
  return Comparison(without_ended(before, now), without_ended(after, now), catalogue).take();
}

std::string to_text(const Effect& effect) {
  std::string text = effect.to + " " + to_text(effect.direction);
  if (!effect.interfaces.empty())
    text += " on " + join(effect.interfaces, ", ");
  if (effect.from != "Anywhere")
    text += " from " + effect.from;
  return fmt::format("{} ({}){}", text, effect.origin, effect.partly ? ", in part" : "");
}

}  // namespace quay
