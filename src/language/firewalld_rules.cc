#include "language/firewalld_rules.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "base/text.h"
#include "language/firewalld_icmp.h"
#include "model/address.h"

namespace quay::firewalld {
namespace {

using boost::json::object;

Json payload(std::string_view protocol, std::string_view field) {
  return object{{"payload", {{"protocol", protocol}, {"field", field}}}};
}

Json prefix(std::string_view address, std::string_view length) {
  const auto bits = parse_number(length, 128);
  if (!bits)
    return object{{"prefix", {{"addr", address}, {"len", length}}}};
  return object{{"prefix", {{"addr", address}, {"len", *bits}}}};
}

// "10.0.0.0/8", also "/255.0.0.0"; a single address.
Json address_value(std::string_view text) {
  const auto parts = split(text, '/');
  const auto parsed = parse_prefix(text);
  if (!parsed || parts.size() != 2)
    return word(text);
  return prefix(to_text(parsed->address), std::to_string(parsed->length));
}

bool is_mac(std::string_view text) {
  return text.size() == 17 && std::ranges::count(text, ':') == 5;
}

// "80" or "1000-2000"; names of services stay as they are.
Json port_value(std::string_view text) {
  const auto ends = split(text, '-');
  const auto first = parse_number(ends[0], 65535);
  const auto last = parse_number(ends.back(), 65535);
  if (!first || !last || ends.size() > 2)
    return word(text);
  if (ends.size() == 1)
    return *first;
  return object{{"range", {*first, *last}}};
}

std::vector<std::string_view> parts_of(const IpSet& set) {
  const std::size_t colon = set.type.find(':');
  return split(std::string_view(set.type).substr(colon == std::string::npos ? 0 : colon + 1), ',');
}

// What an ipset asks for, in order, when it is held against the sources or the destinations.
Statements set_key(const IpSet& set, std::string_view side) {
  const bool destination = side == "daddr";
  Statements asked;
  for (const std::string_view part : parts_of(set)) {
    if (part == "port") {
      asked.push_back(meta("l4proto"));
      asked.push_back(payload("th", destination ? "dport" : "sport"));
    } else if (part == "iface") {
      asked.push_back(meta(destination ? "iifname" : "oifname"));
    } else if (part == "mark") {
      asked.push_back(meta("mark"));
    } else {
      asked.push_back(payload(part == "mac" ? "ether" : set.v6 ? "ip6" : "ip", side));
    }
  }
  return asked;
}

Json set_match(const Configuration& configuration, std::string_view side, std::string_view name,
               bool inverted) {
  const auto found = configuration.ipsets.find(std::string(name));
  if (found == configuration.ipsets.end())
    return unknown_match(fmt::format("ipset {} of {}", name, side));
  const Statements asked = set_key(found->second, side);
  Json left = asked.size() == 1 ? asked[0] : Json(object{{"concat", asked}});
  return match(std::move(left), inverted ? "!=" : "==", word(fmt::format("@{}", name)));
}

// One of the parts of an entry: "10.0.0.0/8", "tcp:80-90", "eth0".
void add_entry_part(std::string_view part, std::string_view text, Statements& pieces) {
  if (part == "port") {
    const auto words = split(text, ':');
    pieces.emplace_back(words.size() > 1 ? words[0] : std::string_view("tcp"));
    pieces.push_back(port_value(words.back()));
  } else if (part == "ip" || part == "net") {
    pieces.push_back(address_value(text));
  } else {
    pieces.emplace_back(text);
  }
}

// "5/m": a number in a second, minute, hour or day.
Json limit_of(std::string_view limit) {
  constexpr std::string_view units[] = {"second", "minute", "hour", "day"};
  const auto parts = split(limit, '/');
  for (const std::string_view unit : units)
    if (parts.size() == 2 && parts[1].starts_with(unit[0]))
      return object{{"limit", {{"rate", parts[0]}, {"per", unit}}}};
  return unknown_match(fmt::format("limit {}", limit));
}

constexpr std::string_view kIcmpRejects[] = {
    "icmp-host-prohibited",  "host-prohib",  "icmp-net-prohibited",   "net-prohib",
    "icmp-admin-prohibited", "admin-prohib", "icmp-net-unreachable",  "net-unreach",
    "icmp-host-unreachable", "host-unreach", "icmp-port-unreachable", "icmp-proto-unreachable",
    "proto-unreach"};
constexpr std::string_view kIcmpv6Rejects[] = {"icmp6-adm-prohibited",
                                               "adm-prohibited",
                                               "icmp6-port-unreachable",
                                               "icmp6-addr-unreachable",
                                               "addr-unreach",
                                               "icmp6-no-route",
                                               "no-route"};

Json rejection(std::string_view type) {
  if (type.empty())
    return object{{"reject", nullptr}};
  if (type == "tcp-reset" || type == "tcp-rst")
    return object{{"reject", {{"type", "tcp reset"}}}};
  if (type == "port-unreach")
    return object{{"reject", {{"type", "icmpx"}, {"expr", type}}}};
  if (std::ranges::find(kIcmpRejects, type) != std::end(kIcmpRejects))
    return object{{"reject", {{"type", "icmp"}, {"expr", type}}}};
  if (std::ranges::find(kIcmpv6Rejects, type) != std::end(kIcmpv6Rejects))
    return object{{"reject", {{"type", "icmpv6"}, {"expr", type}}}};
  return unknown_statement(fmt::format("reject type {}", type));
}

// "0x10" or "0x6600/0xFF00": the value, and the bits that it replaces.
Json marking(std::string_view text) {
  const auto parts = split(text, '/');
  Json value = word(parts[0]);
  if (parts.size() > 1) {
    Json kept = object{{"&", {meta("mark"), parts[1]}}};
    value = object{{"^", {kept, parts[0]}}};
  }
  return object{{"mangle", {{"key", meta("mark")}, {"value", value}}}};
}

std::string peer_address(const Peer& peer) {
  if (!peer.ipset.empty())
    return "ipset:" + peer.ipset;
  return peer.address.empty() ? peer.mac : peer.address;
}

}  // namespace

Json word(std::string_view text) {
  return boost::json::string(text);
}

Json unknown_match(std::string_view what) {
  return match(object{{"firewalld", what}}, "==", "");
}

Json unknown_statement(std::string_view what) {
  return object{{"firewalld", what}};
}

Json match(Json left, std::string_view op, Json right) {
  return object{{"match", {{"op", op}, {"left", std::move(left)}, {"right", std::move(right)}}}};
}

Json meta(std::string_view key) {
  return object{{"meta", {{"key", key}}}};
}

Json verdict(std::string_view name) {
  return object{{name, nullptr}};
}

Json jump(std::string_view how, std::string_view chain) {
  return object{{how, {{"target", chain}}}};
}

Json reject() {
  return object{{"reject", {{"type", "icmpx"}, {"expr", "admin-prohibited"}}}};
}

Json address_match(const Configuration& configuration, std::string_view side,
                   std::string_view address, bool inverted) {
  if (address.starts_with("ipset:"))
    return set_match(configuration, side, address.substr(6), inverted);
  const bool v6 = address.find(':') != std::string_view::npos;
  const std::string_view protocol = is_mac(address) ? "ether" : v6 ? "ip6" : "ip";
  return match(payload(protocol, side),
               inverted ? "!=" : "==", is_mac(address) ? word(address) : address_value(address));
}

Statements interface_match(std::string_view key, std::string_view name) {
  if (name == "+")
    return {};
  std::string pattern(name);
  if (pattern.ends_with('+'))
    pattern.back() = '*';
  return {match(meta(key), "==", word(pattern))};
}

Json family_match(std::string_view family) {
  return match(meta("nfproto"), "==", word(family));
}

Json port_match(const Port& port, std::string_view side) {
  return match(payload(port.protocol, side), "==", port_value(port.port));
}

Json protocol_match(std::string_view protocol) {
  return match(meta("l4proto"), "==", word(protocol));
}

std::vector<Statements> icmp_matches(std::string_view name, std::string_view family) {
  std::vector<Statements> all;
  for (const Family one : {Family::V4, Family::V6}) {
    const bool v4 = one == Family::V4;
    const auto message = icmp_message(name, one);
    if (!message || (!family.empty() && family != (v4 ? "ipv4" : "ipv6")))
      continue;
    const std::string_view protocol = v4 ? "icmp" : "icmpv6";
    Statements asked{match(payload(protocol, "type"), "==", message->type)};
    if (message->code)
      asked.push_back(match(payload(protocol, "code"), "==", *message->code));
    all.push_back(std::move(asked));
  }
  if (all.empty())
    all.push_back({unknown_match(fmt::format("icmp type {}", name))});
  return all;
}

Statements peers_match(const Configuration& configuration, const RichRule& rule) {
  Statements asked;
  if (!rule.family.empty())
    asked.push_back(family_match(rule.family));
  if (rule.destination)
    asked.push_back(address_match(configuration, "daddr", peer_address(*rule.destination),
                                  rule.destination->inverted));
  if (rule.source)
    asked.push_back(
        address_match(configuration, "saddr", peer_address(*rule.source), rule.source->inverted));
  return asked;
}

Statements action_of(const RichRule& rule) {
  Statements done;
  if (!rule.limit.empty())
    done.push_back(limit_of(rule.limit));
  if (rule.action == "reject")
    done.push_back(rejection(rule.argument));
  else if (rule.action == "mark")
    done.push_back(marking(rule.argument));
  else
    done.push_back(verdict(rule.action));
  return done;
}

Json forwarded(const ForwardPort& forward) {
  object to;
  if (!forward.to_address.empty())
    to["addr"] = forward.to_address;
  if (!forward.to_port.empty())
    to["port"] = port_value(forward.to_port);
  return object{{forward.to_address.empty() ? "redirect" : "dnat", std::move(to)}};
}

Json set_of(std::string_view name, const IpSet& set) {
  const auto parts = parts_of(set);
  Statements elements;
  for (const std::string& entry : set.entries) {
    const auto texts = split(entry, ',');
    Statements pieces;
    for (std::size_t i = 0; i < texts.size() && texts.size() == parts.size(); ++i)
      add_entry_part(parts[i], trim(texts[i]), pieces);
    elements.push_back(parts.size() == 1 && !pieces.empty() ? pieces[0]
                                                            : Json(object{{"concat", pieces}}));
  }
  object made{{"family", "inet"}, {"table", "firewalld"}, {"name", name}, {"elem", elements}};
  if (set.timeout)
    made["flags"] = {"timeout"};
  return object{{"set", std::move(made)}};
}

}  // namespace quay::firewalld
