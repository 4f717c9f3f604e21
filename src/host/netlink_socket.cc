#include "host/netlink_socket.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include <libmnl/libmnl.h>
#include <sys/socket.h>

namespace quay {
namespace {

// The errno at the start of a message that ends an answer; dumps carry theirs in the last message.
int error_of(const nlmsghdr* end) {
  int error = 0;
  if (mnl_nlmsg_get_payload_len(end) >= sizeof error)
    std::memcpy(&error, mnl_nlmsg_get_payload(end), sizeof error);
  return -error;
}

// Takes one packet from the kernel into the answer to the question of that number. Returns the
// error that ends it, 0 where it ends well, nullopt while there is more to come.
std::optional<int> take(std::string_view packet, std::uint32_t number, std::string& answer,
                        bool& interrupted) {
  const auto* part = reinterpret_cast<const nlmsghdr*>(packet.data());
  int rest = static_cast<int>(packet.size());
  for (; mnl_nlmsg_ok(part, rest); part = mnl_nlmsg_next(part, &rest)) {
    if (part->nlmsg_seq != number)  // left over from a question whose answer broke off
      continue;
    interrupted = interrupted || (part->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    if (part->nlmsg_type == NLMSG_DONE || part->nlmsg_type == NLMSG_ERROR)
      return error_of(part);
    answer.append(reinterpret_cast<const char*>(part), part->nlmsg_len);
    answer.resize(NLMSG_ALIGN(answer.size()));
  }
  return std::nullopt;
}

}  // namespace

NetlinkSocket::NetlinkSocket(int protocol) : socket_(mnl_socket_open2(protocol, SOCK_CLOEXEC)) {
  if (socket_ != nullptr)
    mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID);
}

NetlinkSocket::~NetlinkSocket() {
  if (socket_ != nullptr)
    mnl_socket_close(socket_);
}

std::expected<std::string, int> NetlinkSocket::ask(nlmsghdr& question) {
  if (socket_ == nullptr)
    return std::unexpected(ENOTCONN);
  question.nlmsg_seq = ++number_;
  if (mnl_socket_sendto(socket_, &question, question.nlmsg_len) < 0)
    return std::unexpected(errno);
  std::string answer;
  alignas(nlmsghdr) std::array<char, 65536> buffer{};
  for (std::optional<int> error; !error;) {
    const ssize_t size = mnl_socket_recvfrom(socket_, buffer.data(), buffer.size());
    if (size < 0 && errno != EINTR)
      return std::unexpected(errno);
    if (size > 0)
      error = take({buffer.data(), static_cast<std::size_t>(size)}, number_, answer, interrupted_);
    if (error && *error != 0)
      return std::unexpected(*error);
  }
  return answer;
}

bool NetlinkSocket::take_interrupted() {
  return std::exchange(interrupted_, false);
}

}  // namespace quay
