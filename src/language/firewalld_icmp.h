// The names that firewalld has for ICMP messages (firewalld.icmptype(5)).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/address.h"

namespace quay::firewalld {

struct IcmpMessage {
  std::uint8_t type = 0;
  std::optional<std::uint8_t> code;  // nullopt: any
};

// Nullopt: there is no such message in that family, or we do not know its name.
std::optional<IcmpMessage> icmp_message(std::string_view name, Family family);

}  // namespace quay::firewalld
