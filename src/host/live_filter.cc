#include "host/live_filter.h"

#include <algorithm>
#include <bit>
#include <fstream>
#include <memory>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>

#include "host/outside.h"
#include "language/nft_program.h"

namespace quay {
namespace {

// The names of interfaces by their kernel's number.
std::map<std::uint32_t, std::string> interface_indices() {
  std::map<std::uint32_t, std::string> names;
  struct Free {
    void operator()(struct if_nameindex* list) const { if_freenameindex(list); }
  };
  const std::unique_ptr<struct if_nameindex, Free> list(if_nameindex());
  for (const struct if_nameindex* one = list.get(); one != nullptr && one->if_index != 0; ++one)
    names[one->if_index] = one->if_name;
  return names;
}

AddressBits bits_of(const sockaddr* address) {
  AddressBits bits = 0;
  const auto add = [&](const unsigned char* bytes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      bits = bits << 8 | bytes[i];
  };
  if (address->sa_family == AF_INET)
    add(reinterpret_cast<const unsigned char*>(
            &reinterpret_cast<const sockaddr_in*>(address)->sin_addr),
        4);
  else
    add(reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr.s6_addr, 16);
  return bits;
}

// How many bits of an address say the network.
int length_of(AddressBits mask) {
  int length = 0;
  for (; mask != 0; mask &= mask - 1)
    ++length;
  return length;
}

// Strict reverse path filtering, the greater of the two settings (ip-sysctl: rp_filter).
bool strict(const std::string& interface) {
  int greatest = 0;
  for (const std::string& of : {std::string("all"), interface}) {
    int value = 0;
    std::ifstream(fmt::format("/proc/sys/net/ipv4/conf/{}/rp_filter", of)) >> value;
    greatest = std::max(greatest, value);
  }
  return greatest == 1;
}

// Link-local and loopback's networks are everywhere alike.
bool is_of_its_own(const Prefix& prefix) {
  for (const char* common : {"127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10"})
    if (const auto other = parse_prefix(common);
        other && other->address.family == prefix.address.family) {
      const auto range = other->range();
      if (range.first <= prefix.address.bits && prefix.address.bits <= range.last)
        return false;
    }
  return true;
}

std::vector<filter::Network> networks() {
  std::vector<filter::Network> found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0)
    return found;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_netmask == nullptr)
      continue;
    const int family = one->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6)
      continue;
    const AddressBits mask = bits_of(one->ifa_netmask);
    const Prefix prefix{
        {family == AF_INET ? Family::V4 : Family::V6, bits_of(one->ifa_addr) & mask},
        length_of(mask)};
    if (!is_of_its_own(prefix))
      continue;
    found.push_back({.interface = one->ifa_name,
                     .prefix = prefix,
                     .strict = family == AF_INET && strict(one->ifa_name)});
  }
  return found;
}

}  // namespace

Result<filter::Ruleset> live_filter(NftDump& dump) {
  const auto tables = dump.ruleset();
  if (!tables)
    return fail(tables.error());
  filter::Ruleset ruleset = read_nft_program(*tables, interface_indices());
  std::ranges::move(outside_filters(), std::back_inserter(ruleset.outside));
  ruleset.networks = networks();
  return ruleset;
}

}  // namespace quay
