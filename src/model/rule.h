// Ordered firewall rules, each with its origin and its reason: what a policy compiles to.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/address.h"
#include "model/interface.h"
#include "model/packet.h"
#include "model/port.h"
#include "model/protocol.h"

namespace quay {

using TimePoint = std::chrono::sys_seconds;  // UTC

// Which packets a rule is about. Every field is a condition and all must hold; an empty list, a
// nullopt or the default means that the field does not matter. Ports are given only together
// with protocols that have them, ICMP types only with ICMP or ICMPv6.
struct Match {
  std::optional<InterfaceName> interface;
  bool interface_is_not = false;  // any interface but that one
  std::optional<Family> family;   // implied by sources, destinations, ICMP; kept equal to them
  std::vector<Prefix> sources;    // of `family`
  std::vector<Prefix> destinations;
  std::vector<Protocol> protocols;
  std::optional<PortSet> source_ports;
  std::optional<PortSet> destination_ports;
  std::vector<std::uint8_t> icmp_types;
  StateSet states = kEveryState;

  bool operator==(const Match&) const = default;
};

bool matches(const Match& match, const Packet& packet);

// False only when no packet matches both.
bool may_meet(const Match& a, const Match& b);

enum class Verdict : std::uint8_t {
  Accept,
  Drop,
  Reject,  // dropped, and the sender is told: TCP reset, else ICMP port unreachable
  Limit,   // accepted while its source opens fewer than 6 connections in 30 seconds, else rejected
};

std::string to_text(Verdict verdict);  // "accept", "drop", "reject", "limit"

enum class Log : std::uint8_t { None, New, All };

// Who wanted a rule.
struct Origin {
  enum class Kind : std::uint8_t {
    Host,     // what every host needs
    Opening,  // [[openings]], `number` counts from 1
    Own,      // [[rules]], `number` counts from 1
    Service,  // a service of the catalogue, `name` is its id
    Profile,  // the default at the end
  };
  Kind kind = Kind::Host;
  std::string name;        // service id, profile, or the part of the host's needs
  std::string function;    // of the service, when the endpoint belongs to one
  std::size_t number = 0;  // for Opening and Own

  std::string text() const;  // "service mqtt", "rule 3", "opening 1", "host icmp"
  bool operator==(const Origin&) const = default;
};

struct Rule {
  Direction direction = Direction::In;
  Match match;
  Verdict verdict = Verdict::Drop;
  Log log = Log::None;
  std::optional<TimePoint> until;  // matches nothing from then on
  Origin origin;
  std::string reason;  // one sentence for people
};

// Whether an operator wrote it: an own rule or an opening.
bool operator_made(const Rule& rule);

// The first rule that matches decides. compile() ends every direction with a rule that matches
// everything, so that there always is one.
using RuleList = std::vector<Rule>;

// Whether a rule matches nothing any more.
bool has_ended(const Rule& rule, TimePoint now);

// The rule that decides `packet`, expired ones left out; nullptr when none matches.
const Rule* decide(const RuleList& rules, const Packet& packet, TimePoint now);

}  // namespace quay
