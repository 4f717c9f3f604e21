// The table of ports: for every endpoint of the catalogue what the profiles say, what the policy
// allows, and who listens. The three are facts of their own; where they disagree, the table shows
// it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "model/listener.h"
#include "model/service.h"
#include "policy/compile.h"

namespace quay {

struct PortLine {
  const Service* service = nullptr;    // into the catalogue
  const Function* function = nullptr;  // that the endpoint belongs to
  const Endpoint* endpoint = nullptr;
  std::optional<PortSet> ports;  // as the policy chose them; nullopt: known only at run time.
                                 // Local ones where the direction is In, else the other side's
  bool enhanced = false;         // open by default under that profile
  bool standard = false;
  std::optional<bool> allowed;       // by the rules, somewhere; nullopt: not known
  bool partly = false;               // and refused to others there
  std::vector<std::string> on;       // where, by the policy's names; empty: on every interface
  std::vector<std::string> from;     // whom the service is for; empty: anybody
  std::vector<std::size_t> sockets;  // that listen at these ports, into PortTable::sockets
};

// A socket, and what it is for.
struct OwnedSocket {
  Listener listener;
  const Service* service = nullptr;  // null: no endpoint is for it
  bool client = false;               // connected, or at a passing port that no endpoint is for
};

struct PortTable {
  std::vector<PortLine> lines;       // in the catalogue's order
  std::vector<OwnedSocket> sockets;  // in the order that they came in
};

// A listener belongs to the endpoint whose ports hold its port; where several do, to the one whose
// service has its unit. Endpoints with ports known only at run time are found by the unit. Loopback
// counts: a service may well be for the gateway alone.
PortTable port_table(const Catalogue& catalogue, const Policy& policy,
                     std::vector<Listener> listeners);

// Fills in what the rules allow, whichever rule it is that does: `allowed`, `partly`, `on` and
// `from` of every line. It is about first packets of flows on a wire, at a time.
void tell_allowed(PortTable& table, const Compilation& in_force, TimePoint now);

}  // namespace quay
