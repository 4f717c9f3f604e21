// IP addresses and prefixes of both families.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/interval_set.h"

namespace quay {

enum class Family : std::uint8_t { V4, V6 };

// The bits of an address: 32 or 128.
constexpr int address_width(Family family) {
  return family == Family::V4 ? 32 : 128;
}

// An address as a number, in host order: 32 bits of it are used for IPv4, all for IPv6.
__extension__ using AddressBits = unsigned __int128;

struct Address {
  Family family = Family::V4;
  AddressBits bits = 0;

  auto operator<=>(const Address&) const = default;
};

// Reads dotted IPv4 or RFC 4291 IPv6, without zone. Fails on anything else, names included.
Result<Address> parse_address(std::string_view text);

// Dotted, or the canonical IPv6 form of RFC 5952.
std::string to_text(const Address& address);

// The addresses that share the first `length` bits. The bits behind them are zero, always.
struct Prefix {
  Address address;
  int length = 0;  // 0 to 32 or 128

  Family family() const { return address.family; }
  Interval<AddressBits> range() const;  // first and last address, inclusive
  bool contains(const Address& other) const;
  auto operator<=>(const Prefix&) const = default;
};

// Reads "192.168.1.0/24", "10.0.0.0/255.0.0.0", "fd00::/8" or a single address. Bits behind the
// length are cleared, as ufw does. Fails when the length is out of range or the netmask has holes.
Result<Prefix> parse_prefix(std::string_view text);

// "192.168.1.0/24"; a single address stands without its length.
std::string to_text(const Prefix& prefix);

// The fewest prefixes that together are the range.
std::vector<Prefix> prefixes_of(Interval<AddressBits> range, Family family);

// All addresses of a family.
Prefix every_address(Family family);

// 127.0.0.0/8 or ::1.
Prefix loopback_prefix(Family family);

// fe80::/10 (RFC 4291, 2.4).
Prefix link_local_prefix();

}  // namespace quay
