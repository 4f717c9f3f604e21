#include "language/firewalld_icmp.h"

#include <algorithm>

namespace quay::firewalld {
namespace {

constexpr int kAny = -1;

struct Message {
  std::string_view name;
  Family family;
  std::uint8_t type;
  int code;
};

// RFC 792, 1122, 1256, 1812, 4443, 4861. "required-option-missing" is the same message to
// firewalld as "ip-header-bad".
constexpr Message kMessages[] = {
    {"communication-prohibited", Family::V4, 3, 13},
    {"destination-unreachable", Family::V4, 3, kAny},
    {"echo-reply", Family::V4, 0, kAny},
    {"echo-request", Family::V4, 8, kAny},
    {"fragmentation-needed", Family::V4, 3, 4},
    {"host-precedence-violation", Family::V4, 3, 14},
    {"host-prohibited", Family::V4, 3, 10},
    {"host-redirect", Family::V4, 5, 1},
    {"host-unknown", Family::V4, 3, 7},
    {"host-unreachable", Family::V4, 3, 1},
    {"ip-header-bad", Family::V4, 12, 1},
    {"network-prohibited", Family::V4, 3, 8},
    {"network-redirect", Family::V4, 5, 0},
    {"network-unknown", Family::V4, 3, 6},
    {"network-unreachable", Family::V4, 3, 0},
    {"parameter-problem", Family::V4, 12, kAny},
    {"port-unreachable", Family::V4, 3, 3},
    {"precedence-cutoff", Family::V4, 3, 15},
    {"protocol-unreachable", Family::V4, 3, 2},
    {"redirect", Family::V4, 5, kAny},
    {"required-option-missing", Family::V4, 12, 1},
    {"router-advertisement", Family::V4, 9, kAny},
    {"router-solicitation", Family::V4, 10, kAny},
    {"source-quench", Family::V4, 4, kAny},
    {"source-route-failed", Family::V4, 3, 5},
    {"time-exceeded", Family::V4, 11, kAny},
    {"timestamp-reply", Family::V4, 14, kAny},
    {"timestamp-request", Family::V4, 13, kAny},
    {"tos-host-redirect", Family::V4, 5, 3},
    {"tos-host-unreachable", Family::V4, 3, 12},
    {"tos-network-redirect", Family::V4, 5, 2},
    {"tos-network-unreachable", Family::V4, 3, 11},
    {"ttl-zero-during-reassembly", Family::V4, 11, 1},
    {"ttl-zero-during-transit", Family::V4, 11, 0},
    {"address-unreachable", Family::V6, 1, 3},
    {"bad-header", Family::V6, 4, 0},
    {"beyond-scope", Family::V6, 1, 2},
    {"communication-prohibited", Family::V6, 1, 1},
    {"destination-unreachable", Family::V6, 1, kAny},
    {"echo-reply", Family::V6, 129, kAny},
    {"echo-request", Family::V6, 128, kAny},
    {"failed-policy", Family::V6, 1, 5},
    {"neighbour-advertisement", Family::V6, 136, kAny},
    {"neighbour-solicitation", Family::V6, 135, kAny},
    {"no-route", Family::V6, 1, 0},
    {"packet-too-big", Family::V6, 2, kAny},
    {"parameter-problem", Family::V6, 4, kAny},
    {"port-unreachable", Family::V6, 1, 4},
    {"redirect", Family::V6, 137, kAny},
    {"reject-route", Family::V6, 1, 6},
    {"router-advertisement", Family::V6, 134, kAny},
    {"router-solicitation", Family::V6, 133, kAny},
    {"time-exceeded", Family::V6, 3, kAny},
    {"ttl-zero-during-reassembly", Family::V6, 3, 1},
    {"ttl-zero-during-transit", Family::V6, 3, 0},
    {"unknown-header-type", Family::V6, 4, 1},
    {"unknown-option", Family::V6, 4, 2},
};

}  // namespace

std::optional<IcmpMessage> icmp_message(std::string_view name, Family family) {
  const auto* found = std::ranges::find_if(kMessages, [&](const Message& message) {
    return message.name == name && message.family == family;
  });
  if (found == std::end(kMessages))
    return std::nullopt;
  IcmpMessage message{.type = found->type, .code = {}};
  if (found->code != kAny)
    message.code = static_cast<std::uint8_t>(found->code);
  return message;
}

}  // namespace quay::firewalld
