// Small things that loads of fields are made of. For nft_fields.cc and nft_flow_fields.cc alone.
#pragma once

#include <span>
#include <string>
#include <utility>

#include "language/nft_fields.h"
#include "language/nft_headers.h"

namespace quay::nft {

inline constexpr int kNameBits = 128;  // IFNAMSIZ bytes

inline filter::Field other(std::string name, int bits) {
  return {.kind = filter::Kind::Other, .name = std::move(name), .bits = bits};
}

// That there is such a thing, as a field of its own.
inline filter::Values exists(const std::string& name) {
  return {.field = other(name + " exists", 1), .numbers = filter::Numbers({{1, 1}})};
}

inline filter::Values has_interface(filter::Kind kind) {
  return {.field = {.kind = kind}, .names = {""}, .but_names = true};
}

// A number of whole bytes as the machine keeps it.
inline Load machine_number(Origins& origins, filter::Field field, int bits) {
  return {.bits = machine_order(origins.add({.field = std::move(field), .bits = bits}), bits)};
}

inline Load network_number(Origins& origins, filter::Field field, int bits) {
  return {.bits =
              network_order(origins.add({.field = std::move(field), .bits = bits}), bits - 1, 0)};
}

// One byte that is zero or one.
inline Load truth(Origins& origins, filter::Field field) {
  Load load{.bits = std::vector<Bit>(7)};
  load.bits.push_back({origins.add({.field = std::move(field), .bits = 1}), 0, false});
  return load;
}

inline Load nothing(Origins& origins, std::string what, int bits, bool random = false) {
  return {.bits = network_order(origins.add({.field = other(std::move(what), bits),
                                             .reading = Origin::Reading::Nothing,
                                             .bits = bits,
                                             .random = random}),
                                bits - 1, 0)};
}

struct Header {
  std::span<const HeaderField> fields;
  std::string name;        // of what no field is known for: this, its first bit and its length
  bool by_family = false;  // the fields are those of one IP version
};

// `length` bits of a header from bit `start` on.
Load part_of(const Header& header, int start, int length, Origins& origins);

}  // namespace quay::nft
