#include "host/system_network.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace quay {
namespace {

struct CloseSocket {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};
using MnlSocket = std::unique_ptr<mnl_socket, CloseSocket>;

// What a dump hands to its callback.
struct Dump {
  std::vector<Listener>& sockets;
  Interval<Port> ephemeral;
  std::uint8_t protocol = 0;
};

std::string interface_name(std::uint32_t index) {
  std::array<char, IF_NAMESIZE> name{};
  if (index == 0)
    return {};
  return if_indextoname(index, name.data()) != nullptr ? name.data() : std::to_string(index);
}

Address address_of(Family family, const std::uint32_t (&words)[4]) {
  Address address{family, 0};
  for (int i = 0; i < (family == Family::V4 ? 1 : 4); ++i)
    address.bits = (address.bits << 32) | ntohl(words[i]);
  return address;
}

// Attributes that inet_diag adds to a socket (linux/inet_diag.h).
int read_attribute(const nlattr* attribute, void* data) {
  auto& listener = *static_cast<Listener*>(data);
  const int type = mnl_attr_get_type(attribute);
  if (type == INET_DIAG_CGROUP_ID && mnl_attr_validate(attribute, MNL_TYPE_U64) >= 0)
    listener.cgroup = mnl_attr_get_u64(attribute);
  if (type == INET_DIAG_SKV6ONLY && mnl_attr_validate(attribute, MNL_TYPE_U8) >= 0)
    listener.both_families = mnl_attr_get_u8(attribute) == 0;
  return MNL_CB_OK;
}

int read_inet(const nlmsghdr* message, void* data) {
  auto& dump = *static_cast<Dump*>(data);
  if (mnl_nlmsg_get_payload_len(message) < sizeof(inet_diag_msg))
    return MNL_CB_OK;
  const auto* diag = static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(message));
  Listener listener;
  listener.family = diag->idiag_family == AF_INET6 ? Family::V6 : Family::V4;
  listener.protocol = static_cast<Protocol>(dump.protocol);
  listener.address = address_of(listener.family, diag->id.idiag_src);
  listener.port = ntohs(diag->id.idiag_sport);
  listener.interface = interface_name(diag->id.idiag_if);
  listener.uid = diag->idiag_uid;
  listener.inode = diag->idiag_inode;
  static_cast<void>(mnl_attr_parse(message, sizeof(inet_diag_msg), read_attribute, &listener));
  if (dump.protocol == IPPROTO_UDP) {
    listener.kind =
        diag->idiag_state == TCP_ESTABLISHED ? Listener::Kind::Client : Listener::Kind::Server;
    listener.ephemeral =
        listener.port >= dump.ephemeral.first && listener.port <= dump.ephemeral.last;
  } else if (dump.protocol == IPPROTO_RAW) {
    listener.kind = Listener::Kind::Raw;  // its "port" is the protocol
    listener.protocol = static_cast<Protocol>(std::exchange(listener.port, Port{0}));
  }
  dump.sockets.push_back(std::move(listener));
  return MNL_CB_OK;
}

int read_packet_attribute(const nlattr* attribute, void* data) {
  auto& listener = *static_cast<Listener*>(data);
  const int type = mnl_attr_get_type(attribute);
  if (type == PACKET_DIAG_INFO && mnl_attr_get_payload_len(attribute) >= sizeof(packet_diag_info)) {
    packet_diag_info info{};
    std::memcpy(&info, mnl_attr_get_payload(attribute), sizeof info);
    listener.interface = interface_name(info.pdi_index);
  }
  if (type == PACKET_DIAG_UID && mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
    listener.uid = mnl_attr_get_u32(attribute);
  return MNL_CB_OK;
}

int read_packet(const nlmsghdr* message, void* data) {
  auto& dump = *static_cast<Dump*>(data);
  if (mnl_nlmsg_get_payload_len(message) < sizeof(packet_diag_msg))
    return MNL_CB_OK;
  const auto* diag = static_cast<const packet_diag_msg*>(mnl_nlmsg_get_payload(message));
  Listener listener;
  listener.kind = Listener::Kind::Packet;
  listener.inode = diag->pdiag_ino;
  listener.ether_type = diag->pdiag_num;
  static_cast<void>(
      mnl_attr_parse(message, sizeof(packet_diag_msg), read_packet_attribute, &listener));
  dump.sockets.push_back(std::move(listener));
  return MNL_CB_OK;
}

// The end of a dump carries an error when the kernel knows no such sockets; libmnl leaves it be.
int read_done(const nlmsghdr* message, void*) {
  int error = 0;
  if (mnl_nlmsg_get_payload_len(message) >= sizeof error)
    std::memcpy(&error, mnl_nlmsg_get_payload(message), sizeof error);
  errno = -error;
  return error < 0 ? MNL_CB_ERROR : MNL_CB_STOP;
}

// Asks for one kind of sockets. False when the kernel does not know it; errno says why.
template <typename Question>
bool ask(mnl_socket* socket, const Question& question, mnl_cb_t read, Dump& dump) {
  alignas(nlmsghdr) std::array<char, 256> request{};
  nlmsghdr* message = mnl_nlmsg_put_header(request.data());
  message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  std::memcpy(mnl_nlmsg_put_extra_header(message, sizeof question), &question, sizeof question);
  if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
    return false;
  std::array<mnl_cb_t, NLMSG_DONE + 1> control{};
  control[NLMSG_DONE] = read_done;
  alignas(nlmsghdr) std::array<char, 65536> answer{};
  for (int status = MNL_CB_OK; status > MNL_CB_STOP;) {
    const ssize_t size = mnl_socket_recvfrom(socket, answer.data(), answer.size());
    if (size < 0)
      return false;
    status = mnl_cb_run2(answer.data(), static_cast<std::size_t>(size), 0, 0, read, &dump,
                         control.data(), control.size());
    if (status < 0)
      return false;
  }
  return true;
}

// The range of ports that the kernel chooses from (ip-sysctl: ip_local_port_range).
Interval<Port> ephemeral_ports() {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  unsigned first = 32768;
  unsigned last = 60999;
  file >> first >> last;
  return {static_cast<Port>(first), static_cast<Port>(last)};
}

// Asks for the sockets of a family and protocol; of TCP those that listen.
bool ask_inet(mnl_socket* socket, Family family, std::uint8_t protocol, Dump& dump) {
  inet_diag_req_v2 question{};
  question.sdiag_family = family == Family::V4 ? AF_INET : AF_INET6;
  question.sdiag_protocol = protocol;
  question.idiag_states = protocol == IPPROTO_TCP ? 1U << TCP_LISTEN : ~0U;
  dump.protocol = protocol;
  return ask(socket, question, read_inet, dump);
}

// A kernel without raw_diag lists raw sockets in a file (proc(5)), without their cgroup.
void read_raw_file(Family family, std::vector<Listener>& sockets) {
  std::ifstream file(family == Family::V4 ? "/proc/thread-self/net/raw"
                                          : "/proc/thread-self/net/raw6");
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string skip;
    std::string local;
    Listener listener{.kind = Listener::Kind::Raw, .family = family};
    words >> skip >> local;
    for (int i = 0; i < 5; ++i)
      words >> skip;
    words >> listener.uid >> skip >> listener.inode;
    const std::size_t colon = local.find(':');
    if (!words || colon == std::string::npos)
      continue;
    listener.protocol = static_cast<Protocol>(std::strtoul(local.c_str() + colon + 1, nullptr, 16));
    std::uint32_t address[4]{};
    for (std::size_t i = 0; i < colon / 8 && i < 4; ++i)
      address[i] =
          static_cast<std::uint32_t>(std::strtoul(local.substr(8 * i, 8).c_str(), nullptr, 16));
    listener.address = address_of(family, address);
    sockets.push_back(std::move(listener));
  }
}

}  // namespace

std::vector<std::string> SystemNetwork::interfaces() {
  std::vector<std::string> names;
  struct Free {
    void operator()(struct if_nameindex* list) const { if_freenameindex(list); }
  };
  const std::unique_ptr<struct if_nameindex, Free> list(if_nameindex());
  for (const struct if_nameindex* one = list.get(); one != nullptr && one->if_index != 0; ++one)
    names.emplace_back(one->if_name);
  return names;
}

Result<std::vector<Listener>> SystemNetwork::sockets() {
  std::vector<Listener> sockets;
  const MnlSocket socket(mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC));
  const auto failed = [] {
    return fail(
        Error{"kernel", "does not list sockets: " + std::generic_category().message(errno)});
  };
  if (socket == nullptr || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0)
    return failed();
  Dump dump{sockets, ephemeral_ports()};
  for (const Family family : {Family::V4, Family::V6}) {
    if (!ask_inet(socket.get(), family, IPPROTO_TCP, dump) ||
        !ask_inet(socket.get(), family, IPPROTO_UDP, dump))
      return failed();
    if (!ask_inet(socket.get(), family, IPPROTO_RAW, dump))
      read_raw_file(family, sockets);
  }
  packet_diag_req question{};
  question.sdiag_family = AF_PACKET;
  question.pdiag_show = PACKET_SHOW_INFO;
  if (!ask(socket.get(), question, read_packet, dump) && errno != ENOENT)
    return failed();
  return sockets;
}

}  // namespace quay
