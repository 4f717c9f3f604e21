// Who is at the other end of a Unix socket (unix(7): SO_PEERCRED, SO_PEERGROUPS).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace quay {

// As the kernel noted it when the connection was made.
struct Peer {
  uid_t uid = 0;
  std::vector<gid_t> groups;  // the primary one and all others

  // False when there is no such group.
  bool in_group(const std::string& name) const;
};

// nullopt when `fd` is not a connected Unix socket.
std::optional<Peer> peer_of(int fd);

}  // namespace quay
