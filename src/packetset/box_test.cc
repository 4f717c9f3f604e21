#include "packetset/box.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "policy/compile.h"
#include "tests/support/generate.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

bool holds(const Box& box, const Packet& packet, const InterfaceNames& names) {
  PacketQuery query{
      .direction = packet.direction,
      .interface = packet.interface,
      .source = Prefix{packet.source, packet.source.family == Family::V4 ? 32 : 128},
      .destination = Prefix{packet.destination, packet.destination.family == Family::V4 ? 32 : 128},
      .protocols = {packet.protocol},
      .state = packet.state};
  if (has_ports(packet.protocol)) {
    query.source_ports = PortSet({{packet.source_port, packet.source_port}});
    query.destination_ports = PortSet({{packet.destination_port, packet.destination_port}});
  } else if (packet.protocol != Protocol::Gre) {
    query.icmp_type = packet.icmp_type;
  }
  const Box one = box_of(query, packet.source.family, names);
  return !intersect(box, one).empty();
}

Match match_of(const UserRule& rule) {
  const RuleList rules = expand(rule, Policy{}, shipped_catalogue(), {}, "");
  return rules.empty() ? Match{} : rules.front().match;
}

// A box is the match that it was made from, and the rest of a subtraction is what is outside.
RC_GTEST_PROP(Box, AgreesWithMatches, ()) {
  const Match a = match_of(*generate::user_rule());
  const Match b = match_of(*generate::user_rule());
  const Packet packet = *generate::packet();
  const Family family = packet.source.family;
  InterfaceNames names({Rule{.match = a}, Rule{.match = b}});
  names.add(packet.interface);
  const Box box_a = box_of(a, family, names);
  const Box box_b = box_of(b, family, names);
  RC_ASSERT(holds(box_a, packet, names) == matches(a, packet));
  int pieces = 0;
  for (const Box& piece : subtract(box_a, box_b))
    pieces += holds(piece, packet, names) ? 1 : 0;
  RC_ASSERT(pieces == (matches(a, packet) && !matches(b, packet) ? 1 : 0));
}

}  // namespace
}  // namespace quay
