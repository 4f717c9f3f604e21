#include "language/nft_json_builder.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "language/nft_json_context.h"
#include "language/nft_json_rule.h"
#include "language/route_fields.h"
#include "packetset/filter_way.h"

namespace quay::nft_json {
namespace {

using filter::Ruleset;

// Calls `see` for every object with one member, however deep.
template <typename See>
void for_each_tagged(const Json& value, const See& see) {
  if (const auto* list = value.if_array()) {
    for (const Json& one : *list)
      for_each_tagged(one, see);
  } else if (const auto* object = value.if_object()) {
    for (const auto& one : *object) {
      see(std::string_view(one.key()), one.value());
      for_each_tagged(one.value(), see);
    }
  }
}

// Sets that rules put elements into.
void note_changing_sets(ListedTable& table) {
  for (const ListedChain& chain : table.chains)
    for (const Json* rule : chain.rules)
      for_each_tagged(*rule, [&](std::string_view tag, const Json& value) {
        for (const std::string_view kind : {"set", "map"}) {
          const std::string_view name = text_member(value, kind);
          if (tag == kind && member(value, "op") != nullptr && name.starts_with('@'))
            table.sets[std::string(name.substr(1))].filled = true;
        }
      });
}

// The chains that a chain's rules lead to.
std::set<std::string> targets(const ListedTable& table, const ListedChain& chain) {
  std::set<std::string> names;
  const auto note = [&](std::string_view tag, const Json& value) {
    if (tag == "jump" || tag == "goto")
      names.emplace(text_member(value, "target"));
  };
  for (const Json* rule : chain.rules)
    for_each_tagged(*rule, [&](std::string_view tag, const Json& value) {
      note(tag, value);
      const std::string_view data = tag == "vmap" ? text_member(value, "data") : "";
      const auto map = table.sets.find(data.substr(data.starts_with('@') ? 1 : 0));
      if (map != table.sets.end())
        for (const Json* element : map->second.elements)
          for_each_tagged(*element, note);
    });
  return names;
}

Reached reached_from(const filter::Base& base) {
  const bool before = filter::is_before_conntrack(base);
  return {.before_conntrack = before,
          .after_conntrack = !before,
          .settled = base.hook == filter::Hook::Input || base.hook == filter::Hook::Forward};
}

// From which base chains every chain can be reached.
std::map<std::string, Reached, std::less<>> reached(const ListedTable& table) {
  std::map<std::string, std::set<std::string>> leads;
  for (const ListedChain& chain : table.chains)
    leads[chain.name] = targets(table, chain);
  std::map<std::string, Reached, std::less<>> all;
  for (const ListedChain& chain : table.chains) {
    if (!chain.base)
      continue;
    const Reached from = reached_from(*chain.base);
    std::set<std::string> seen{chain.name};
    for (std::vector<std::string> next{chain.name}; !next.empty();) {
      const std::string name = std::move(next.back());
      next.pop_back();
      Reached& one = all[name];
      one.before_conntrack = one.before_conntrack || from.before_conntrack;
      one.after_conntrack = one.after_conntrack || from.after_conntrack;
      one.settled = one.settled && from.settled;
      for (const std::string& target : leads[name])
        if (seen.insert(target).second)
          next.push_back(target);
    }
  }
  return all;
}

// Which statements the ruleset has that change packets.
Context changes(const Listing& listing) {
  Context context;
  for (const ListedTable& table : listing.tables)
    for (const ListedChain& chain : table.chains)
      for (const Json* rule : chain.rules)
        for_each_tagged(*rule, [&](std::string_view tag, const Json&) {
          context.translates = context.translates || tag == "snat" || tag == "dnat" ||
                               tag == "masquerade" || tag == "redirect" || tag == "tproxy";
          context.mangles = context.mangles || tag == "mangle" || tag == "reset";
        });
  return context;
}

std::string place_of(const Json& rule) {
  if (const std::string_view place = text_member(rule, "place"); !place.empty())
    return std::string(place);
  const Json* handle = member(rule, "handle");
  return handle != nullptr && handle->is_int64() ? fmt::format("handle {}", handle->get_int64())
                                                 : std::string();
}

// A chain at devices that JSON does not name may meet any packet, or none.
void may_meet_any(filter::Chain& chain, filter::Base base) {
  filter::Rule rule;
  rule.verdict.kind = filter::Verdict::Kind::Unknown;
  rule.unknown = {fmt::format("the devices of chain {}", chain.name)};
  chain.rules.insert(chain.rules.begin(), std::move(rule));
  base.hook =
      base.hook == filter::Hook::Ingress ? filter::Hook::Prerouting : filter::Hook::Postrouting;
  base.devices.clear();
  chain.base = std::move(base);
}

class Builder {
 public:
  explicit Builder(Listing listing) : listing_(std::move(listing)), changes_(changes(listing_)) {}

  Ruleset build();

 private:
  filter::Table table(const ListedTable& listed);
  void note_outside(const ListedTable& table);

  Listing listing_;
  Context changes_;
};

filter::Table Builder::table(const ListedTable& listed) {
  filter::Table made{
      .family = listed.family, .name = listed.name, .dormant = listed.dormant, .chains = {}};
  auto ways = reached(listed);
  Context context = changes_;
  context.family = listed.family;
  context.sets = &listed.sets;
  for (const ListedChain& chain : listed.chains) {
    filter::Chain one{.name = chain.name, .base = chain.base, .rules = {}};
    context.reached = ways[chain.name];
    for (const Json* rule : chain.rules)
      std::ranges::move(rules_of(*rule, context, place_of(*rule)), std::back_inserter(one.rules));
    if (chain.base && !chain.devices_known)
      may_meet_any(one, *chain.base);
    made.chains.push_back(std::move(one));
  }
  return made;
}

void Builder::note_outside(const ListedTable& table) {
  if (table.family == filter::TableFamily::Bridge || table.family == filter::TableFamily::Arp)
    listing_.outside.push_back(fmt::format("table {} {}: frames of a link, not packets",
                                           to_text(table.family), table.name));
  for (const ListedChain& chain : table.chains)
    if (chain.changes_route)
      listing_.outside.push_back(fmt::format(
          "chain {} {} {}: what it marks may leave by another route, which is not modelled",
          to_text(table.family), table.name, chain.name));
}

Ruleset Builder::build() {
  Ruleset ruleset;
  bool any_dormant = false;
  for (ListedTable& table : listing_.tables) {
    note_changing_sets(table);
    note_outside(table);
    any_dormant = any_dormant || table.dormant;
  }
  for (const ListedTable& listed : listing_.tables)
    ruleset.tables.push_back(table(listed));
  spread_to_routes(ruleset);
  ruleset.outside = std::move(listing_.outside);
  if (listing_.by_nft && !any_dormant)  // nft 1.0.6 does not print the flags of tables
    ruleset.outside.emplace_back("nft's JSON may leave out that a table is dormant");
  return ruleset;
}

}  // namespace

filter::Ruleset ruleset_of(Listing listing) {
  return Builder(std::move(listing)).build();
}

}  // namespace quay::nft_json
