#include "policy/idle_filter_rules.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace quay {
namespace {

using filter::Chain;
using filter::Field;
using filter::Stop;
using filter::Table;
using filter::Verdict;

// Verdicts as decisions count them (Decision, packetset/diagram.h).
constexpr std::uint32_t kReturns = 4;
constexpr std::uint32_t kSpecial = 5;  // like nothing else

std::uint32_t verdict_number(Verdict::Kind kind) {
  switch (kind) {
    case Verdict::Kind::Accept:
      return 1;
    case Verdict::Kind::Drop:
      return 2;
    case Verdict::Kind::Reject:
      return 3;
    case Verdict::Kind::Return:
      return kReturns;
    default:
      return kSpecial;
  }
}

bool names_a_chain(const Verdict& verdict) {
  return verdict.kind == Verdict::Kind::Jump || verdict.kind == Verdict::Kind::Goto;
}

class Search {
 public:
  Search(filter::FilterSpace& space, const filter::Ruleset& ruleset)
      : space_(space), ruleset_(ruleset) {
    for (const Table& table : ruleset.tables)
      for (const Chain& chain : table.chains)
        for (const filter::Rule& rule : chain.rules)
          for (const filter::Assign& assign : rule.assigns)
            assigned_.insert(assign.field);
  }

  std::vector<IdleFilterRule> take() {
    std::set<const Chain*> bases;
    for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward})
      for (const Stop& stop : way_of(ruleset_, direction, space_.family()))
        if (bases.insert(stop.chain).second)
          look_at(stop);
    std::vector<IdleFilterRule> idle;
    for (const Entry& entry : entries_)
      if (entry.decides && !alive_.contains(entry.number))
        idle.push_back({entry.rule, place_of(*entry.table, *entry.chain, *entry.rule), false,
                        deciders(entry)});
      else if (entry.decides && !matters_.contains(entry.number) && !unclear_)
        idle.push_back({entry.rule, place_of(*entry.table, *entry.chain, *entry.rule), true, {}});
    return idle;
  }

 private:
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
  Diagram verdict(const Table& table, const Entry& entry, const Verdict& verdict);
  bool asks_for_assigned(const filter::Rule& rule) const;
  void look_at(const Stop& stop);
  std::vector<std::string> deciders(const Entry& entry);

  filter::FilterSpace& space_;
  const filter::Ruleset& ruleset_;
  std::set<Field> assigned_;
  std::vector<Entry> entries_;  // by number - 1
  std::map<const Chain*, Diagram> chains_;
  std::map<const Chain*, Diagram> complete_;  // base chains with their policies
  std::set<std::uint32_t> alive_;
  std::set<std::uint32_t> matters_;
  bool unclear_ = false;
};

bool Search::asks_for_assigned(const filter::Rule& rule) const {
  const auto asks = [&](const filter::Box& box) {
    return std::ranges::any_of(
        box, [&](const filter::Values& values) { return assigned_.contains(values.field); });
  };
  for (const filter::Condition& condition : rule.conditions)
    if (const auto* test = std::get_if<filter::Test>(&condition))
      if (std::ranges::any_of(test->boxes, asks))
        return true;
  return rule.map &&
         std::ranges::any_of(*rule.map, [&](const auto& entry) { return asks(entry.first); });
}

Diagram Search::verdict(const Table& table, const Entry& entry, const Verdict& verdict) {
  if (verdict.kind == Verdict::Kind::Continue)
    return 0;
  if (!names_a_chain(verdict))
    return Decision{entry.number, verdict_number(verdict.kind), 0}.outcomes();
  const Chain* callee = chain_of(table, verdict.chain);
  if (callee == nullptr) {
    unclear_ = true;
    return 0;
  }
  const bool jumps = verdict.kind == Verdict::Kind::Jump;
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
  if (asks_for_assigned(rule) || rule.verdict.kind == Verdict::Kind::Unknown) {
    unclear_ = true;
    return 0;
  }
  const Diagram matched = space_.matched(rule);
  if (!rule.map)
    return store().intersect(matched, verdict(table, entry, rule.verdict));
  Diagram all = 0;
  for (const auto& [box, to] : *rule.map)
    all = store().unite(all, store().intersect(space_.inside(box), verdict(table, entry, to)));
  return store().intersect(matched, all);
}

Diagram Search::chain(const Table& table, const Chain& chain) {
  if (const auto known = chains_.find(&chain); known != chains_.end())
    return known->second;
  chains_[&chain] = 0;  // a loop finds itself undecided
  std::vector<Diagram> steps;
  for (const filter::Rule& rule : chain.rules) {
    if (entries_.size() + 1 >= Decision::kMost) {
      unclear_ = true;
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

void Search::look_at(const Stop& stop) {
  const Diagram rules = chain(*stop.table, *stop.chain);
  const Decision policy{Decision::kMost, verdict_number(stop.base->policy), 0};
  const Diagram all = store().decide(rules, policy.outcomes());
  complete_[stop.chain] = all;
  for (const Outcomes outcomes : store().outcomes(all)) {
    const Decision decision = Decision::of(outcomes);
    alive_.insert(decision.number);
    if (decision.verdict != decision.otherwise || decision.verdict == kSpecial)
      matters_.insert(decision.number);
  }
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
  add(chains_[entry.chain]);
  for (const auto& [base, decisions] : complete_)
    if (places.empty())
      add(decisions);
  return places;
}

}  // namespace

std::vector<IdleFilterRule> idle_filter_rules(filter::FilterSpace& space,
                                              const filter::Ruleset& ruleset) {
  return Search(space, ruleset).take();
}

}  // namespace quay
