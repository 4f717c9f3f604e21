// Small things that the binary matches and targets of iptables are read with.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/netfilter.h>

#include "base/text.h"
#include "language/xt_rule.h"
#include "model/address.h"

namespace quay::xt {

using Options = std::optional<std::vector<Option>>;  // nullopt: something that is not known

// What lies in the bytes; the kernel rounds their number up to 8 (XT_ALIGN).
template <typename Info>
std::optional<Info> read_info(std::string_view bytes) {
  if ((sizeof(Info) + 7) / 8 * 8 != (bytes.size() + 7) / 8 * 8 || bytes.size() < sizeof(Info))
    return std::nullopt;
  Info info{};
  bytes.copy(reinterpret_cast<char*>(&info), sizeof info);
  return info;
}

inline Option option(std::string name, std::vector<std::string> values, bool inverted = false) {
  return {std::move(name), inverted, std::move(values)};
}

inline std::string hex(std::uint64_t number) {
  return fmt::format("{:#x}", number);
}

inline std::string masked_text(std::uint32_t value, std::uint32_t mask) {
  return mask == 0xffffffff ? hex(value) : hex(value) + "/" + hex(mask);
}

inline std::string range_text(std::uint64_t first, std::uint64_t last, char separator = ':') {
  return first == last ? std::to_string(first) : fmt::format("{}{}{}", first, separator, last);
}

inline Address address_in(const nf_inet_addr& address, Family family) {
  Address result{family, 0};
  if (family == Family::V4) {
    result.bits = ntohl(address.ip);
    return result;
  }
  for (const std::uint8_t byte : address.in6.s6_addr)
    result.bits = result.bits << 8 | byte;
  return result;
}

inline std::string address_text(const nf_inet_addr& address, Family family) {
  return to_text(address_in(address, family));
}

// The text in a field of fixed size; nullopt where it fills all of it.
template <std::size_t size>
std::optional<std::string> text_in(const char (&field)[size]) {
  const std::string_view whole(field, size);
  const std::size_t end = whole.find('\0');
  if (end == std::string_view::npos)
    return std::nullopt;
  return std::string(whole.substr(0, end));
}

}  // namespace quay::xt
