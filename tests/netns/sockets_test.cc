// What the kernel tells of sockets, of every kind.
#include <algorithm>
#include <cstring>
#include <iostream>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/system_network.h"
#include "tests/netns/netns.h"

namespace quay {
namespace {

// Holds what it opens until the end.
class Crowd {
 public:
  Crowd() = default;
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  ~Crowd() {
    for (const int fd : fds_)
      close(fd);
  }

  int open(int family, int type, int protocol = 0) {
    fds_.push_back(socket(family, type | SOCK_CLOEXEC, protocol));
    EXPECT_GE(fds_.back(), 0) << std::strerror(errno);
    return fds_.back();
  }

 private:
  std::vector<int> fds_;
};

sockaddr_in v4(const char* address, Port port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  inet_pton(AF_INET, address, &result.sin_addr);
  return result;
}

sockaddr_in6 v6(const char* address, Port port) {
  sockaddr_in6 result{};
  result.sin6_family = AF_INET6;
  result.sin6_port = htons(port);
  inet_pton(AF_INET6, address, &result.sin6_addr);
  return result;
}

template <typename Name>
void bind_to(int fd, const Name& name) {
  EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name), 0)
      << std::strerror(errno);
}

// One line for each socket: "server tcp 127.0.0.1:4001 uid 0 on lo".
std::vector<std::string> told() {
  const auto sockets = SystemNetwork().sockets();
  EXPECT_TRUE(sockets) << sockets.error().text();
  std::vector<std::string> lines;
  for (const Listener& socket : *sockets) {
    EXPECT_NE(socket.inode, 0U);
    lines.push_back(to_text(socket.kind) + " " + protocol_text(socket) + " " +
                    address_text(socket) + (socket.ephemeral ? " ephemeral" : "") +
                    (socket.uid == 0 ? "" : " of " + std::to_string(socket.uid)) +
                    (socket.interface.empty() ? "" : " on " + socket.interface));
  }
  std::ranges::sort(lines);
  return lines;
}

TEST(Sockets, OfEveryKindAreTold) {
  std::string why;
  if (!netns::available(why))
    GTEST_SKIP() << "SKIPPED: " << why;
  const netns::Namespace gateway("sockets");
  gateway.shell("echo 40000 50000 > /proc/sys/net/ipv4/ip_local_port_range");
  gateway.run([] {
    Crowd crowd;
    EXPECT_TRUE(told().empty());
    const int on = 1;
    // TCP: one address, every address of one family, of both, of IPv6 alone.
    for (const sockaddr_in& name : {v4("127.0.0.1", 4001), v4("0.0.0.0", 4002)}) {
      const int fd = crowd.open(AF_INET, SOCK_STREAM);
      bind_to(fd, name);
      listen(fd, 1);
    }
    for (const bool only : {false, true}) {
      const int fd = crowd.open(AF_INET6, SOCK_STREAM);
      const int value = only ? 1 : 0;
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, sizeof value);
      bind_to(fd, only ? v6("::", 4004) : v6("::", 4003));
      listen(fd, 1);
    }
    const int local = crowd.open(AF_INET6, SOCK_STREAM);
    bind_to(local, v6("::1", 4005));
    listen(local, 1);
    bind_to(crowd.open(AF_INET, SOCK_STREAM), v4("127.0.0.1", 4006));  // bound alone hears nothing
    // UDP: a server, one on an interface, a client, one that passes.
    bind_to(crowd.open(AF_INET, SOCK_DGRAM), v4("0.0.0.0", 5001));
    const int device = crowd.open(AF_INET6, SOCK_DGRAM);
    setsockopt(device, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3);
    setsockopt(device, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    bind_to(device, v6("::", 5002));
    const int client = crowd.open(AF_INET, SOCK_DGRAM);
    bind_to(client, v4("127.0.0.1", 5003));
    const sockaddr_in there = v4("127.0.0.1", 53);
    connect(client, reinterpret_cast<const sockaddr*>(&there), sizeof there);
    bind_to(crowd.open(AF_INET, SOCK_DGRAM), v4("0.0.0.0", 40001));
    // Another user's: a socket belongs to whom it was made by, or given to.
    const int given = crowd.open(AF_INET, SOCK_DGRAM);
    EXPECT_EQ(fchown(given, 1234, 0), 0);
    bind_to(given, v4("0.0.0.0", 5004));
    // Past every port.
    crowd.open(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    crowd.open(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
    for (const int type : {ETH_P_ALL, ETH_P_LLDP, 0x88b5}) {
      sockaddr_ll name{};
      name.sll_family = AF_PACKET;
      name.sll_protocol = htons(static_cast<std::uint16_t>(type));
      name.sll_ifindex = type == ETH_P_ALL ? 0 : static_cast<int>(if_nametoindex("lo"));
      bind_to(crowd.open(AF_PACKET, SOCK_RAW), name);
    }
    EXPECT_EQ(told(), (std::vector<std::string>{
                          "client udp 127.0.0.1:5003",
                          "packet 0x88b5 * on lo",
                          "packet all *",
                          "packet lldp * on lo",
                          "raw icmp 0.0.0.0",
                          "raw icmpv6 [::]",
                          "server tcp *:4003",
                          "server tcp 0.0.0.0:4002",
                          "server tcp 127.0.0.1:4001",
                          "server tcp [::1]:4005",
                          "server tcp [::]:4004",
                          "server udp 0.0.0.0:40001 ephemeral",
                          "server udp 0.0.0.0:5001",
                          "server udp 0.0.0.0:5004 of 1234",
                          "server udp [::]:5002 on lo",
                      }));
  });
}

}  // namespace
}  // namespace quay
