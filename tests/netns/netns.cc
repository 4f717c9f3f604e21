#include "tests/netns/netns.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace quay::netns {

// A descriptor that closes itself.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {
    if (fd < 0)
      throw std::runtime_error(fmt::format("no socket: {}", std::strerror(errno)));
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { close(fd_); }
  int fd() const { return fd_; }

 private:
  int fd_;
};

namespace {

constexpr std::array kInterfaces{"eth0", "eth1", "wwan0"};
constexpr std::chrono::milliseconds kQuiet{40};  // no packet takes longer over a veth

std::uint8_t number_of(const std::string& interface) {
  return static_cast<std::uint8_t>(std::find(kInterfaces.begin(), kInterfaces.end(), interface) -
                                   kInterfaces.begin());
}

void put(std::vector<std::byte>& out, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i)
    out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

void put_address(std::vector<std::byte>& out, const Address& address) {
  const int bytes = address.family == Family::V4 ? 4 : 16;
  for (int i = bytes - 1; i >= 0; --i)
    out.push_back(static_cast<std::byte>(static_cast<std::uint8_t>(address.bits >> (8 * i))));
}

std::uint32_t sum(const std::vector<std::byte>& bytes, std::uint32_t start = 0) {
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    start += std::to_integer<std::uint32_t>(bytes[i]) << 8 |
             (i + 1 < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i + 1]) : 0);
  return start;
}

std::uint16_t folded(std::uint32_t total) {
  while (total > 0xffff)
    total = (total & 0xffff) + (total >> 16);
  return static_cast<std::uint16_t>(~total);
}

void put_at(std::vector<std::byte>& out, std::size_t at, std::uint16_t value) {
  out[at] = static_cast<std::byte>(value >> 8);
  out[at + 1] = static_cast<std::byte>(value & 0xff);
}

// The transport part, without its checksum; says where the checksum goes.
std::vector<std::byte> transport(const Packet& packet, std::uint32_t serial, std::size_t& at) {
  std::vector<std::byte> out;
  if (packet.protocol == Protocol::Tcp) {
    put(out, packet.source_port, 2);
    put(out, packet.destination_port, 2);
    put(out, serial, 4);  // sequence number
    put(out, 0, 4);       // acknowledgement
    put(out, 0x5002, 2);  // five words, SYN
    put(out, 65535, 2);   // window
    put(out, 0, 4);       // checksum, urgent pointer
    at = 16;
  } else if (packet.protocol == Protocol::Udp) {
    put(out, packet.source_port, 2);
    put(out, packet.destination_port, 2);
    put(out, 12, 2);
    put(out, 0, 2);
    at = 6;
  } else {
    put(out, packet.icmp_type, 1);
    put(out, 0, 7);
    put(out, 0, 16);  // neighbour discovery wants a target
    at = 2;
  }
  put(out, serial, 4);
  return out;
}

std::uint32_t serial_of(const std::byte* data, std::size_t size) {
  std::uint32_t serial = 0;
  for (std::size_t i = size - 4; i < size; ++i)
    serial = serial << 8 | std::to_integer<std::uint32_t>(data[i]);
  return serial;
}

// What arrives on the sockets until they stay quiet: serials with the sizes that they came in.
std::set<std::pair<std::uint32_t, std::size_t>> drain(
    const std::vector<std::unique_ptr<Socket>>& sockets) {
  std::set<std::pair<std::uint32_t, std::size_t>> arrived;
  std::vector<pollfd> polled;
  for (const auto& socket : sockets)
    polled.push_back({socket->fd(), POLLIN, 0});
  while (poll(polled.data(), polled.size(), static_cast<int>(kQuiet.count())) > 0) {
    for (const pollfd& one : polled) {
      std::array<std::byte, 2048> buffer{};
      for (ssize_t n = 0; (n = recv(one.fd, buffer.data(), buffer.size(), MSG_DONTWAIT)) >= 4;)
        arrived.emplace(serial_of(buffer.data(), static_cast<std::size_t>(n)),
                        static_cast<std::size_t>(n));
    }
  }
  return arrived;
}

std::unique_ptr<Socket> listener(int family, int type, int protocol) {
  auto result = std::make_unique<Socket>(socket(family, type | SOCK_CLOEXEC, protocol));
  const int size = 8 << 20;
  setsockopt(result->fd(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  return result;
}

sockaddr_ll link_address(const std::string& interface, int protocol) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(static_cast<std::uint16_t>(protocol));
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  address.sll_halen = 6;
  std::memset(address.sll_addr, 0xff, 6);  // to the gateway, as to everybody on the wire
  return address;
}

void send_on_wire(const Socket& wire, const std::string& interface,
                  const std::vector<std::byte>& bytes, bool v6) {
  sockaddr_ll address = link_address(interface, v6 ? ETH_P_IPV6 : ETH_P_IP);
  const std::array<std::uint8_t, 6> gateway{2, 0, 0, 0, 0, number_of(interface)};
  std::memcpy(address.sll_addr, gateway.data(), gateway.size());
  sendto(wire.fd(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&address),
         sizeof address);
}

void send_from_inside(const Packet& packet, const std::vector<std::byte>& bytes) {
  const bool v6 = packet.destination.family == Family::V6;
  const Socket raw(socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  const int on = 1;
  if (v6)
    setsockopt(raw.fd(), IPPROTO_IPV6, IPV6_HDRINCL, &on, sizeof on);
  setsockopt(raw.fd(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  setsockopt(raw.fd(), SOL_SOCKET, SO_BINDTODEVICE, packet.interface.c_str(),
             static_cast<socklen_t>(packet.interface.size()));
  const std::string text = to_text(packet.destination);
  if (v6) {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    inet_pton(AF_INET6, text.c_str(), &to.sin6_addr);
    to.sin6_scope_id = if_nametoindex(packet.interface.c_str());
    sendto(raw.fd(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
  } else {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    inet_pton(AF_INET, text.c_str(), &to.sin_addr);
    sendto(raw.fd(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
  }
}

}  // namespace

bool available(std::string& why) {
  if (geteuid() != 0)
    why = "network namespaces need root";
  else if (std::system("ip netns add quaytest-probe && ip netns del quaytest-probe") != 0)
    why = "`ip netns add` does not work here";
  return why.empty();
}

Namespace::Namespace(const std::string& name)
    : name_(fmt::format("quaytest-{}-{}", getpid(), name)) {
  if (std::system(("ip netns add " + name_).c_str()) != 0)
    throw std::runtime_error("cannot make namespace " + name_);
  shell("ip link set lo up");
}

Namespace::~Namespace() {
  static_cast<void>(std::system(("ip netns del " + name_).c_str()));
}

void Namespace::run(const std::function<void()>& work) const {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      const Socket netns(open(("/run/netns/" + name_).c_str(), O_RDONLY | O_CLOEXEC));
      if (setns(netns.fd(), CLONE_NEWNET) != 0)
        throw std::runtime_error("cannot enter " + name_);
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure)
    std::rethrow_exception(failure);
}

void Namespace::shell(const std::string& command) const {
  const std::string whole = "ip netns exec " + name_ + " sh -e -c '" + command + "'";
  if (std::system(whole.c_str()) != 0)
    throw std::runtime_error("failed: " + whole);
}

Gateway::Gateway() : inside_("gw"), outside_("peers") {
  inside_.shell(
      "for s in default all; do"
      " sysctl -qw net.ipv4.conf.$s.rp_filter=0 net.ipv4.conf.$s.route_localnet=1"
      " net.ipv4.conf.$s.accept_local=1 net.ipv6.conf.$s.accept_dad=0"
      " net.ipv6.conf.$s.accept_ra=0; done");
  int number = 0;
  for (const std::string interface : kInterfaces) {
    inside_.shell(fmt::format(
        "ip link add {0} address 02:00:00:00:00:0{1} type veth peer name {0} netns {2}"
        " && ip addr add 10.0.{1}.1/24 dev {0} && ip addr add fd00:f{1}::1/64 dev {0} nodad"
        " && ip link set {0} up && ip neigh add 10.0.{1}.2 lladdr 02:00:00:00:01:00 dev {0}"
        " && ip neigh add fd00:f{1}::2 lladdr 02:00:00:00:01:00 dev {0}",
        interface, number, outside_.name()));
    outside_.shell(fmt::format(
        "sysctl -qw net.ipv6.conf.{0}.disable_ipv6=1; ip link set {0} arp off promisc on up",
        interface));
    inside_.shell(
        fmt::format("ip route add default via 10.0.{1}.2 dev {0} metric {2};"
                    " ip -6 route add default via fd00:f{1}::2 dev {0} metric {2}",
                    interface, number, 10 + number));
    ++number;
  }
  inside_.run([this] { firewall_ = std::make_unique<Nftables>(); });
  open_ears();
  wait_until_ready();
}

Gateway::~Gateway() = default;

// Links and IPv6 addresses come up in their own time. Until rules are loaded everything passes.
void Gateway::wait_until_ready() {
  std::vector<Packet> packets;
  for (const std::string interface : kInterfaces)
    for (const Family family : {Family::V4, Family::V6})
      for (const Direction direction : {Direction::In, Direction::Out}) {
        const Address here = gateway_address(interface, family);
        const Address there = neighbour_address(interface, family);
        const bool in = direction == Direction::In;
        packets.push_back({.direction = direction,
                           .interface = interface,
                           .source = in ? there : here,
                           .destination = in ? here : there,
                           .protocol = Protocol::Udp,
                           .source_port = 9,
                           .destination_port = 9});
      }
  for (int attempt = 0; attempt < 50; ++attempt)
    if (passed(packets).size() == packets.size())
      return;
  throw std::runtime_error("the test gateway's links do not come up");
}

Address gateway_address(const std::string& interface, Family family) {
  const int number = number_of(interface);
  return *parse_address(family == Family::V4 ? fmt::format("10.0.{}.1", number)
                                             : fmt::format("fd00:f{}::1", number));
}

Address neighbour_address(const std::string& interface, Family family) {
  Address address = gateway_address(interface, family);
  address.bits += 1;
  return address;
}

// Opened once: closing a packet socket waits for every processor.
void Gateway::open_ears() {
  inside_.run([this] {
    for (const int family : {AF_INET, AF_INET6})
      for (const int protocol : {IPPROTO_TCP, IPPROTO_UDP})
        ears_.push_back(listener(family, SOCK_RAW, protocol));
    ears_.push_back(listener(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    ears_.push_back(listener(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
    ip_mreqn group{};
    inet_pton(AF_INET, "224.0.0.251", &group.imr_multiaddr);
    group.imr_ifindex = static_cast<int>(if_nametoindex("eth0"));
    setsockopt(ears_.front()->fd(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group);
  });
  outside_.run([this] {
    for (const std::string interface : kInterfaces) {
      wires_[interface] = std::make_unique<Socket>(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      ears_.push_back(listener(AF_PACKET, SOCK_DGRAM, 0));
      const sockaddr_ll address = link_address(interface, ETH_P_ALL);
      bind(ears_.back()->fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
      const int ignore = 1;
      setsockopt(ears_.back()->fd(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &ignore, sizeof ignore);
    }
  });
}

std::vector<std::byte> bytes_of(const Packet& packet, std::uint32_t serial) {
  const bool v6 = packet.source.family == Family::V6;
  std::size_t checksum_at = 0;
  std::vector<std::byte> payload = transport(packet, serial, checksum_at);
  std::vector<std::byte> pseudo;
  put_address(pseudo, packet.source);
  put_address(pseudo, packet.destination);
  put(pseudo, static_cast<std::uint8_t>(packet.protocol), 4);
  put(pseudo, payload.size(), 4);
  const bool plain = packet.protocol == Protocol::Icmp;  // alone without pseudo header
  put_at(payload, checksum_at, folded(sum(payload, plain ? 0 : sum(pseudo))));

  std::vector<std::byte> out;
  if (v6) {
    put(out, 0x60000000, 4);
    put(out, payload.size(), 2);
    put(out, static_cast<std::uint8_t>(packet.protocol), 1);
    put(out, 255, 1);  // neighbour discovery accepts no other hop limit
    put_address(out, packet.source);
    put_address(out, packet.destination);
  } else {
    put(out, 0x4500, 2);
    put(out, 20 + payload.size(), 2);
    put(out, 0, 4);
    put(out, 64, 1);
    put(out, static_cast<std::uint8_t>(packet.protocol), 1);
    put(out, 0, 2);
    put_address(out, packet.source);
    put_address(out, packet.destination);
    put_at(out, 10, folded(sum(out)));
  }
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

std::set<std::size_t> Gateway::passed(const std::vector<Packet>& packets) {
  // Nothing of an earlier batch may make these flows known.
  inside_.shell("conntrack -F > /dev/null 2>&1");
  static_cast<void>(drain(ears_));
  const std::uint32_t first = serial_ + 1;
  for (const Direction direction : {Direction::In, Direction::Out}) {
    (direction == Direction::In ? outside_ : inside_).run([&] {
      for (std::size_t i = 0; i < packets.size(); ++i) {
        const Packet& packet = packets[i];
        if (packet.direction != direction)
          continue;
        const std::vector<std::byte> bytes =
            bytes_of(packet, first + static_cast<std::uint32_t>(i));
        if (direction == Direction::In)
          send_on_wire(*wires_.at(packet.interface), packet.interface, bytes,
                       packet.source.family == Family::V6);
        else
          send_from_inside(packet, bytes);
      }
    });
  }
  serial_ += static_cast<std::uint32_t>(packets.size());
  std::set<std::size_t> positions;
  for (const auto& [serial, size] : drain(ears_)) {
    const std::size_t position = serial - first;
    if (serial < first || position >= packets.size())
      continue;
    // An ICMP error ends with the packet that it is about, and so with its serial: it is longer.
    // IPv6 raw sockets give no IP header.
    const std::size_t sent = bytes_of(packets[position], serial).size();
    const bool v6 = packets[position].source.family == Family::V6;
    if (size == sent || (v6 && size == sent - 40))
      positions.insert(position);
  }
  return positions;
}

}  // namespace quay::netns
