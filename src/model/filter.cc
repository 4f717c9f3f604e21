#include "model/filter.h"

#include <algorithm>

#include <fmt/format.h>

namespace quay::filter {

int width(const Field& field, Family family) {
  switch (field.kind) {
    case Kind::Family:
      return 1;
    case Kind::State:
      return 3;
    case Kind::Protocol:
    case Kind::TcpFlags:
      return 8;
    case Kind::InInterface:
    case Kind::OutInterface:
    case Kind::SourcePort:
    case Kind::DestinationPort:
      return 16;
    case Kind::Source:
    case Kind::Destination:
      return address_width(family);
    case Kind::Mark:
      return 32;
    case Kind::SourceMac:
      return 48;
    case Kind::Other:
      break;
  }
  return field.bits;
}

bool counts_hops(const Field& field) {
  return field.kind == Kind::Other && (field.name == "ip ttl" || field.name == "ip6 hoplimit");
}

std::string field_name(const Field& field) {
  switch (field.kind) {
    case Kind::Family:
      return "family";
    case Kind::State:
      return "state";
    case Kind::Protocol:
      return "protocol";
    case Kind::InInterface:
      return "incoming interface";
    case Kind::OutInterface:
      return "outgoing interface";
    case Kind::Source:
      return "source";
    case Kind::Destination:
      return "destination";
    case Kind::SourcePort:
      return "source port";
    case Kind::DestinationPort:
      return "destination port";
    case Kind::TcpFlags:
      return "tcp flags";
    case Kind::Mark:
      return "mark";
    case Kind::SourceMac:
      return "source mac";
    case Kind::Other:
      break;
  }
  return field.name;
}

std::string to_text(TableFamily family) {
  switch (family) {
    case TableFamily::Ip:
      return "ip";
    case TableFamily::Ip6:
      return "ip6";
    case TableFamily::Inet:
      return "inet";
    case TableFamily::Netdev:
      return "netdev";
    case TableFamily::Bridge:
      return "bridge";
    case TableFamily::Arp:
      break;
  }
  return "arp";
}

std::string to_text(Hook hook) {
  switch (hook) {
    case Hook::Ingress:
      return "ingress";
    case Hook::Prerouting:
      return "prerouting";
    case Hook::Input:
      return "input";
    case Hook::Forward:
      return "forward";
    case Hook::Output:
      return "output";
    case Hook::Postrouting:
      return "postrouting";
    case Hook::Egress:
      break;
  }
  return "egress";
}

bool is_about(const Ruleset& ruleset, Family family) {
  const TableFamily other = family == Family::V4 ? TableFamily::Ip6 : TableFamily::Ip;
  return std::ranges::any_of(ruleset.tables, [&](const Table& table) {
    return table.family != other && table.family != TableFamily::Arp &&
           table.family != TableFamily::Bridge;
  });
}

std::string place_of(const Table& table, const Chain& chain, const Rule& rule) {
  std::string place = fmt::format("{}/{}/{}", to_text(table.family), table.name, chain.name);
  return rule.place.empty() ? place : place + " " + rule.place;
}

}  // namespace quay::filter
