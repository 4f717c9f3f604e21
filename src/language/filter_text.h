// Packets of a filter in words: "tcp 1883 (mqtt) from wan (eth1)".
#pragma once

#include <functional>
#include <map>
#include <string>

#include "model/filter.h"
#include "model/port.h"
#include "model/protocol.h"

namespace quay {

// The names that a reader knows things by.
struct Vocabulary {
  std::map<std::string, std::string> interfaces;  // the kernel's name to the reader's
  // The service behind a port; empty: none.
  std::function<std::string(Protocol protocol, Port port)> service;
};

// What all packets of the region have in common, and nothing that all packets have. "every packet"
// where that is nothing. Long lists end with how many more there are.
std::string region_text(const filter::Region& region, Family family, const Vocabulary& names);

// A packet that somebody can send, or ask explain() about: "in on eth1 1883/tcp from 192.0.2.1 to
// 192.0.2.2 sport 40000", and after commas what that sentence has no words for: "out on eth0", "tcp
// flags 2". Of what no field says, only what is true is told.
std::string point_text(const filter::Point& point);

// "accepts", "drops", "rejects", "accepts or rejects"
std::string fate_text(std::uint32_t fate);

}  // namespace quay
