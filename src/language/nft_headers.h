// Where the fields of a packet's headers lie, and what nft(8) calls them.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "model/filter.h"

namespace quay::nft {

inline constexpr std::string_view kEtherType = "ether type";
inline constexpr filter::Number kEthernet = 1;  // a device's type, ARPHRD_ETHER of linux/if_arp.h

// Bits from the beginning of a header.
struct HeaderField {
  int first = 0;
  int bits = 0;
  filter::Kind kind = filter::Kind::Other;
  std::string_view name;  // of Other
};

// Whether a table sees the frames of devices. Their ether type may be that of a VLAN tag: there it
// is no family.
bool sees_devices(filter::TableFamily table);
// In the order of their bits, with gaps where no field is known.
std::span<const HeaderField> link_fields(filter::TableFamily table);
std::span<const HeaderField> network_fields(Family family);
std::span<const HeaderField> transport_fields(std::optional<int> protocol);
// The protocols of which every packet has so many bits from the beginning of its transport header
// on. Those of ports, the first 32, every packet is taken to have.
filter::Numbers protocols_of(int bits);
// Of an extension header or an option: "exthdr frag", "tcp option maxseg". None of what has no
// numbers, or is not known.
std::span<const HeaderField> option_fields(std::string_view name);

}  // namespace quay::nft
