// A packet that is sent through the kernel, and what the model is told of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "model/filter.h"

namespace quay::oracle {

// What a packet is to be. The gateway's routes are chosen by the IP header's type of service
// (tests/oracle/gateway.h), so that any addresses can go any way.
struct Draft {
  Direction direction = Direction::In;
  Family family = Family::V4;
  std::string in_interface;   // of In and Forward
  std::string out_interface;  // of Out and Forward
  AddressBits source = 0;
  AddressBits destination = 0;
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 0;  // of ICMP: type * 256 + code
  std::uint16_t destination_port = 0;
  std::uint8_t tcp_flags = 0;
  std::uint8_t ttl = 128;    // 101 to 254: those below are what the kernel sends itself
  std::uint8_t dscp = 0;     // of Out; of others the way decides
  std::uint64_t mac = 0;     // of the sender
  std::uint16_t echo = 0;    // identifier, of ICMP
  std::uint8_t payload = 0;  // bytes after the transport header
  // The packet answers another one, which went through before there were any rules.
  bool answer = false;
};

struct Sample {
  Draft draft;
  filter::Point point;
  std::vector<std::byte> bytes;  // the IP packet
};

// The numbers of packets that answer their counterparts; see Draft::answer.
inline constexpr std::uint8_t kOpenerTtl = 99;
inline constexpr std::uint8_t kLeastTtl = 101;
inline constexpr std::uint8_t kMostTtl = 254;

Sample sample_of(const Draft& draft);

// The packet that `draft` answers.
Draft opener_of(const Draft& draft);

// Marks the packet by a number from 1 to 65535: IPv4's identification, IPv6's flow label.
void set_id(std::vector<std::byte>& bytes, std::uint16_t id);

// Text that tells flows apart as conntrack does, in whichever direction the packet goes.
std::string flow_of(const Draft& draft);

}  // namespace quay::oracle
