#include "language/firewalld_xml.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <pugixml.hpp>

namespace quay::firewalld {
namespace {

using pugi::xml_node;
using Names = std::initializer_list<std::string_view>;

template <typename Range>
bool contains(const Range& names, std::string_view name) {
  return std::ranges::find(names, name) != std::ranges::end(names);
}

std::string attribute(const xml_node& node, const char* name) {
  return node.attribute(name).value();
}

bool yes(std::string_view text) {
  return text == "yes" || text == "Yes" || text == "true" || text == "True" || text == "YES" ||
         text == "TRUE";
}

// Names attributes that are not in `known`.
void check_attributes(const xml_node& node, Names known, std::vector<std::string>& unknown) {
  for (const pugi::xml_attribute& one : node.attributes())
    if (!contains(known, one.name()))
      unknown.push_back(fmt::format("{} of <{}>", one.name(), node.name()));
}

int number(const xml_node& node, int otherwise, std::vector<std::string>& unknown) {
  const std::string_view text = node.attribute("priority").value();
  int value = otherwise;
  const auto read = std::from_chars(text.begin(), text.end(), value);
  if (!text.empty() && (read.ec != std::errc() || read.ptr != text.end()))
    unknown.push_back(fmt::format("priority {}", text));
  return value;
}

// The outermost element, or why there is none.
Result<xml_node> root_of(pugi::xml_document& document, std::string_view text, const char* name,
                         const std::string& file) {
  const auto read = document.load_buffer(text.data(), text.size());
  if (!read)
    return fail({.place = file, .reason = fmt::format("this is no XML: {}", read.description())});
  const xml_node root = document.document_element();
  if (std::string_view(root.name()) != name)
    return fail({.place = file, .reason = fmt::format("<{}> is no <{}>", root.name(), name)});
  return root;
}

Peer peer_of(const xml_node& node, std::vector<std::string>& unknown) {
  check_attributes(node, {"address", "mac", "ipset", "invert", "family"}, unknown);
  return {.address = attribute(node, "address"),
          .mac = attribute(node, "mac"),
          .ipset = attribute(node, "ipset"),
          .inverted = yes(attribute(node, "invert"))};
}

Port port_of(const xml_node& node, std::vector<std::string>& unknown) {
  check_attributes(node, {"port", "protocol"}, unknown);
  return {attribute(node, "port"), attribute(node, "protocol")};
}

constexpr std::string_view kElements[] = {"service",     "port",       "protocol",
                                          "icmp-block",  "icmp-type",  "forward-port",
                                          "source-port", "masquerade", "tcp-mss-clamp"};
constexpr std::string_view kActions[] = {"accept", "reject", "drop", "mark"};
constexpr std::string_view kLogs[] = {"log", "nflog", "audit"};  // which decide nothing

void read_action(const xml_node& node, RichRule& rule, std::vector<std::string>& unknown) {
  if (!rule.action.empty())
    unknown.emplace_back("two actions of a <rule>");
  check_attributes(node, {"type", "set"}, unknown);
  rule.action = node.name();
  rule.argument = attribute(node, rule.action == "mark" ? "set" : "type");
  for (const xml_node& inside : node.children()) {
    if (std::string_view(inside.name()) != "limit")
      unknown.push_back(fmt::format("<{}> of <{}>", inside.name(), node.name()));
    check_attributes(inside, {"value"}, unknown);
    rule.limit = attribute(inside, "value");
  }
}

RichRule rule_of(const xml_node& node, std::vector<std::string>& unknown) {
  check_attributes(node, {"family", "priority"}, unknown);
  RichRule rule;
  rule.family = attribute(node, "family");
  rule.priority = number(node, 0, unknown);
  for (const xml_node& one : node.children()) {
    const std::string_view name = one.name();
    if (name == "source") {
      rule.source = peer_of(one, unknown);
    } else if (name == "destination") {
      rule.destination = peer_of(one, unknown);
    } else if (contains(kActions, name)) {
      read_action(one, rule, unknown);
    } else if (contains(kElements, name)) {
      if (!rule.element.empty())
        unknown.emplace_back("two elements of a <rule>");
      rule.element = name;
      for (const pugi::xml_attribute& attribute : one.attributes())
        rule.attributes[attribute.name()] = attribute.value();
    } else if (!contains(kLogs, name)) {
      unknown.push_back(fmt::format("<{}> of <rule>", name));
    }
  }
  return rule;
}

// What zones and policies have in common. False when it is something else.
bool read_setting(const xml_node& node, Settings& settings) {
  const std::string_view name = node.name();
  if (name == "service")
    settings.services.push_back(attribute(node, "name"));
  else if (name == "port")
    settings.ports.push_back(port_of(node, settings.unknown));
  else if (name == "source-port")
    settings.source_ports.push_back(port_of(node, settings.unknown));
  else if (name == "protocol")
    settings.protocols.push_back(attribute(node, "value"));
  else if (name == "icmp-block")
    settings.icmp_blocks.push_back(attribute(node, "name"));
  else if (name == "masquerade")
    settings.masquerade = true;
  else if (name == "forward-port")
    settings.forward_ports.push_back({{attribute(node, "port"), attribute(node, "protocol")},
                                      attribute(node, "to-port"),
                                      attribute(node, "to-addr")});
  else if (name == "rule")
    settings.rules.push_back(rule_of(node, settings.unknown));
  else
    return name == "short" || name == "description" || node.type() != pugi::node_element;
  return true;
}

std::string source_of(const xml_node& node, std::vector<std::string>& unknown) {
  const Peer peer = peer_of(node, unknown);
  if (!peer.ipset.empty())
    return "ipset:" + peer.ipset;
  return peer.mac.empty() ? peer.address : peer.mac;
}

void note_unknown(const xml_node& node, std::vector<std::string>& unknown) {
  unknown.push_back(fmt::format("<{}>", node.name()));
}

}  // namespace

Result<Zone> parse_zone(std::string_view text, const std::string& file) {
  pugi::xml_document document;
  const auto root = root_of(document, text, "zone", file);
  if (!root)
    return fail(root.error());
  Zone zone;
  Settings& settings = zone.settings;
  settings.file = file;
  settings.target = attribute(*root, "target");
  check_attributes(*root, {"target", "version", "name", "immutable"}, settings.unknown);
  for (const xml_node& node : root->children()) {
    const std::string_view name = node.name();
    if (name == "interface")
      zone.interfaces.push_back(attribute(node, "name"));
    else if (name == "source")
      zone.sources.push_back(source_of(node, settings.unknown));
    else if (name == "forward")
      zone.forward = true;
    else if (name == "icmp-block-inversion")
      settings.icmp_block_inversion = true;
    else if (!read_setting(node, settings))
      note_unknown(node, settings.unknown);
  }
  return zone;
}

Result<Policy> parse_policy(std::string_view text, const std::string& file) {
  pugi::xml_document document;
  const auto root = root_of(document, text, "policy", file);
  if (!root)
    return fail(root.error());
  Policy policy;
  Settings& settings = policy.settings;
  settings.file = file;
  settings.target = attribute(*root, "target");
  if (settings.target.empty())
    settings.target = "CONTINUE";
  check_attributes(*root, {"target", "version", "priority"}, settings.unknown);
  policy.priority = number(*root, -1, settings.unknown);
  for (const xml_node& node : root->children()) {
    const std::string_view name = node.name();
    if (name == "ingress-zone")
      policy.ingress_zones.push_back(attribute(node, "name"));
    else if (name == "egress-zone")
      policy.egress_zones.push_back(attribute(node, "name"));
    else if (!read_setting(node, settings))
      note_unknown(node, settings.unknown);
  }
  return policy;
}

Result<Service> parse_service(std::string_view text, const std::string& file) {
  pugi::xml_document document;
  const auto root = root_of(document, text, "service", file);
  if (!root)
    return fail(root.error());
  Service service;
  Settings plain;
  for (const xml_node& node : root->children()) {
    const std::string_view name = node.name();
    if (name == "include")
      service.includes.push_back(attribute(node, "service"));
    else if (name == "destination")
      for (const pugi::xml_attribute& one : node.attributes())
        service.destinations[one.name()] = one.value();
    else if (name != "module" && name != "helper" && !read_setting(node, plain))
      note_unknown(node, service.unknown);
  }
  for (Port& port : plain.ports)
    if (port.port.empty())
      plain.protocols.push_back(port.protocol);
    else
      service.ports.push_back(std::move(port));
  std::ranges::move(plain.unknown, std::back_inserter(service.unknown));
  service.source_ports = std::move(plain.source_ports);
  service.protocols = std::move(plain.protocols);
  return service;
}

Result<IpSet> parse_ipset(std::string_view text, const std::string& file) {
  pugi::xml_document document;
  const auto root = root_of(document, text, "ipset", file);
  if (!root)
    return fail(root.error());
  IpSet set{.type = attribute(*root, "type"), .entries = {}, .unknown = {}};
  for (const xml_node& node : root->children()) {
    const std::string_view name = node.name();
    const std::string option = attribute(node, "name");
    if (name == "entry")
      set.entries.emplace_back(node.text().get());
    else if (name == "option" && option == "family")
      set.v6 = attribute(node, "value") == "inet6";
    else if (name == "option" && option == "timeout")
      set.timeout = attribute(node, "value") != "0";
    else if (name != "option" && name != "short" && name != "description" &&
             node.type() == pugi::node_element)
      note_unknown(node, set.unknown);
  }
  return set;
}

}  // namespace quay::firewalld
