// A question about packets: some fields given, the others any.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/address.h"
#include "model/packet.h"
#include "model/port.h"
#include "model/protocol.h"

namespace quay {

// What is unset means any packet there is, with two exceptions that keep answers readable. Unless
// a state is given, the question is about the first packet of a flow, which conntrack calls new.
// Unless it says otherwise, it is about a wire: neither about lo nor about loopback addresses,
// which every policy keeps apart.
struct PacketQuery {
  Direction direction = Direction::In;
  std::string interface;  // the operator's name or the kernel's; empty: any
  std::optional<Prefix> source;
  std::optional<Prefix> destination;
  std::vector<Protocol> protocols;  // empty: any
  std::optional<PortSet> source_ports;
  std::optional<PortSet> destination_ports;
  std::optional<std::uint8_t> icmp_type;
  State state = State::New;
  bool operator==(const PacketQuery&) const = default;
};

}  // namespace quay
