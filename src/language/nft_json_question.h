// What an expression of nft's JSON reads from a packet, in fields of the common model.
#pragma once

#include <cstdint>
#include <optional>

#include "language/nft_json_access.h"
#include "language/nft_json_symbols.h"
#include "model/filter.h"

namespace quay::nft_json {

// What one expression reads. The kernel's numbers of it are not always those of the model: see
// placed().
struct Question {
  enum class Place : std::uint8_t { Whole, HighByte, LowByte };  // of the field

  filter::Field field;
  int bits = 0;  // of the kernel's numbers
  Spelling spelling = Spelling::Number;
  Place place = Place::Whole;
  // The rule goes no further for packets without these: nft(8) writes the tests into the kernel's
  // rule and leaves them out when it lists it, or the kernel has nothing to read and breaks off.
  filter::Box implied;
};

// Headers, meta, ct, fib, rt, socket and extension headers by name. Nullopt: the model has no field
// for it.
std::optional<Question> question_of(const Json& expression, filter::TableFamily family);

// The same numbers as the model counts them.
filter::Numbers placed(const Question& question, const filter::Numbers& numbers);

// One of these values of one field, as a box.
filter::Values values_of(filter::Field field, filter::Number first, filter::Number last);
filter::Values values_of(filter::Kind kind, filter::Number only);
filter::Field other_field(std::string name, int bits);

}  // namespace quay::nft_json
