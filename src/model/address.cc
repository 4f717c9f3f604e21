#include "model/address.h"

#include <array>
#include <bit>

#include <arpa/inet.h>
#include <fmt/compile.h>
#include <fmt/format.h>

#include "base/text.h"

namespace quay {
namespace {

// Ones in the last `count` bits.
AddressBits low_bits(int count) {
  return count == 128 ? ~AddressBits{0} : (AddressBits{1} << count) - 1;
}

// The length that a netmask such as 255.255.0.0 stands for.
Result<int> netmask_length(std::string_view text) {
  const auto mask = parse_address(text);
  if (!mask || mask->family != Family::V4)
    return fail(fmt::format("`{}` is neither a prefix length nor a netmask", text));
  const auto bits = static_cast<std::uint32_t>(mask->bits);
  const int length = std::countl_one(bits);
  if (std::popcount(bits) != length)
    return fail(fmt::format("netmask {} has holes; only contiguous netmasks are supported", text));
  return length;
}

Result<int> parse_length(std::string_view text, Family family) {
  if (const auto number = parse_number(text, 128)) {
    if (static_cast<int>(*number) > address_width(family))
      return fail(fmt::format("prefix length {} is longer than the address", text));
    return static_cast<int>(*number);
  }
  if (family == Family::V4)
    return netmask_length(text);
  return fail(fmt::format("`{}` is not a prefix length", text));
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
  const std::string zero_ended(text);
  std::array<std::uint8_t, 16> bytes{};
  const bool v6 = text.find(':') != std::string_view::npos;
  if (text.find('\0') != std::string_view::npos ||
      inet_pton(v6 ? AF_INET6 : AF_INET, zero_ended.c_str(), bytes.data()) != 1)
    return fail(fmt::format("`{}` is not an IP address", text));
  Address address{v6 ? Family::V6 : Family::V4, 0};
  for (std::size_t i = 0; i < (v6 ? 16U : 4U); ++i)
    address.bits = address.bits << 8 | bytes.at(i);
  return address;
}

std::string to_text(const Address& address) {
  if (address.family == Family::V4) {  // inet_ntop would take six times as long
    const auto byte = [&](int shift) { return static_cast<std::uint8_t>(address.bits >> shift); };
    return fmt::format(FMT_COMPILE("{}.{}.{}.{}"), byte(24), byte(16), byte(8), byte(0));
  }
  std::array<std::uint8_t, 16> bytes{};
  AddressBits bits = address.bits;
  for (std::size_t i = bytes.size(); i-- > 0; bits >>= 8)
    bytes.at(i) = static_cast<std::uint8_t>(bits);
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  return text.data();
}

Interval<AddressBits> Prefix::range() const {
  return {address.bits, address.bits | low_bits(address_width(family()) - length)};
}

bool Prefix::contains(const Address& other) const {
  return other.family == family() && range().first <= other.bits && other.bits <= range().last;
}

Result<Prefix> parse_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address)
    return fail(address.error());
  Prefix prefix{*address, address_width(address->family)};
  if (slash != std::string_view::npos) {
    const auto length = parse_length(text.substr(slash + 1), address->family);
    if (!length)
      return fail(length.error());
    prefix.length = *length;
  }
  prefix.address.bits &= ~low_bits(address_width(prefix.family()) - prefix.length);
  return prefix;
}

std::string to_text(const Prefix& prefix) {
  if (prefix.length == address_width(prefix.family()))
    return to_text(prefix.address);
  return fmt::format("{}/{}", to_text(prefix.address), prefix.length);
}

std::vector<Prefix> prefixes_of(Interval<AddressBits> range, Family family) {
  std::vector<Prefix> prefixes;
  const int width = address_width(family);
  for (;;) {
    int length = width;  // of the widest prefix that begins here and ends in time
    while (length > 0) {
      const Prefix wider{{family, range.first}, length - 1};
      if (wider.range().first != range.first || wider.range().last > range.last ||
          (range.first >> (width - length) & 1) != 0)
        break;
      --length;
    }
    prefixes.push_back({{family, range.first}, length});
    if (prefixes.back().range().last == range.last)
      return prefixes;
    range.first = prefixes.back().range().last + 1;
  }
}

Prefix every_address(Family family) {
  return {{family, 0}, 0};
}

Prefix loopback_prefix(Family family) {
  return family == Family::V4 ? Prefix{{Family::V4, AddressBits{127} << 24}, 8}
                              : Prefix{{Family::V6, 1}, 128};
}

Prefix link_local_prefix() {
  return {{Family::V6, AddressBits{0xfe80} << 112}, 10};
}

}  // namespace quay
