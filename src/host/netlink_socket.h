// Questions to the kernel over netlink(7), and their whole answers.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include <linux/netlink.h>

struct mnl_socket;

namespace quay {

constexpr int kDumpTries = 20;  // against somebody who keeps changing what is dumped

// One socket for its whole life, in the network namespace that the calling thread was in when it
// was made. Not for several threads at once.
class NetlinkSocket {
 public:
  // `protocol` as in socket(2): NETLINK_ROUTE, NETLINK_NETFILTER. A socket that cannot be had
  // fails each question.
  explicit NetlinkSocket(int protocol);
  ~NetlinkSocket();
  NetlinkSocket(const NetlinkSocket&) = delete;
  NetlinkSocket& operator=(const NetlinkSocket&) = delete;

  // Gives the question a number, sends it and returns the messages of the answer, one behind the
  // other as they came, without the one that ends them. On failure the errno.
  std::expected<std::string, int> ask(nlmsghdr& question);

  // Whether a change came into a dump since this was last asked: it may be no state that ever was.
  bool take_interrupted();

 private:
  mnl_socket* socket_;
  std::uint32_t number_ = 0;  // of the last question
  bool interrupted_ = false;
};

}  // namespace quay
