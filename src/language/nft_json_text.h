// nft's JSON in the words of nft(8), for people and for the names of atoms. What has no words here
// stands as JSON.
#pragma once

#include <string>

#include "language/nft_json_access.h"
#include "language/nft_json_context.h"

namespace quay::nft_json {

// "tcp dport", "{ 22, 80-90 }", "ct mark & 0xff". With `sets`, named sets are written out: a name
// alone says nothing where rulesets are compared.
std::string expression_text(const Json& expression, const NamedSets* sets = nullptr);

// "tcp dport != 22", "ct state new,related"; inverted questions as what they invert when `plain`.
std::string match_text(const Json& match, const NamedSets* sets = nullptr, bool plain = false);

// "limit rate 5/second", "jump input_wan"; empty for counters.
std::string statement_text(const Json& statement, const NamedSets* sets = nullptr);

}  // namespace quay::nft_json
