// Matches of nft's JSON as conditions of the common model.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "language/nft_json_access.h"
#include "language/nft_json_context.h"
#include "language/nft_json_key.h"
#include "model/filter.h"

namespace quay::nft_json {

struct Meaning {
  std::vector<filter::Condition> conditions;  // all of them hold
  std::vector<std::string> unknown;           // what of it is an atom, by name
};

// {"left": ..., "op": ..., "right": ...}: what the rule asks for, and what nft leaves out when it
// lists it. What the model has no words for is an atom.
Meaning meaning_of_match(const Json& match, const Context& context);

// What is there to read, as a condition; nothing when it is always there.
std::vector<filter::Condition> implied_conditions(const filter::Box& implied);

// A condition with an answer of its own for every rule that asks.
Meaning stateful(std::string text);

// Whether a test asks for a field.
bool asks_for(const filter::Condition& condition, const filter::Field& field);

// The elements that {"set": ...} or "@name" lists. Nullopt: there is no such set.
struct Listed {
  std::vector<const Json*> elements;
  bool changing = false;
  bool filled = false;  // by rules
};
std::optional<Listed> listed(const Json& set, const Context& context);

// Names what a set holds: equal for sets that hold the same.
std::string digest_of(const Listed& listed);

}  // namespace quay::nft_json
