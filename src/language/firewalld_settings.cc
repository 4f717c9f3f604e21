#include "language/firewalld_settings.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <boost/json/object.hpp>
#include <fmt/format.h>

namespace quay::firewalld {
namespace {

using boost::json::object;

constexpr std::string_view kParts[] = {"pre", "log", "deny", "allow", "post"};
constexpr int kFirst = -100'000;  // before every priority

std::string_view short_name(std::string_view hook) {
  if (hook == "INPUT")
    return "IN";
  if (hook == "FORWARD")
    return "FWD";
  if (hook == "OUTPUT")
    return "OUT";
  return hook == "PREROUTING" ? "PRE" : "POST";
}

bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

Statements joined(Statements first, const Statements& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

std::string attribute(const RichRule& rule, const std::string& name) {
  const auto found = rule.attributes.find(name);
  return found == rule.attributes.end() ? std::string() : found->second;
}

Port port_of(const RichRule& rule) {
  return {attribute(rule, "port"), attribute(rule, "protocol")};
}

// The part of the chains that a rich rule stands in.
std::string_view part_of(const RichRule& rule) {
  if (rule.priority != 0)
    return rule.priority < 0 ? "pre" : "post";
  const bool allows = one_of(rule.element, {"masquerade", "forward-port", "tcp-mss-clamp"}) ||
                      one_of(rule.action, {"accept", "mark"});
  return allows ? "allow" : "deny";
}

Statements not_to_loopback() {
  return {match(meta("oifname"), "!=", "lo"), verdict("masquerade")};
}

Statements segment_size(std::string_view value) {
  const Json option = object{{"tcp option", {{"name", "maxseg"}, {"field", "size"}}}};
  const Json flags = object{{"payload", {{"protocol", "tcp"}, {"field", "flags"}}}};
  const bool route = value.empty() || value == "pmtu" || value == "None";
  const Json size = route ? Json(object{{"rt", {{"key", "mtu"}}}}) : word(value);
  return {match(flags, "in", "syn"), object{{"mangle", {{"key", option}, {"value", size}}}}};
}

}  // namespace

std::string Passage::chain(const Dispatch& dispatch) const {
  return fmt::format("{}_{}_{}", dispatch.table, short_name(dispatch.hook), suffix);
}

// The chain of the passage in a table; translations of sources have a table name of their own here.
std::string SettingsWriter::chain_in(std::string_view table) const {
  for (const Dispatch& dispatch : passage_.dispatches) {
    const bool source = dispatch.hook == "POSTROUTING";
    if (table == (source ? std::string_view("nat source") : dispatch.table))
      return passage_.chain(dispatch);
  }
  return fmt::format("{} of {}, which it has not", table, passage_.suffix);
}

void SettingsWriter::allow(Statements asked) {
  asked.push_back(verdict("accept"));
  chains_.add(chain_in("filter") + "_allow", std::move(asked), settings_.file);
}

void SettingsWriter::write() {
  for (const Dispatch& dispatch : passage_.dispatches)
    write_chains(dispatch);
  write_plain();
  for (const RichRule& rule : settings_.rules)
    write_rich(rule);
}

void SettingsWriter::write_chains(const Dispatch& dispatch) {
  const std::string chain = passage_.chain(dispatch);
  chains_.chain(chain);
  const auto policies = [&](std::string_view when) {
    if (passage_.of_zone)
      chains_.add(
          chain,
          {jump("jump", fmt::format("{}_{}_POLICIES_{}", dispatch.table, dispatch.hook, when))},
          settings_.file);
  };
  policies("pre");
  for (const std::string_view part : kParts) {
    const std::string own = fmt::format("{}_{}", chain, part);
    chains_.chain(own);
    chains_.add(chain, {jump("jump", own)}, settings_.file);
  }
  policies("post");
  for (const std::string& what : settings_.unknown)
    chains_.add(chain + "_pre", {unknown_statement(what)}, settings_.file, kFirst);
  if (dispatch.table != "filter")
    return;
  if (passage_.of_zone && dispatch.hook == "INPUT")
    write_icmp_default(chain);
  write_target(chain);
}

// Messages of ICMP that nothing blocks, or with the inversion allows.
void SettingsWriter::write_icmp_default(const std::string& chain) {
  const bool inverted = settings_.icmp_block_inversion;
  if (one_of(settings_.target, {"DROP", "%%REJECT%%", "REJECT"}) ||
      (!inverted && settings_.target == "ACCEPT"))
    return;
  const Json any = object{{"set", {"icmp", "ipv6-icmp"}}};
  chains_.add(chain, {match(meta("l4proto"), "==", any), inverted ? reject() : verdict("accept")},
              settings_.file);
}

void SettingsWriter::write_target(const std::string& chain) {
  const std::string& target = settings_.target;
  if (target == "CONTINUE")
    return;
  Json end = unknown_statement("target " + target);
  if (one_of(target, {"", "default", "REJECT", "%%REJECT%%"}))
    end = reject();
  else if (target == "ACCEPT" || target == "DROP")
    end = verdict(target == "ACCEPT" ? "accept" : "drop");
  chains_.add(chain, {std::move(end)}, settings_.file);
}

void SettingsWriter::write_plain() {
  for (const std::string& name : settings_.services) {
    std::set<std::string> included{name};
    write_service(name, nullptr, included);
  }
  for (const Port& port : settings_.ports)
    allow({port_match(port, "dport")});
  for (const std::string& protocol : settings_.protocols)
    allow({protocol_match(protocol)});
  for (const Port& port : settings_.source_ports)
    allow({port_match(port, "sport")});
  for (const std::string& name : settings_.icmp_blocks)
    write_icmp_block(name);
  for (const ForwardPort& forward : settings_.forward_ports)
    write_forward_port(forward);
  if (settings_.masquerade)
    chains_.add(chain_in("nat source") + "_allow",
                joined({family_match("ipv4")}, not_to_loopback()), settings_.file);
}

void SettingsWriter::write_icmp_block(const std::string& name) {
  for (Statements& asked : icmp_matches(name, {})) {
    if (settings_.icmp_block_inversion) {
      allow(std::move(asked));
      continue;
    }
    asked.push_back(reject());
    chains_.add(chain_in("filter") + "_deny", std::move(asked), settings_.file);
  }
}

void SettingsWriter::write_forward_port(const ForwardPort& forward) {
  const bool v6 = forward.to_address.find(':') != std::string::npos;
  chains_.add(
      chain_in("nat") + "_allow",
      {family_match(v6 ? "ipv6" : "ipv4"), port_match(forward.port, "dport"), forwarded(forward)},
      settings_.file);
}

// With the services that it includes; of a rich rule, or allowed.
void SettingsWriter::write_service(const std::string& name, const RichRule* rule,
                                   std::set<std::string>& included) {
  const auto decided = [&](Statements asked) {
    if (rule == nullptr)
      allow(std::move(asked));
    else
      decide(*rule, joined(peers_match(configuration_, *rule), asked),
             rule->action == "mark" ? "mangle" : "filter");
  };
  const auto found = configuration_.services.find(name);
  if (found == configuration_.services.end())
    return decided({unknown_match("service " + name)});
  const Service& service = found->second;
  for (const std::string& other : service.includes)
    if (included.insert(other).second)
      write_service(other, rule, included);
  for (const std::string& what : service.unknown)
    decided({unknown_match(fmt::format("{} of service {}", what, name))});
  std::vector<Statements> places;
  places.reserve(service.destinations.size());
  for (const auto& [family, address] : service.destinations)
    places.push_back({address_match(configuration_, "daddr", address)});
  if (places.empty())
    places.emplace_back();
  for (const Statements& place : places) {
    for (const Port& port : service.ports)
      decided(joined(place, {port_match(port, "dport")}));
    for (const std::string& protocol : service.protocols)
      decided(joined(place, {protocol_match(protocol)}));
    for (const Port& port : service.source_ports)
      decided(joined(place, {port_match(port, "sport")}));
  }
}

void SettingsWriter::decide(const RichRule& rule, Statements asked, std::string_view table) {
  if (rule.action.empty())  // it logs
    return;
  chains_.add(fmt::format("{}_{}", chain_in(table), part_of(rule)),
              joined(std::move(asked), action_of(rule)), settings_.file, rule.priority);
}

void SettingsWriter::write_rich(const RichRule& rule) {
  const Statements asked = peers_match(configuration_, rule);
  const std::string part = fmt::format("_{}", part_of(rule));
  if (rule.element == "service") {
    std::set<std::string> included{attribute(rule, "name")};
    write_service(attribute(rule, "name"), &rule, included);
  } else if (rule.element == "masquerade") {
    chains_.add(chain_in("nat source") + part, joined(asked, not_to_loopback()), settings_.file,
                rule.priority);
  } else if (rule.element == "forward-port") {
    const ForwardPort to{port_of(rule), attribute(rule, "to-port"), attribute(rule, "to-addr")};
    chains_.add(chain_in("nat") + part,
                joined(asked, {port_match(to.port, "dport"), forwarded(to)}), settings_.file,
                rule.priority);
  } else if (rule.element == "tcp-mss-clamp") {
    chains_.add(chain_in("filter") + part, joined(asked, segment_size(attribute(rule, "value"))),
                settings_.file, rule.priority);
  } else {
    write_element(rule, asked);
  }
}

// Elements that a packet is asked for, and an action.
void SettingsWriter::write_element(const RichRule& rule, const Statements& asked) {
  const std::string_view table = rule.action == "mark" ? "mangle" : "filter";
  if (rule.element.empty())
    return decide(rule, asked, table);
  if (rule.element == "port")
    return decide(rule, joined(asked, {port_match(port_of(rule), "dport")}), table);
  if (rule.element == "source-port")
    return decide(rule, joined(asked, {port_match(port_of(rule), "sport")}), table);
  if (rule.element == "protocol")
    return decide(rule, joined(asked, {protocol_match(attribute(rule, "value"))}), table);
  RichRule message = rule;
  if (message.action.empty() && rule.element == "icmp-block")
    message.action = "reject";
  for (const Statements& icmp : icmp_matches(attribute(rule, "name"), rule.family))
    decide(message, joined(asked, icmp), table);
}

}  // namespace quay::firewalld
