// The services that the catalogue knows, and what each of them needs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/packet.h"
#include "model/port.h"
#include "model/protocol.h"

namespace quay {

// External services are meant to be reached from outside, internal ones from the gateway alone.
enum class Scope : std::uint8_t { External, Internal };

// Ports that the policy chooses: the service's or function's `port`, or the service's `clients`.
struct ChosenPort {
  bool operator==(const ChosenPort&) const = default;
};
struct ChosenClients {
  bool operator==(const ChosenClients&) const = default;
};
// A port that is known only at run time, from the unit that listens on it.
struct DynamicPort {
  bool operator==(const DynamicPort&) const = default;
};
using Ports = std::variant<PortSet, ChosenPort, ChosenClients, DynamicPort>;

// One way in or out. Local ports are the gateway's, remote ports the other side's; at least one
// of the two is given.
struct Endpoint {
  Direction direction = Direction::In;  // In or Out: which way the first packet of a flow goes
  std::vector<Protocol> protocols;      // TCP, UDP or both
  std::optional<Ports> local;
  std::optional<Ports> remote;
  bool server = false;            // the gateway's side is the server's, also in answers
  Scope scope = Scope::External;  // of this endpoint; a service may have both kinds
  std::string name;               // what speaks here, "jmx"; may be empty
  std::string note;

  bool operator==(const Endpoint&) const = default;
};

// Ports that may be chosen, and the choice that is made when the policy says nothing.
struct PortChoice {
  PortSet standard;
  PortSet allowed;
  bool operator==(const PortChoice&) const = default;
};

// A part of a service with a switch and a port of its own. Off unless the policy enables it.
struct Function {
  std::string id;
  std::string title;
  std::string closing;  // what stops working without it
  std::optional<PortChoice> port;
  std::vector<Endpoint> endpoints;
  bool operator==(const Function&) const = default;
};

// A request that leaves the site for the Internet.
struct Request {
  std::string purpose;
  std::vector<std::string> destinations;
  std::string condition;      // "if you use signed certificates"; empty: always
  bool from_browser = false;  // asked by the operator's browser, not by the gateway
  bool operator==(const Request&) const = default;
};

// Whether the policy may switch the service.
enum class Switch : std::uint8_t {
  Free,
  Always,  // on, whatever the policy wants
  Host,    // part of what every host needs; opened on every interface with the host's own rules
};

struct Service {
  std::string id;
  std::string title;
  std::string description;
  Scope scope = Scope::External;
  bool optional = false;  // closed unless the policy enables it
  Switch switching = Switch::Free;
  std::vector<std::string> units;  // systemd units; one unit may stand in several services
  std::string closing;             // what stops working when it is closed
  std::vector<std::string> notes;  // where sources disagree, and what was chosen
  std::optional<PortChoice> port;
  std::optional<PortChoice> clients;  // ports of the other side that may be chosen
  std::vector<Endpoint> endpoints;
  std::vector<Function> functions;
  std::vector<Request> requests;

  const Function* function(std::string_view name) const;
  bool operator==(const Service&) const = default;
};

// The defaults that a profile brings.
struct Profile {
  std::string id;
  std::string title;
  std::string description;
  bool deny_outgoing = true;            // incoming is always denied by default
  std::vector<std::string> forces_off;  // "lon.ip852": off while this profile is on
  std::vector<std::string> closes;      // services that go off when the profile is switched on
  bool operator==(const Profile&) const = default;
};

// What the gateway may need: services and profiles by id.
struct Catalogue {
  std::map<std::string, Service, std::less<>> services;
  std::map<std::string, Profile, std::less<>> profiles;

  const Service* service(std::string_view id) const;
  std::vector<std::string> service_ids() const;  // sorted
};

std::string to_text(Scope scope);  // "external", "internal"

}  // namespace quay
