#include "language/nft_registers.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <linux/netfilter/nf_tables.h>

namespace quay::nft {
namespace {

constexpr std::size_t kWord = 32;
constexpr bool kTurned = std::endian::native == std::endian::little;

bool bit_of(std::string_view bytes, std::size_t number) {
  return (static_cast<std::uint8_t>(bytes[number / 8]) >> (7 - number % 8) & 1) != 0;
}

// Where in a register's words, in memory order, the nth bit of a 32-bit number lies, counted from
// its highest.
std::size_t in_word(std::size_t n) {
  return kTurned ? 24 - n / 8 * 8 + n % 8 : n;
}

}  // namespace

std::int16_t Origins::add(const Origin& origin) {
  const auto index = std::ranges::find(origins_, origin) - origins_.begin();
  if (index == std::ssize(origins_))
    origins_.push_back(origin);
  return static_cast<std::int16_t>(index);
}

std::vector<Bit> network_order(std::int16_t origin, int high, int low) {
  std::vector<Bit> bits;
  bits.reserve(static_cast<std::size_t>(high - low) + 1);
  for (int i = high; i >= low; --i)
    bits.push_back({origin, static_cast<std::uint8_t>(i), false});
  return bits;
}

std::vector<Bit> machine_order(std::int16_t origin, int bits) {
  std::vector<Bit> result = network_order(origin, bits - 1, 0);
  if (kTurned)
    for (std::size_t first = 0, last = result.size() / 8; first + 1 < last; ++first) {
      --last;
      std::swap_ranges(result.begin() + static_cast<std::ptrdiff_t>(first * 8),
                       result.begin() + static_cast<std::ptrdiff_t>(first * 8 + 8),
                       result.begin() + static_cast<std::ptrdiff_t>(last * 8));
    }
  return result;
}

void Registers::put(Register to, const std::vector<Bit>& bits) {
  const std::size_t start = to * kWord;
  const std::size_t whole = (bits.size() + kWord - 1) / kWord * kWord;
  for (std::size_t i = 0; i < whole && start + i < kBits; ++i)
    bits_[start + i] = i < bits.size() ? bits[i] : Bit{};
}

void Registers::put_constant(Register to, std::string_view bytes) {
  std::vector<Bit> bits(bytes.size() * 8);
  for (std::size_t i = 0; i < bits.size(); ++i)
    bits[i].flipped = bit_of(bytes, i);
  put(to, bits);
}

void Registers::mask(const Bitwise& bitwise) {
  std::vector<Bit> bits(bitwise.mask.size() * 8);
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (bit_of(bitwise.mask, i))
      bits[i] = bit(bitwise.from, i);
    bits[i].flipped = bits[i].flipped != bit_of(bitwise.flip, i);
  }
  put(bitwise.to, bits);
}

// Words are numbers of the machine; the first one is the highest.
bool Registers::shift(const Shift& shift) {
  if (shift.bits == 0 || shift.bits >= kWord || shift.length == 0 || shift.length > kBits / 8)
    return false;
  const std::size_t size = (std::size_t{shift.length} * 8 + kWord - 1) / kWord * kWord;
  const auto at = [](std::size_t n) { return n / kWord * kWord + in_word(n % kWord); };
  std::vector<Bit> bits(size);
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t left = i + shift.bits;
    if (shift.operation == NFT_BITWISE_LSHIFT && left < size)
      bits[at(i)] = bit(shift.from, at(left));
    if (shift.operation == NFT_BITWISE_RSHIFT && i >= shift.bits)
      bits[at(i)] = bit(shift.from, at(i - shift.bits));
  }
  put(shift.to, bits);
  return true;
}

// From and to the network's order is the same.
bool Registers::turn(const Byteorder& order) {
  const std::size_t size = order.size;
  if ((size != 2 && size != 4 && size != 8) || order.length == 0 || order.length > kBits / 8 ||
      order.operation > NFT_BYTEORDER_HTON)
    return false;
  // nft_byteorder_eval(): as many numbers as there are. nft(8) turns a protocol in a concatenation
  // so, which is less than one.
  if (order.length < size)
    return true;
  if (order.length % size != 0)
    return false;
  std::vector<Bit> bits(std::size_t{order.length} * 8);
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const std::size_t byte = i / 8;
    const std::size_t other = kTurned ? byte / size * size + (size - 1 - byte % size) : byte;
    bits[i] = bit(order.from, other * 8 + i % 8);
  }
  put(order.to, bits);
  return true;
}

void Registers::forget(std::int16_t origin, std::int16_t instead) {
  for (Bit& one : bits_)
    if (one.origin == origin)
      one.origin = instead;
}

Bit Registers::bit(Register from, std::size_t number) const {
  const std::size_t at = from * kWord + number;
  return at < kBits ? bits_[at] : Bit{};
}

namespace {

// Makes a piece one bit longer; false when the bit does not belong to it.
bool extend(Piece& piece, const Bit& bit) {
  if (piece.origin != bit.origin || piece.bits() == 128)
    return false;
  if (bit.origin == kConstant) {
    ++piece.high;
    piece.value = piece.value << 1 | (bit.flipped ? 1U : 0U);
    return true;
  }
  if (piece.low != bit.index + 1 || piece.flipped != bit.flipped)
    return false;
  piece.low = bit.index;
  return true;
}

Piece piece_of(const Bit& bit) {
  if (bit.origin == kConstant)
    return {.value = bit.flipped ? 1U : 0U};
  return {bit.origin, bit.index, bit.index, bit.flipped, 0};
}

}  // namespace

std::vector<Piece> Registers::pieces(Register from, std::size_t bytes) const {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < bytes * 8; ++i) {
    const Bit one = bit(from, i);
    if (pieces.empty() || !extend(pieces.back(), one))
      pieces.push_back(piece_of(one));
  }
  return pieces;
}

std::optional<Bytes> Registers::constant(Register from, std::size_t bytes) const {
  Bytes result(bytes, '\0');
  for (std::size_t i = 0; i < bytes * 8; ++i) {
    const Bit one = bit(from, i);
    if (one.origin != kConstant)
      return std::nullopt;
    if (one.flipped)
      result[i / 8] = static_cast<char>(result[i / 8] | (1 << (7 - i % 8)));
  }
  return result;
}

}  // namespace quay::nft
