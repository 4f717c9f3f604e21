// The rules that firewalld's nftables backend makes of single settings, in nft's JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "language/firewalld_config.h"

namespace quay::firewalld {

using Json = boost::json::value;
using Statements = boost::json::array;

// What stands in for a setting that we do not understand: as a match, an atom of that name; as a
// statement, a verdict that is not known.
Json unknown_match(std::string_view what);
Json unknown_statement(std::string_view what);

Json word(std::string_view text);
Json match(Json left, std::string_view op, Json right);
Json meta(std::string_view key);
Json verdict(std::string_view name);                      // "accept"
Json jump(std::string_view how, std::string_view chain);  // "jump" or "goto"
Json reject();                                            // as firewalld does without a type

// "saddr" or "daddr" of an address with or without a length, a MAC address or "ipset:NAME".
Json address_match(const Configuration& configuration, std::string_view side,
                   std::string_view address, bool inverted = false);
// "eth0", "eth+"; nothing for "+", which is every name.
Statements interface_match(std::string_view key, std::string_view name);

Json family_match(std::string_view family);  // "ipv4", "ipv6"
Json port_match(const Port& port, std::string_view side);
Json protocol_match(std::string_view protocol);
// One for each family that knows the message.
std::vector<Statements> icmp_matches(std::string_view name, std::string_view family);

// What a rich rule asks for besides its element.
Statements peers_match(const Configuration& configuration, const RichRule& rule);
// What it does in the end, its limit first.
Statements action_of(const RichRule& rule);

// Where a forwarded port leads to.
Json forwarded(const ForwardPort& forward);

// {"set": ...}, with its elements.
Json set_of(std::string_view name, const IpSet& set);

}  // namespace quay::firewalld
