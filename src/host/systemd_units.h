// Units and processes from cgroups, and from systemd itself over D-Bus.
#pragma once

#include "host/host.h"

namespace quay {

// A socket's cgroup is the one that its maker was in; its number is the inode of the folder in
// /sys/fs/cgroup (cgroups(7)), and the folder's name is the unit's. Needs no privileges.
class SystemdUnits : public Units {
 public:
  void name_owners(std::vector<Listener>& sockets) override;
};

}  // namespace quay
