// Units and processes from cgroups, and from systemd itself over D-Bus.
#pragma once

#include <string>
#include <utility>

#include "host/host.h"

namespace quay {

// A socket's cgroup is the one that its maker was in; its number is the inode of the folder in
// /sys/fs/cgroup (cgroups(7)), and the folder's name is the unit's. That needs no privileges.
// Sockets without a cgroup, and those of units with several programs, are asked of the helper.
class SystemdUnits : public Units {
 public:
  // Where quaymaster-helper listens (host/socket_holders.h); without it less is told.
  explicit SystemdUnits(std::string helper_socket) : helper_socket_(std::move(helper_socket)) {}
  void name_owners(std::vector<Listener>& sockets) override;

 private:
  std::string helper_socket_;
};

}  // namespace quay
