// A rule of the kernel in nft's language.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/ruleset.h"

namespace quay {

// As nft(8) lists it, without counters' values; nullopt where that is not certain: what is unknown,
// and whatever our own compiler never writes. `sets` are those of the rule's table, an inet one.
// Times of day are seconds since 1970.
std::optional<std::string> nft_rule_text(const nft::Rule& rule, const std::vector<nft::Set>& sets);

// "jump web"; nullopt for those that have no word of their own.
std::optional<std::string> nft_verdict_text(const nft::Verdict& verdict);

// A key of a set or map by its type: `"eth0" . tcp . 22`; nullopt for types that are not known
// here.
std::optional<std::string> nft_key_text(const nft::Set& set, const nft::Bytes& key);

// The names of a key's parts: `ifname . inet_proto . inet_service`.
std::optional<std::string> nft_key_type_text(const nft::Set& set);

}  // namespace quay
