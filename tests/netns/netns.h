// Network namespaces for tests: a gateway with eth0 (LAN), eth1 (WAN) and wwan0, and on the other
// end of each a place to send and to listen.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/kernel_table.h"
#include "host/nftables.h"
#include "model/packet.h"

namespace quay::netns {

// True when namespaces can be made here; else `why` says what is missing.
bool available(std::string& why);

class Socket;

// A namespace of its own, gone with the object.
class Namespace {
 public:
  explicit Namespace(const std::string& name);
  ~Namespace();
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;

  const std::string& name() const { return name_; }
  // Runs `work` on a thread inside the namespace and waits for it. What it opens stays inside.
  void run(const std::function<void()>& work) const;
  // Runs a shell command inside; throws when it fails.
  void shell(const std::string& command) const;

 private:
  std::string name_;
};

// A gateway and its neighbours. Packets are made byte by byte, so that any source can be played.
class Gateway {
 public:
  Gateway();
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  const Namespace& inside() const { return inside_; }
  Firewall& firewall() { return *firewall_; }
  KernelTable kernel() { return KernelTable(*firewall_); }

  // Sends every packet (In, from its interface's neighbour, or Out, from the gateway) and returns
  // the numbers, by position, of those that got through: past the input hook, or onto the wire.
  // Each is the first of its flow; only Tcp, Udp, Icmp and Icmpv6 are supported.
  std::set<std::size_t> passed(const std::vector<Packet>& packets);

 private:
  void open_ears();
  void wait_until_ready();

  Namespace inside_;
  Namespace outside_;
  std::unique_ptr<Nftables> firewall_;
  std::vector<std::unique_ptr<Socket>> ears_;  // hear what got through, inside and on the wires
  std::map<std::string, std::unique_ptr<Socket>> wires_;  // send to the gateway, by its interface
  std::uint32_t serial_ = 0;
};

// Where the gateway and its neighbour are on an interface.
Address gateway_address(const std::string& interface, Family family);
Address neighbour_address(const std::string& interface, Family family);

// The bytes of an IP packet that carries `serial` in its last four bytes.
std::vector<std::byte> bytes_of(const Packet& packet, std::uint32_t serial);

}  // namespace quay::netns
