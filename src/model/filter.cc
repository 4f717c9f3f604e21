#include "model/filter.h"

#include <algorithm>
#include <ranges>
#include <set>

#include <fmt/format.h>

namespace quay::filter {

int width(const Field& field, Family family) {
  switch (field.kind) {
    case Kind::Family:
      return 1;
    case Kind::State:
      return 3;
    case Kind::Protocol:
    case Kind::TcpFlags:
      return 8;
    case Kind::InInterface:
    case Kind::OutInterface:
    case Kind::SourcePort:
    case Kind::DestinationPort:
      return 16;
    case Kind::Source:
    case Kind::Destination:
      return address_width(family);
    case Kind::Mark:
      return 32;
    case Kind::SourceMac:
      return 48;
    case Kind::Other:
      break;
  }
  return field.bits;
}

bool counts_hops(const Field& field) {
  return field.kind == Kind::Other && (field.name == "ip ttl" || field.name == "ip6 hoplimit");
}

bool translates_destinations(Hook hook) {
  return hook == Hook::Prerouting || hook == Hook::Output;
}

Field translated(bool destination) {
  return {.kind = Kind::Other,
          .name = destination ? "translated destination" : "translated source",
          .bits = 1};
}

bool leads_elsewhere(const Field& field) {
  return field.kind == Kind::Mark || field.kind == Kind::Source ||
         field.kind == Kind::Destination || field.name.starts_with("ip ") ||
         field.name.starts_with("ip6 ");
}

Field elements_of(const std::string& set) {
  return {.kind = Kind::Other, .name = "elements of " + set, .bits = 1};
}

std::string field_name(const Field& field) {
  switch (field.kind) {
    case Kind::Family:
      return "family";
    case Kind::State:
      return "state";
    case Kind::Protocol:
      return "protocol";
    case Kind::InInterface:
      return "incoming interface";
    case Kind::OutInterface:
      return "outgoing interface";
    case Kind::Source:
      return "source";
    case Kind::Destination:
      return "destination";
    case Kind::SourcePort:
      return "source port";
    case Kind::DestinationPort:
      return "destination port";
    case Kind::TcpFlags:
      return "tcp flags";
    case Kind::Mark:
      return "mark";
    case Kind::SourceMac:
      return "source mac" + field.name;
    case Kind::Other:
      break;
  }
  return field.name;
}

std::string to_text(TableFamily family) {
  switch (family) {
    case TableFamily::Ip:
      return "ip";
    case TableFamily::Ip6:
      return "ip6";
    case TableFamily::Inet:
      return "inet";
    case TableFamily::Netdev:
      return "netdev";
    case TableFamily::Bridge:
      return "bridge";
    case TableFamily::Arp:
      break;
  }
  return "arp";
}

std::string to_text(Hook hook) {
  switch (hook) {
    case Hook::Ingress:
      return "ingress";
    case Hook::Prerouting:
      return "prerouting";
    case Hook::Input:
      return "input";
    case Hook::Forward:
      return "forward";
    case Hook::Output:
      return "output";
    case Hook::Postrouting:
      return "postrouting";
    case Hook::Egress:
      break;
  }
  return "egress";
}

namespace {

bool hides_something(const Rule& rule) {
  return std::ranges::any_of(rule.conditions, [](const Condition& condition) {
    const auto* atom = std::get_if<Atom>(&condition);
    return atom != nullptr && atom->elsewhere == Atom::Elsewhere::Other;
  });
}

bool is_unknown(const Verdict& verdict) {
  return verdict.kind == Verdict::Kind::Unknown || verdict.kind == Verdict::Kind::Queue;
}

// Who decides instead stands in the rule's text alone.
bool decides_unseen(const Rule& rule) {
  return is_unknown(rule.verdict) ||
         (rule.map && std::ranges::any_of(
                          *rule.map, [](const auto& entry) { return is_unknown(entry.second); }));
}

bool same_rule(const Rule& a, const Rule& b) {
  if (decides_unseen(a) && (a.text.empty() || a.text != b.text))
    return false;
  return a.conditions == b.conditions && a.assigns == b.assigns && a.verdict == b.verdict &&
         a.map == b.map && a.unknown == b.unknown && !hides_something(a);
}

bool same_chain(const Chain& a, const Chain& b) {
  return a.name == b.name && a.base == b.base && std::ranges::equal(a.rules, b.rules, same_rule);
}

bool same_table(const Table& a, const Table& b) {
  return a.family == b.family && a.name == b.name && a.dormant == b.dormant &&
         std::ranges::equal(a.chains, b.chains, same_chain);
}

// The names of a chain and of those that it leads to.
void reach(const Table& table, const Chain& from, std::set<std::string>& names) {
  if (!names.insert(from.name).second)
    return;
  const auto follow = [&](const Verdict& verdict) {
    const Chain* next = verdict.chain.empty() ? nullptr : chain_of(table, verdict.chain);
    if (next != nullptr)
      reach(table, *next, names);
  };
  for (const Rule& rule : from.rules) {
    follow(rule.verdict);
    if (rule.map)
      std::ranges::for_each(*rule.map | std::views::values, follow);
  }
}

bool assigns_something(const Chain& chain) {
  return std::ranges::any_of(chain.rules, [](const Rule& rule) { return !rule.assigns.empty(); });
}

// What of a ruleset translates, and what its other rules write.
struct Translating {
  Ruleset part;  // chains by name
  std::set<Field> written;
};

void add_written(const Chain& chain, std::set<Field>& fields) {
  for (const Rule& rule : chain.rules)
    for (const Assign& assign : rule.assigns) {
      fields.insert(assign.field);
      if (leads_elsewhere(assign.field))
        fields.insert({.kind = Kind::OutInterface});
    }
}

Translating translating(const Ruleset& ruleset) {
  Translating found;
  for (const Table& table : ruleset.tables) {
    std::set<std::string> names;
    std::set<std::string> others;
    for (const Chain& chain : table.chains)
      if (chain.base)
        reach(table, chain, chain.base->nat ? names : others);
    Table part{.family = table.family, .name = table.name, .dormant = table.dormant, .chains = {}};
    for (const Chain& chain : table.chains) {
      if (names.contains(chain.name))
        part.chains.push_back(chain);
      if (others.contains(chain.name))
        add_written(chain, found.written);
    }
    std::ranges::sort(part.chains, {}, &Chain::name);
    if (std::ranges::any_of(part.chains, assigns_something))
      found.part.tables.push_back(std::move(part));
  }
  return found;
}

// Whether a rule's answer may be another one where other fields were written, or at another time.
bool depends_on(const std::set<Field>& written, const Rule& rule) {
  bool depends = std::ranges::any_of(rule.conditions, [](const Condition& condition) {
    const auto* atom = std::get_if<Atom>(&condition);
    return atom != nullptr && (atom->stateful || atom->elsewhere != Atom::Elsewhere::Same);
  });
  for_each_asked(rule, [&](const Field& field) { depends = depends || written.contains(field); });
  return depends;
}

// Chains for translation see packets by their state.
bool is_settled(const Translating& all) {
  if (all.part.tables.empty())
    return true;
  if (all.written.contains({.kind = Kind::State}))
    return false;
  for (const Table& table : all.part.tables)
    for (const Chain& chain : table.chains)
      for (const Rule& rule : chain.rules)
        if (depends_on(all.written, rule))
          return false;
  return true;
}

}  // namespace

const Chain* chain_of(const Table& table, const std::string& name) {
  const auto found = std::ranges::find(table.chains, name, &Chain::name);
  return found == table.chains.end() ? nullptr : &*found;
}

bool same(const Ruleset& a, const Ruleset& b) {
  return std::ranges::equal(a.tables, b.tables, same_table);
}

bool translate_alike(const Ruleset& a, const Ruleset& b) {
  const Translating one = translating(a);
  const Translating other = translating(b);
  return (same(one.part, other.part) && is_settled(one) && is_settled(other)) || same(a, b);
}

bool is_about(const Ruleset& ruleset, Family family) {
  const TableFamily other = family == Family::V4 ? TableFamily::Ip6 : TableFamily::Ip;
  return std::ranges::any_of(ruleset.tables, [&](const Table& table) {
    return table.family != other && table.family != TableFamily::Arp &&
           table.family != TableFamily::Bridge;
  });
}

std::string place_of(const Table& table, const Chain& chain, const Rule& rule) {
  std::string place = fmt::format("{}/{}/{}", to_text(table.family), table.name, chain.name);
  return rule.place.empty() ? place : place + " " + rule.place;
}

}  // namespace quay::filter
