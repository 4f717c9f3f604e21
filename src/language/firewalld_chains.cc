#include "language/firewalld_chains.h"

#include <algorithm>
#include <utility>

#include <boost/json/object.hpp>

namespace quay::firewalld {

using boost::json::object;

namespace {

object in_table() {
  return {{"family", "inet"}, {"table", "firewalld"}};
}

}  // namespace

// A chain without an object is not defined.
Chains::Chain& Chains::named(std::string_view name, bool defined) {
  auto found = std::ranges::find(chains_, name, &Chain::name);
  if (found == chains_.end())
    found = chains_.insert(found, {.name = std::string(name), .object = {}, .rules = {}});
  if (defined && found->object.empty()) {
    found->object = in_table();
    found->object["name"] = name;
  }
  return *found;
}

void Chains::base(const std::string& name, std::string_view type, std::string_view hook,
                  std::int32_t priority) {
  object& made = named(name, true).object;
  made["type"] = type;
  made["hook"] = hook;
  made["prio"] = priority;
}

void Chains::chain(const std::string& name) {
  named(name, true);
}

void Chains::add(std::string_view chain, boost::json::array statements, std::string_view place,
                 int rank, bool first) {
  std::vector<Rule>& rules = named(chain, false).rules;
  const auto where = first ? std::ranges::lower_bound(rules, rank, {}, &Rule::rank)
                           : std::ranges::upper_bound(rules, rank, {}, &Rule::rank);
  rules.insert(where, {rank, std::move(statements), std::string(place)});
}

boost::json::array Chains::objects() const {
  boost::json::array all{object{{"table", {{"family", "inet"}, {"name", "firewalld"}}}}};
  for (const Chain& chain : chains_)
    if (!chain.object.empty())
      all.push_back(object{{"chain", chain.object}});
  for (const Chain& chain : chains_)
    for (const Rule& rule : chain.rules) {
      object made = in_table();
      made["chain"] = chain.name;
      made["expr"] = rule.statements;
      made["place"] = rule.place;
      all.push_back(object{{"rule", std::move(made)}});
    }
  return all;
}

}  // namespace quay::firewalld
