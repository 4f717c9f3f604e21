#include "policy/outside_model.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <ranges>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "packetset/filter_walk.h"

namespace quay {
namespace {

using filter::Chain;
using filter::Field;
using filter::Kind;
using filter::Stop;
using filter::Table;

std::vector<filter::Verdict> verdicts_of(const filter::Rule& rule) {
  if (!rule.map)
    return {rule.verdict};
  std::vector<filter::Verdict> verdicts;
  std::ranges::copy(*rule.map | std::views::values, std::back_inserter(verdicts));
  return verdicts;
}

bool assigns(const filter::Rule& rule, const Field& field) {
  return std::ranges::find(rule.assigns, field, &filter::Assign::field) != rule.assigns.end();
}

bool translates(const filter::Rule& rule) {
  return assigns(rule, filter::translated(true)) || assigns(rule, filter::translated(false));
}

bool translates_to_unknown(const filter::Rule& rule, Kind kind) {
  return std::ranges::any_of(rule.assigns, [&](const filter::Assign& assign) {
    return assign.field.kind == kind && !assign.value;
  });
}

bool chooses_zone(const filter::Rule& rule) {
  return assigns(rule, {.kind = Kind::Other, .name = "ct zone", .bits = 16});
}

bool queues(const filter::Rule& rule) {
  return std::ranges::any_of(verdicts_of(rule), [](const filter::Verdict& verdict) {
    return verdict.kind == filter::Verdict::Kind::Queue;
  });
}

void tell_rules(const Table& table, std::vector<std::string>& sentences) {
  const auto tell = [&](const auto& those, std::string_view does, std::string_view what) {
    std::ptrdiff_t count = 0;
    for (const Chain& chain : table.chains)
      count += std::ranges::count_if(chain.rules, those);
    if (count != 0)
      sentences.push_back(fmt::format(
          "{}/{}: {} {}", to_text(table.family), table.name,
          count == 1 ? fmt::format("1 rule {}s", does) : fmt::format("{} rules {}", count, does),
          what));
  };
  tell([](const filter::Rule& rule) { return translates_to_unknown(rule, Kind::Source); },
       "translate", "to sources that are not known");
  tell([](const filter::Rule& rule) { return translates_to_unknown(rule, Kind::Destination); },
       "translate", "to destinations that are not known");
  tell([](const filter::Rule& rule) { return translates(rule); }, "translate",
       "flows, whose later packets and answers are judged by the addresses that they come with");
  tell([](const filter::Rule& rule) { return chooses_zone(rule); }, "choose",
       "zones: the states that packets of them have before conntrack are not followed");
  tell([](const filter::Rule& rule) { return queues(rule); }, "hand",
       "packets to a program, which may change their mark and their headers");
}

// What a base chain does by itself and by the chains that it leads to.
struct Doings {
  std::set<Field> reads;
  std::set<Field> writes;
  bool drops = false;
  bool rejects = false;
};

class Reader {
 public:
  explicit Reader(const Table& table) : table_(table) {}

  Doings take(const Stop& stop) {
    doings_.drops = stop.base->policy == filter::Verdict::Kind::Drop;
    read(*stop.chain);
    return std::move(doings_);
  }

 private:
  void read(const Chain& chain) {
    if (!seen_.insert(&chain).second)
      return;
    for (const filter::Rule& rule : chain.rules) {
      for_each_asked(rule, [&](const Field& field) { doings_.reads.insert(field); });
      for (const filter::Condition& condition : rule.conditions)
        if (const auto* atom = std::get_if<filter::Atom>(&condition))
          doings_.reads.insert({.name = atom->text});
      for (const filter::Assign& assign : rule.assigns)
        doings_.writes.insert(assign.field);
      for (const filter::Verdict& verdict : verdicts_of(rule))
        read(verdict);
    }
  }

  void read(const filter::Verdict& verdict) {
    const bool any = verdict.kind == filter::Verdict::Kind::Unknown;
    doings_.drops = doings_.drops || any || verdict.kind == filter::Verdict::Kind::Drop ||
                    verdict.kind == filter::Verdict::Kind::Queue;
    doings_.rejects = doings_.rejects || any || verdict.kind == filter::Verdict::Kind::Reject ||
                      verdict.kind == filter::Verdict::Kind::Limit;
    if (verdict.chain.empty())
      return;
    if (const Chain* next = chain_of(table_, verdict.chain))
      read(*next);
  }

  const Table& table_;
  std::set<const Chain*> seen_;
  Doings doings_;
};

// Every chain is read once.
class Readers {
 public:
  const Doings& of(const Stop& stop) {
    const auto known = doings_.find(stop.chain);
    if (known != doings_.end())
      return known->second;
    return doings_.emplace(stop.chain, Reader(*stop.table).take(stop)).first->second;
  }

 private:
  std::map<const Chain*, Doings> doings_;
};

std::string place_of(const Stop& stop) {
  return fmt::format("{}/{}/{}", to_text(stop.table->family), stop.table->name, stop.chain->name);
}

// Whether it matters which of two chains is asked first: what one writes the other reads or writes,
// or the sender is told of what one of them would drop.
bool depends_on_order(const Doings& a, const Doings& b) {
  const auto meet = [](const std::set<Field>& some, const std::set<Field>& others) {
    return std::ranges::any_of(some, [&](const Field& field) { return others.contains(field); });
  };
  return meet(a.writes, b.reads) || meet(b.writes, a.reads) || meet(a.writes, b.writes) ||
         (a.rejects && b.drops) || (a.drops && b.rejects);
}

// The kernel asks chains of one place in the order in which they came; tables are listed in that
// order, but a table may have got a chain after its neighbour came. Those that translate have come
// with the first of them, at whatever hook (nf_nat_register_fn()).
void tell_order(const std::vector<Stop>& way, Readers& readers, std::set<std::string>& sentences) {
  for (auto first = way.begin(); first != way.end(); ++first)
    for (auto other = std::next(first); other != way.end(); ++other)
      if ((first->table != other->table || first->base->nat != other->base->nat) &&
          share_a_place(*first->base, *other->base) &&
          depends_on_order(readers.of(*first), readers.of(*other)))
        sentences.insert(fmt::format(
            "{} and {} are asked at one place ({} {}): which is first is taken from "
            "the order in which they are listed",
            place_of(*other), place_of(*first), to_text(first->base->hook), first->base->priority));
}

// What a chain for translation writes besides, the later packets of a flow do not get.
void tell_writes(const Stop& stop, Readers& readers, std::set<std::string>& sentences) {
  const auto translation = [](const Field& field) {
    return field == filter::translated(true) || field == filter::translated(false) ||
           field.kind == Kind::Source || field.kind == Kind::Destination ||
           field.kind == Kind::SourcePort || field.kind == Kind::DestinationPort ||
           field.name == "ct status" || field.name.starts_with("fib ");
  };
  if (stop.base->nat && !std::ranges::all_of(readers.of(stop).writes, translation))
    sentences.insert(fmt::format(
        "{} is asked about the first packet of a flow alone: what it writes is taken to be written "
        "to every new one",
        place_of(stop)));
}

// A chain there was registered before or after conntrack's own hook.
void tell_conntrack(const Stop& stop, Readers& readers, std::set<std::string>& sentences) {
  if (!filter::is_beside_conntrack(*stop.base))
    return;
  const auto concerns = [](const Field& field) {
    return field.kind == Kind::State || field.name.starts_with("ct ");
  };
  const Doings& doings = readers.of(stop);
  if (std::ranges::any_of(doings.reads, concerns) || std::ranges::any_of(doings.writes, concerns))
    sentences.insert(
        fmt::format("{} has the priority of conntrack ({}): it is taken to be asked "
                    "after it",
                    place_of(stop), stop.base->priority));
}

void tell_devices(const Stop& stop, std::set<std::string>& sentences) {
  if (!stop.base->devices.empty())
    sentences.insert(fmt::format(
        "{} judges what passes {}: packets that another interface takes from there or hands "
        "there (bridge, bond, VLAN, VRF) are judged by that one's name alone",
        place_of(stop), fmt::join(stop.base->devices, ", ")));
}

}  // namespace

std::vector<std::string> unknown_in(const filter::Ruleset& ruleset) {
  std::vector<std::string> found;
  for (const Table& table : ruleset.tables)
    for (const Chain& chain : table.chains)
      for (const filter::Rule& rule : chain.rules)
        for (const std::string& what : rule.unknown)
          found.push_back(fmt::format("{}: {}", place_of(table, chain, rule), what));
  return found;
}

std::vector<std::string> outside_of(const filter::Ruleset& ruleset) {
  std::vector<std::string> all = ruleset.outside;
  for (const Table& table : ruleset.tables)
    tell_rules(table, all);
  Readers readers;
  std::set<std::string> sentences;
  for (const Direction direction : {Direction::In, Direction::Forward, Direction::Out})
    for (const Family family : {Family::V4, Family::V6}) {
      const std::vector<Stop> way = way_of(ruleset, direction, family);
      tell_order(way, readers, sentences);
      for (const Stop& stop : way) {
        tell_writes(stop, readers, sentences);
        tell_conntrack(stop, readers, sentences);
        tell_devices(stop, sentences);
      }
    }
  std::ranges::move(sentences, std::back_inserter(all));
  return all;
}

}  // namespace quay
