// The names that /etc/services gives to ports (services(5)).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/port.h"
#include "model/protocol.h"

namespace quay {

struct NamedPort {
  Port port = 0;
  std::vector<Protocol> protocols;  // TCP, UDP or both, ascending
};

using PortNames = std::map<std::string, NamedPort, std::less<>>;

// Reads the text of /etc/services. Lines that it cannot read and protocols without ports are left
// out: the file is not ours to judge. Aliases count. The first port of a name wins.
PortNames parse_port_names(std::string_view text);

}  // namespace quay
