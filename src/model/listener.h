// Sockets that wait for packets: what the gateway listens on.
#pragma once

#include <cstdint>
#include <string>

#include "model/address.h"
#include "model/port.h"
#include "model/protocol.h"

namespace quay {

struct Listener {
  enum class Kind : std::uint8_t {
    Server,  // a TCP socket that listens, or a UDP socket that is bound and not connected
    Client,  // a UDP socket that is connected
    Raw,     // takes whole IP packets of one protocol, past every port
    Packet,  // takes whole frames (AF_PACKET); nothing in nftables stops what it hears
  };
  Kind kind = Kind::Server;
  Family family = Family::V4;
  bool both_families = false;  // an IPv6 socket that takes IPv4 too
  Protocol protocol = Protocol::Tcp;
  Address address;               // all zeros: every address
  Port port = 0;                 // 0 with Raw and Packet
  bool ephemeral = false;        // a UDP port out of the range that the kernel chooses from
  std::uint16_t ether_type = 0;  // with Packet, of the frames that it takes; 0: none yet
  std::string interface;         // the one that it is bound to; empty: every one
  std::uint32_t uid = 0;
  std::uint64_t inode = 0;
  std::uint64_t cgroup = 0;  // the kernel's number; 0: not known
  std::string user;          // the name of `uid`, or its number
  std::string unit;          // systemd's name; empty: not known
  std::string process;       // the program's short name; empty: not known

  bool operator==(const Listener&) const = default;
};

// "0.0.0.0:22", "[fd00::1]:443", "*" for a packet socket
std::string address_text(const Listener& listener);
// "tcp", "ipv6-icmp"; of a packet socket what it takes: "all", "ipv4", "lldp", "0x88b5", "none"
std::string protocol_text(const Listener& listener);
std::string to_text(Listener::Kind kind);  // "server", "client", "raw", "packet"

}  // namespace quay
