// What nftables' registers hold while a rule is read: not values, but for every bit where it comes
// from. Masks, shifts and changes of byte order move bits and lose none of what is known of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/filter.h"
#include "model/ruleset.h"

namespace quay::nft {

// A number that an expression loads.
struct Origin {
  enum class Reading : std::uint8_t {
    Number,          // of the field
    State,           // NF_CT_STATE_BIT() of what conntrack says
    NfProtocol,      // NFPROTO_IPV4 or NFPROTO_IPV6
    EtherType,       // ETH_P_IP or ETH_P_IPV6
    InterfaceIndex,  // 0: none
    InterfaceName,   // 16 bytes, the first one highest
    Nothing,         // that the model knows; `field.name` says what it is
  };
  filter::Field field;
  Reading reading = Reading::Number;
  int bits = 0;            // 1 to 128
  bool by_family = false;  // another field in a packet of the other family
  bool random = false;     // of Nothing: another one for every packet
  bool operator==(const Origin&) const = default;
};

inline constexpr std::int16_t kConstant = -1;

struct Bit {
  std::int16_t origin = kConstant;
  std::uint8_t index = 0;  // 0: the lowest of the origin
  bool flipped = false;    // of a constant: its value
};

// Neighbouring bits of one origin, or of constants: `high` down to `low`.
struct Piece {
  std::int16_t origin = kConstant;
  int high = 0;
  int low = 0;
  bool flipped = false;
  filter::Number value = 0;  // of a constant

  int bits() const { return high - low + 1; }
};

// The origins of one rule's numbers.
class Origins {
 public:
  std::int16_t add(const Origin& origin);
  std::size_t size() const { return origins_.size(); }
  const Origin& operator[](std::int16_t origin) const {
    return origins_[static_cast<std::size_t>(origin)];
  }

 private:
  std::vector<Origin> origins_;
};

// The sixteen words. They begin as zeros: the kernel refuses rules that read what they did not
// write (since Linux 5.18; before, it was chance). Whatever would reach beyond the last word is
// left out.
class Registers {
 public:
  // Bits in the network's order, the first one highest. The rest of the last word becomes zero.
  void put(Register to, const std::vector<Bit>& bits);
  void put_constant(Register to, std::string_view bytes);

  void mask(const Bitwise& bitwise);
  // False for what is not known.
  bool shift(const Shift& shift);
  bool turn(const Byteorder& order);

  // Everything that was made from an origin is something else now.
  void forget(std::int16_t origin, std::int16_t instead);

  // The bits of so many bytes, as pieces of up to 128.
  std::vector<Piece> pieces(Register from, std::size_t bytes) const;
  Bit bit(Register from, std::size_t number) const;
  // When all are constants.
  std::optional<Bytes> constant(Register from, std::size_t bytes) const;

 private:
  static constexpr std::size_t kBits = 512;

  std::array<Bit, kBits> bits_{};
};

// A number of `bits` bits, lowest byte first where the machine keeps it so.
std::vector<Bit> machine_order(std::int16_t origin, int bits);
std::vector<Bit> network_order(std::int16_t origin, int high, int low);

}  // namespace quay::nft
