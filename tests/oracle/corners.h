// The numbers that a ruleset asks for, and packets that have these numbers or their neighbours:
// where mistakes are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/filter.h"
#include "tests/oracle/dice.h"
#include "tests/oracle/sample.h"

namespace quay::oracle {

struct Corners {
  std::vector<Interval<AddressBits>> v4;
  std::vector<Interval<AddressBits>> v6;
  std::vector<Interval<std::uint16_t>> ports;
  std::vector<std::uint8_t> protocols;  // besides TCP, UDP, ICMP and ICMPv6
  std::vector<std::uint16_t> icmp4;     // type * 256 + code
  std::vector<std::uint16_t> icmp6;
  std::vector<std::uint8_t> flags;
  std::vector<std::uint8_t> dscp;
  std::vector<std::uint64_t> macs;
};

// A few of each, which the rules of one ruleset share.
Corners some_corners(Dice& dice);

// What a ruleset asks for, in addition.
void add_corners(const filter::Ruleset& ruleset, Corners& corners);

// Whether packets can have this address at either end: routed from anywhere to anywhere, and not
// the gateway's.
bool routable(Family family, AddressBits bits);

// A packet near the corners that the gateway can send. `ways` and `families`: to choose from.
// `answers`: some are of flows that both sides know.
Draft some_draft(const Corners& corners, const std::vector<Direction>& ways,
                 const std::vector<Family>& families, bool answers, Dice& dice);

}  // namespace quay::oracle
