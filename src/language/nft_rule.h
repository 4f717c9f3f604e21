// One rule of nftables, from its expressions to the model.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "language/nft_boxes.h"
#include "language/nft_sets.h"
#include "model/filter.h"
#include "model/ruleset.h"

namespace quay::nft {

// What rules of any table change.
struct Written {
  std::set<filter::Field> fields;
  std::set<filter::Field> routes;  // what they ask the routing tables: it changes with addresses
  std::set<std::string> ipsets;    // by number: "#3"
};

// What the rules of a table share.
struct Surroundings {
  filter::TableFamily family = filter::TableFamily::Inet;
  std::string_view table;  // "filter" where it is iptables' own, and changes nothing; else empty
  Sets& sets;
  const std::map<std::string, const Object*>& objects;
  const Interfaces& interfaces;
  const Written& written;
};

// What a rule of a table of that family may change.
void add_written(const Rule& rule, filter::TableFamily family, Written& written);

// A rule that assigns something and asks for more behind it becomes several: each does its part
// where the conditions so far hold. A rule that does nothing to packets keeps no conditions.
std::vector<filter::Rule> read_rule(const Rule& rule, const Surroundings& around);

}  // namespace quay::nft
