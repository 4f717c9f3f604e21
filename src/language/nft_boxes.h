// Which packets have certain bytes in nftables' registers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "language/nft_registers.h"
#include "model/filter.h"

namespace quay::nft {

using Interfaces = std::map<std::uint32_t, std::string>;  // by index

// Masks with more holes than these intervals can tell, and orders that no field has, are not
// expressible.
inline constexpr std::size_t kMostIntervals = 4096;

// Of a part of the bytes that registers hold.
struct Bounds {
  std::span<const Piece> pieces;
  std::string_view first;  // as many bytes as the pieces have
  std::string_view last;   // as memcmp orders them; both ends belong
};

// The packets whose bytes are within all the bounds. No boxes: none. An empty box: every packet.
// nullopt: not expressible.
std::optional<std::vector<filter::Box>> boxes_within(const std::vector<Bounds>& bounds,
                                                     const Origins& origins,
                                                     const Interfaces& interfaces);

// Joins boxes that differ in the numbers of one field alone, wherever that is easily seen.
void join_boxes(std::vector<filter::Box>& boxes);

// "ip saddr[31:8] . th dport": for atoms. Equal texts are equal bits.
std::string to_text(std::span<const Piece> pieces, const Origins& origins);
// "meta mark & 0x4000 == 0x4000": the bytes of one number; nullopt when they are of more.
std::optional<std::string> masked_text(std::span<const Piece> pieces, std::string_view bytes,
                                       const Origins& origins);
// "meta mark", "ip saddr": as nft spells fields.
std::string name_of(const filter::Field& field, Family family);

}  // namespace quay::nft
