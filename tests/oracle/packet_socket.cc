#include "tests/oracle/packet_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace quay::oracle {
namespace {

constexpr std::size_t kAtOnce = 64;

void must(bool done, const std::string& what) {
  if (!done)
    throw std::runtime_error(what + ": " + std::strerror(errno));
}

// The address that a routed packet is sent to.
socklen_t socket_address(const Address& address, sockaddr_storage& out) {
  out = {};
  if (address.family == Family::V4) {
    auto& to = reinterpret_cast<sockaddr_in&>(out);
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(static_cast<std::uint32_t>(address.bits));
    return sizeof to;
  }
  auto& to = reinterpret_cast<sockaddr_in6&>(out);
  to.sin6_family = AF_INET6;
  for (std::size_t i = 0; i < 16; ++i)
    to.sin6_addr.s6_addr[i] = static_cast<std::uint8_t>(address.bits >> (8 * (15 - i)));
  return sizeof to;
}

}  // namespace

PacketSocket PacketSocket::on_wire(const std::string& interface) {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  must(fd >= 0, "packet socket");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  must(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, interface);
  return {fd, false};
}

PacketSocket PacketSocket::of_host(Family family, const std::string& interface) {
  const bool v6 = family == Family::V6;
  const int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  must(fd >= 0, "raw socket");
  const int on = 1;
  if (v6)
    must(setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &on, sizeof on) == 0, "IPV6_HDRINCL");
  must(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                  static_cast<socklen_t>(interface.size())) == 0,
       interface);
  return {fd, true};
}

PacketSocket::PacketSocket(PacketSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), routed_(other.routed_) {}

PacketSocket::~PacketSocket() {
  if (fd_ >= 0)
    close(fd_);
}

void PacketSocket::send(const std::vector<Letter>& letters) const {
  std::array<mmsghdr, kAtOnce> messages{};
  std::array<iovec, kAtOnce> parts{};
  std::array<sockaddr_storage, kAtOnce> addresses{};
  for (std::size_t from = 0; from < letters.size();) {
    const std::size_t count = std::min(kAtOnce, letters.size() - from);
    for (std::size_t i = 0; i < count; ++i) {
      const Letter& letter = letters[from + i];
      parts[i] = {const_cast<std::byte*>(letter.bytes.data()), letter.bytes.size()};
      msghdr& header = messages[i].msg_hdr;
      header = {};
      header.msg_iov = &parts[i];
      header.msg_iovlen = 1;
      if (routed_) {
        header.msg_name = &addresses[i];
        header.msg_namelen = socket_address(letter.destination, addresses[i]);
      }
    }
    const int sent = sendmmsg(fd_, messages.data(), static_cast<unsigned>(count), 0);
    // A packet that a hook drops is an error of its sender: the next one is another matter.
    from += sent > 0 ? static_cast<std::size_t>(sent) : 1;
  }
}

}  // namespace quay::oracle
