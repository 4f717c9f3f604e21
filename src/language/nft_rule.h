// One rule of nftables, from its expressions to the model.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "language/nft_boxes.h"
#include "language/nft_sets.h"
#include "model/filter.h"
#include "model/ruleset.h"

namespace quay::nft {

// What the rules of a table share.
struct Surroundings {
  filter::TableFamily family = filter::TableFamily::Inet;
  Sets& sets;
  const std::map<std::string, const Object*>& objects;
  const Interfaces& interfaces;
  const std::set<filter::Field>& written;  // by rules of any table
};

// The fields that a rule may change, of packets of any family.
void add_written(const Rule& rule, std::set<filter::Field>& written);

// A rule that assigns something and asks for more behind it becomes several: each does its part
// where the conditions so far hold. A rule that does nothing to packets keeps no conditions.
std::vector<filter::Rule> read_rule(const Rule& rule, const Surroundings& around);

}  // namespace quay::nft
