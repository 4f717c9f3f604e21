// One packet, as far as a firewall's decision depends on it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/address.h"
#include "model/port.h"
#include "model/protocol.h"

namespace quay {

enum class Direction : std::uint8_t { In, Out, Forward };

// What conntrack says of the packet (ct state in nft(8)). Values are bit numbers in a StateSet.
enum class State : std::uint8_t { New, Established, Related, Invalid, Untracked };
inline constexpr int kStates = 5;

// A set of states, one bit each.
using StateSet = std::uint8_t;
constexpr StateSet bit(State state) {
  return static_cast<StateSet>(1U << static_cast<unsigned>(state));
}
inline constexpr StateSet kEveryState = (1U << kStates) - 1;

struct Packet {
  Direction direction = Direction::In;
  std::string interface;  // where it comes in, or goes out; for Forward where it comes in
  Address source;
  Address destination;  // of the same family
  Protocol protocol = Protocol::Tcp;
  Port source_port = 0;  // these two where the protocol has ports
  Port destination_port = 0;
  std::uint8_t icmp_type = 0;  // where the protocol is ICMP or ICMPv6
  State state = State::New;
};

std::string to_text(Direction direction);  // "in", "out", "forward"
std::string to_text(State state);          // "new", ...

}  // namespace quay
