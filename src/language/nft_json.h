// Reads what `nft -j list ruleset` prints, and what is written in that form
// (libnftables-json(5)).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/filter.h"

namespace quay {

// The tables of all families with their base chains, chains and rules; rules keep their handles
// ("handle 12") and stand in the words of nft(8). Also the commands "add" and "create" of such
// objects. What the model has no words for is named in Rule::unknown; objects that we do not know,
// and what nft's JSON does not tell, stand in Ruleset::outside.
//
// JSON says less than the kernel knows, and this is what we make of it:
// - nft leaves out tests that follow from others (`tcp dport 22` asks for TCP): we put them back.
// - matches of iptables have lost their parameters: each is an atom of its own.
// - the hours and times of a rule are in the time zone of who listed it: atoms.
// - what rules put into sets, or time takes out of them, is not known: lookups there are atoms.
//
// Fails where the text is no JSON of that form, a rule's chain is missing, or a hook is unknown;
// places are "FILE: object 12". Never reads a named file.
Parsed<filter::Ruleset> parse_nft_json(std::string_view text, const std::string& file);

}  // namespace quay
