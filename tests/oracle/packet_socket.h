// Sends many crafted packets at once.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/address.h"

namespace quay::oracle {

struct Letter {
  Address destination;           // of packets that are routed
  std::vector<std::byte> bytes;  // an IP packet, behind an Ethernet header on the wire
};

// Belongs to the namespace that the thread is in when it is made. Errors are exceptions, except
// that a packet which the kernel refuses is not sent.
class PacketSocket {
 public:
  // For frames on an interface's wire.
  static PacketSocket on_wire(const std::string& interface);
  // For packets of this host, which leave by an interface; with their IP headers.
  static PacketSocket of_host(Family family, const std::string& interface);

  PacketSocket(PacketSocket&& other) noexcept;
  PacketSocket& operator=(PacketSocket&&) = delete;
  ~PacketSocket();

  void send(const std::vector<Letter>& letters) const;

 private:
  PacketSocket(int fd, bool routed) : fd_(fd), routed_(routed) {}

  int fd_;
  bool routed_;
};

}  // namespace quay::oracle
