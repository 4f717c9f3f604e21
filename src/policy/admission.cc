#include "policy/admission.h"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <netinet/tcp.h>

#include "language/filter_text.h"
#include "packetset/filter_space.h"
#include "policy/filter_teller.h"

namespace quay {
namespace {

using filter::Fate;
using filter::Kind;
using filter::Number;
using filter::Numbers;

// What a host on a network can have for its own (RFC 6890).
Numbers unicast(Family family) {
  std::vector<Interval<Number>> others{loopback_prefix(family).range()};
  for (const char* prefix : {"0.0.0.0/8", "224.0.0.0/3", "ff00::/8", "::/128"})
    if (const auto other = parse_prefix(prefix); other && other->address.family == family)
      others.push_back(other->range());
  return Numbers({every_address(family).range()}).subtract(Numbers(std::move(others)));
}

filter::Box first_packets(const Connection& connection) {
  filter::Box box;
  const auto among = [&](Kind kind, Number first, Number last) {
    box.push_back({.field = {.kind = kind}, .numbers = Numbers({{first, last}})});
  };
  const auto exactly = [&](Kind kind, Number number) { among(kind, number, number); };
  exactly(Kind::State, static_cast<Number>(State::New));
  exactly(Kind::Mark, 0);
  exactly(Kind::Protocol, static_cast<std::uint8_t>(connection.protocol));
  exactly(Kind::Source, connection.source.bits);
  if (connection.destination)
    exactly(Kind::Destination, connection.destination->bits);
  else
    box.push_back(
        {.field = {.kind = Kind::Destination}, .numbers = unicast(connection.source.family)});
  if (connection.protocol == Protocol::Tcp)
    exactly(Kind::TcpFlags, TH_SYN);
  if (has_ports(connection.protocol)) {
    among(Kind::SourcePort, 1024, 65535);
    exactly(Kind::DestinationPort, connection.port);
  }
  box.push_back(
      {.field = {.kind = Kind::InInterface}, .numbers = {}, .names = {connection.interface}});
  return box;
}

}  // namespace

Admission admission(const Connection& connection, const filter::Ruleset& live) {
  const std::array rulesets{&live};
  const std::array questions{first_packets(connection)};
  filter::FilterSpace space(connection.source.family, rulesets, questions);
  DiagramStore& store = space.store();
  const Diagram fates =
      store.intersect(store.intersect(space.whatever_atoms(space.fate(live, Direction::In)),
                                      space.inside(questions.front())),
                      space.possible(Direction::In));
  const auto some = [&](auto fits) {
    return space.witness(store.replace(fates,
                                       [&](Outcomes outcomes) -> Outcomes {
                                         return outcomes != 0 && fits(outcomes) ? kMostOutcomes : 0;
                                       }),
                         Direction::In);
  };
  // What is refused whatever happens says more than what may be.
  auto refused = some([](Outcomes fate) { return (fate & filter::kAccepted) == 0; });
  if (!refused)
    refused = some([](Outcomes fate) { return fate != filter::kAccepted; });
  if (space.exhausted())
    return {.accepted = false, .why = "the packet filter is too large to tell", .example = {}};
  if (!refused)
    return {.accepted = true, .why = {}, .example = {}};
  const filter::Walk walk = filter::walk(live, *refused);
  return {.accepted = false,
          .why = fmt::format("{} ({})", fate_text(walk.fate), place_text(walk)),
          .example = point_text(*refused)};
}

}  // namespace quay
