#include "host/peer.h"

#include <algorithm>

#include <grp.h>
#include <sys/socket.h>

namespace quay {

bool Peer::in_group(const std::string& name) const {
  const group* found = getgrnam(name.c_str());
  return found != nullptr && std::find(groups.begin(), groups.end(), found->gr_gid) != groups.end();
}

std::optional<Peer> peer_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return std::nullopt;
  Peer peer{credentials.uid, std::vector<gid_t>(64)};
  // The kernel tells how much room it wants when it is too little.
  for (int tries = 0; tries < 2; ++tries) {
    socklen_t bytes = static_cast<socklen_t>(peer.groups.size() * sizeof(gid_t));
    const int result = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &bytes);
    peer.groups.resize(bytes / sizeof(gid_t));
    if (result == 0)
      break;
    if (errno != ERANGE)
      peer.groups.clear();
  }
  peer.groups.push_back(credentials.gid);
  return peer;
}

}  // namespace quay
