// TCP and UDP ports, and sets of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/interval_set.h"

namespace quay {

using Port = std::uint16_t;  // 1 to 65535; 0 is never a port here

// Ports in ascending, disjoint, inclusive ranges. An empty set holds no port.
using PortSet = IntervalSet<Port>;

PortSet one_port(Port port);
PortSet every_port();  // 0-65535, as a packet may carry

// Reads "22", "80,443", "47808-47823,49152-65535"; a range may also be written with ufw's colon.
// Fails on port 0, on anything above 65535, and on a reversed range.
Result<PortSet> parse_ports(std::string_view text);

// "80,443,8000-8010". A `range_mark` of ':' gives ufw's spelling.
std::string to_text(const PortSet& ports, char range_mark = '-');

}  // namespace quay
