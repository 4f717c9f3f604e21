// Whether somebody would get in: what a guard asks before it lets a change stand that may lock out
// whoever made it.
#pragma once

#include <optional>
#include <string>

#include "model/address.h"
#include "model/filter.h"
#include "model/port.h"
#include "model/protocol.h"

namespace quay {

// A connection that somebody opens to this host.
struct Connection {
  std::string interface;  // that it comes in by, as the kernel names it
  Address source;
  std::optional<Address> destination;  // of the source's family; nullopt: any of the host's
  Protocol protocol = Protocol::Tcp;
  Port port = 0;
};

struct Admission {
  bool accepted = false;  // the first packet, for certain
  std::string why;        // not: "drops (ip/filter/INPUT line 40)"; empty when it is accepted
  std::string example;    // a first packet that is not accepted, in full
};

// Asks every table of `live`, for a first packet from a client's port (1024-65535) with nothing
// unusual about it: of TCP a SYN, without a mark. What is not understood, or changes by itself as
// limits do, is not accepted for certain.
Admission admission(const Connection& connection, const filter::Ruleset& live);

}  // namespace quay
