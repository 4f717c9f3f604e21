#include "policy/idle_filter_rules.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace quay {
namespace {

using filter::Chain;
using filter::Field;
using filter::Stop;
using filter::Table;

// Verdicts as decisions count them (Decision, packetset/diagram.h).
constexpr std::array<std::uint32_t, 3> kRejections{3, 6, 7};
constexpr std::uint32_t kReturns = 4;
constexpr std::uint32_t kIncomparable = 5;  // like nothing else

bool names_a_chain(const filter::Verdict& verdict) {
  return verdict.kind == filter::Verdict::Kind::Jump || verdict.kind == filter::Verdict::Kind::Goto;
}

// Whether it ends the base chain. What it does not match goes on, so that a rule of which it is not
// known what it matches hides nothing when it is left out; any other verdict may lead elsewhere.
bool decides_alone(const filter::Rule& rule) {
  return !rule.map && (rule.verdict.kind == filter::Verdict::Kind::Accept ||
                       rule.verdict.kind == filter::Verdict::Kind::Drop ||
                       rule.verdict.kind == filter::Verdict::Kind::Reject);
}

std::set<Field> fields_of(const filter::Rule& rule) {
  std::set<Field> fields;
  for_each_asked(rule, [&](const Field& field) { fields.insert(field); });
  return fields;
}

bool overlap(const std::set<Field>& a, const std::set<Field>& b) {
  return std::ranges::any_of(a, [&](const Field& field) { return b.contains(field); });
}

// A rule that only goes on uses up a limit for itself.
bool leaves_something(const filter::Rule& rule) {
  const bool goes_on = !rule.map && rule.verdict.kind == filter::Verdict::Kind::Continue;
  const auto uses_up = [](const filter::Condition& condition) {
    const auto* atom = std::get_if<filter::Atom>(&condition);
    return atom != nullptr && atom->stateful;
  };
  return !rule.assigns.empty() || (!goes_on && std::ranges::any_of(rule.conditions, uses_up));
}

class Search {
 public:
  using Rules = std::set<const filter::Rule*>;

  // As if the rules of `ignored` were not there.
  Search(filter::FilterSpace& space, const filter::Ruleset& ruleset, Rules ignored)
      : space_(space), ignored_(std::move(ignored)) {
    std::set<const Chain*> bases;
    for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward})
      for (const Stop& stop : way_of(ruleset, direction, space_.family()))
        if (bases.insert(stop.chain).second)
          enter(stop);
  }

  std::vector<IdleFilterRule> take() {
    for (const Entrance& entrance : entrances_)
      look_at(entrance);
    std::vector<IdleFilterRule> idle;
    for (const Entry& entry : entries_)
      if (entry.decides && !alive_.contains(entry.number))
        idle.push_back({entry.rule, place_of(*entry.table, *entry.chain, *entry.rule), false,
                        deciders(entry)});
      else if (entry.decides && !matters_.contains(entry.number))
        idle.push_back({entry.rule, place_of(*entry.table, *entry.chain, *entry.rule), true, {}});
    return idle;
  }

 private:
  // A base chain, the chains that it leads to, itself among them, and what their rules assign.
  struct Entrance {
    Stop stop;
    std::set<const Chain*> chains;
    std::set<Field> assigned;
  };
  struct Entry {
    const Table* table = nullptr;
    const Chain* chain = nullptr;
    const filter::Rule* rule = nullptr;
    std::uint32_t number = 0;
    bool decides = false;  // it has a verdict that something can be said about
  };

  DiagramStore& store() { return space_.store(); }
  Diagram chain(const Table& table, const Chain& chain);
  Diagram step(const Table& table, const Entry& entry);
  Diagram verdict(const Table& table, const Entry& entry, const filter::Verdict& verdict);
  void enter(const Stop& stop);
  static void follow(const Table& table, const Chain& chain, Entrance& entrance);
  void look_at(const Entrance& entrance);
  Diagram traced(const Entrance& entrance);
  std::vector<std::string> deciders(const Entry& entry);
  std::uint32_t verdict_number(const filter::Verdict& verdict);

  filter::FilterSpace& space_;
  Rules ignored_;
  std::vector<Entrance> entrances_;
  std::map<const Chain*, std::set<Field>> assigned_;       // by rules that may have come before
  std::vector<Entry> entries_;                             // by number - 1
  std::map<const Chain*, std::optional<Diagram>> chains_;  // nullopt: being computed
  std::set<const Chain*> doubtful_;           // where packets may take ways not seen here
  std::map<const Chain*, Diagram> complete_;  // base chains with their policies
  std::vector<std::string> rejections_;       // that were seen, each another verdict
  std::set<std::uint32_t> alive_;
  std::set<std::uint32_t> matters_;
};

std::uint32_t Search::verdict_number(const filter::Verdict& verdict) {
  switch (verdict.kind) {
    case filter::Verdict::Kind::Accept:
      return 1;
    case filter::Verdict::Kind::Drop:
      return 2;
    case filter::Verdict::Kind::Return:
      return kReturns;
    case filter::Verdict::Kind::Reject:
      break;
    default:
      return kIncomparable;
  }
  auto found = std::ranges::find(rejections_, verdict.with);
  if (found == rejections_.end() && rejections_.size() < kRejections.size())
    found = rejections_.insert(found, verdict.with);
  return found == rejections_.end()
             ? kIncomparable
             : kRejections[static_cast<std::size_t>(found - rejections_.begin())];
}

void Search::enter(const Stop& stop) {
  Entrance& entrance = entrances_.emplace_back(Entrance{stop, {}, {}});
  follow(*stop.table, *stop.chain, entrance);
  for (const Chain* chain : entrance.chains)
    assigned_[chain].insert(entrance.assigned.begin(), entrance.assigned.end());
}

void Search::follow(const Table& table, const Chain& chain, Entrance& entrance) {
  if (!entrance.chains.insert(&chain).second)
    return;
  const auto go = [&](const filter::Verdict& verdict) {
    if (names_a_chain(verdict))
      if (const Chain* callee = chain_of(table, verdict.chain))
        follow(table, *callee, entrance);
  };
  for (const filter::Rule& rule : chain.rules) {
    for (const filter::Assign& assign : rule.assigns)
      entrance.assigned.insert(assign.field);
    go(rule.verdict);
    if (rule.map)
      for (const auto& [box, to] : *rule.map)
        go(to);
  }
}

Diagram Search::verdict(const Table& table, const Entry& entry, const filter::Verdict& verdict) {
  if (verdict.kind == filter::Verdict::Kind::Continue)
    return 0;
  if (!names_a_chain(verdict))
    return Decision{entry.number, verdict_number(verdict), 0}.outcomes();
  const Chain* callee = chain_of(table, verdict.chain);
  if (callee == nullptr) {
    doubtful_.insert(entry.chain);
    return 0;
  }
  const bool jumps = verdict.kind == filter::Verdict::Kind::Jump;
  return store().replace(chain(table, *callee), [&](Outcomes outcomes) {
    Decision decision = Decision::of(outcomes);
    if (jumps && decision.otherwise == kReturns)
      decision.otherwise = 0;
    if (jumps && decision.verdict == kReturns)
      return Outcomes{0};
    if (!jumps && decision.number == 0)
      decision = {entry.number, kReturns, 0};
    return decision.outcomes();
  });
}

Diagram Search::step(const Table& table, const Entry& entry) {
  const filter::Rule& rule = *entry.rule;
  const bool continues = !rule.map && rule.verdict.kind == filter::Verdict::Kind::Continue;
  const bool unclear = rule.verdict.kind == filter::Verdict::Kind::Unknown ||
                       overlap(fields_of(rule), assigned_[entry.chain]);
  if (unclear && !continues && !decides_alone(rule))
    doubtful_.insert(entry.chain);
  if (unclear || continues)
    return 0;
  const Diagram matched = space_.matched(rule);
  if (!rule.map)
    return store().intersect(matched, verdict(table, entry, rule.verdict));
  Diagram all = 0;
  for (const auto& [box, to] : *rule.map)
    all = store().unite(all, store().intersect(space_.inside(box), verdict(table, entry, to)));
  return store().intersect(matched, all);
}

Diagram Search::chain(const Table& table, const Chain& chain) {
  const auto [known, first] = chains_.try_emplace(&chain);
  if (!first && !known->second)
    doubtful_.insert(&chain);  // a loop
  if (!first)
    return known->second.value_or(0);
  std::vector<Diagram> steps;
  for (const filter::Rule& rule : chain.rules) {
    if (ignored_.contains(&rule))
      continue;
    if (entries_.size() + 1 >= Decision::kMost) {
      doubtful_.insert(&chain);
      break;
    }
    entries_.push_back(
        {&table, &chain, &rule, static_cast<std::uint32_t>(entries_.size() + 1), false});
    const std::size_t index = entries_.size() - 1;
    const Entry entry = entries_.back();  // a copy: what it jumps to adds entries of its own
    const Diagram one = step(table, entry);
    const bool jumps = !rule.map && names_a_chain(rule.verdict);
    entries_[index].decides = one != 0 && !jumps && rule.assigns.empty();
    steps.push_back(one);
  }
  const Diagram all = store().decide(steps);
  chains_[&chain] = all;
  // What returns is seen here alone: where the chain was called from it decides nothing.
  for (const Outcomes outcomes : store().outcomes(all))
    if (const Decision decision = Decision::of(outcomes); decision.verdict == kReturns) {
      alive_.insert(decision.number);
      matters_.insert(decision.number);
    }
  return all;
}

void Search::look_at(const Entrance& entrance) {
  const Stop& stop = entrance.stop;
  const Diagram rules = chain(*stop.table, *stop.chain);
  const Decision policy{Decision::kMost, verdict_number({.kind = stop.base->policy}), 0};
  const Diagram all = store().decide(rules, policy.outcomes());
  complete_[stop.chain] = all;
  for (const Outcomes outcomes : store().outcomes(all)) {
    const Decision decision = Decision::of(outcomes);
    alive_.insert(decision.number);
    if (decision.verdict != decision.otherwise || decision.verdict == kIncomparable)
      matters_.insert(decision.number);
  }
  const bool doubtful = std::ranges::any_of(
      entrance.chains, [&](const Chain* one) { return doubtful_.contains(one); });
  const Diagram traces = traced(entrance);
  for (const Entry& entry : entries_)
    if (entrance.chains.contains(entry.chain)) {
      if (doubtful)
        alive_.insert(entry.number);
      if (doubtful || (traces != 0 && entry.decides && !matters_.contains(entry.number) &&
                       store().intersect(space_.matched(*entry.rule), traces) != 0))
        matters_.insert(entry.number);
    }
}

// The packets of rules that leave something behind: without a rule before these its packets would
// be marked, translated or put into a list, or use up a limit.
Diagram Search::traced(const Entrance& entrance) {
  std::vector<Diagram> all;
  for (const Chain* chain : entrance.chains)
    for (const filter::Rule& rule : chain->rules)
      if (leaves_something(rule))
        all.push_back(overlap(fields_of(rule), assigned_[chain]) ? kMostOutcomes
                                                                 : space_.matched(rule));
  return store().unite(all);
}

// Who decides the packets of a rule that decides none: in its own chain, or in the base chain.
std::vector<std::string> Search::deciders(const Entry& entry) {
  constexpr std::size_t most = 5;
  std::vector<std::string> places;
  constexpr auto fresh = static_cast<filter::Number>(State::New);
  const Diagram first = space_.inside(
      {{.field = {.kind = filter::Kind::State}, .numbers = filter::Numbers({{fresh, fresh}})}});
  const auto add = [&](Diagram decisions) {
    const Diagram all = store().intersect(space_.matched(*entry.rule), decisions);
    const Diagram of_new_flows = store().intersect(first, all);
    const Diagram mine = of_new_flows != 0 ? of_new_flows : all;
    std::set<std::uint32_t> numbers;
    for (const Outcomes outcomes : store().outcomes(mine))
      numbers.insert(Decision::of(outcomes).number);
    for (const std::uint32_t number : numbers)
      if (number != 0 && number != Decision::kMost && number != entry.number &&
          places.size() < most) {
        const Entry& other = entries_[number - 1];
        places.push_back(place_of(*other.table, *other.chain, *other.rule));
      }
  };
  if (const auto& own = chains_[entry.chain])
    add(*own);
  for (const auto& [base, decisions] : complete_)
    if (places.empty())
      add(decisions);
  return places;
}

}  // namespace

std::vector<IdleFilterRule> idle_filter_rules(filter::FilterSpace& space,
                                              const filter::Ruleset& ruleset) {
  std::vector<IdleFilterRule> idle = Search(space, ruleset, {}).take();
  Search::Rules dead;
  for (const IdleFilterRule& one : idle)
    if (!one.redundant)
      dead.insert(one.rule);
  if (dead.empty() || dead.size() == idle.size())
    return idle;
  // What only a dead rule would stand in for is not redundant: people remove both.
  Search::Rules replaceable;
  for (const IdleFilterRule& one : Search(space, ruleset, dead).take())
    if (one.redundant)
      replaceable.insert(one.rule);
  std::erase_if(idle, [&](const IdleFilterRule& one) {
    return one.redundant && !replaceable.contains(one.rule);
  });
  return idle;
}

}  // namespace quay
