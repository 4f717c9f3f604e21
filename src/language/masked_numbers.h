// Sets of numbers that share some bits, as intervals.
#pragma once

#include <optional>

#include "model/filter.h"

namespace quay {

// The numbers n of `bits` bits (1 to 128) with (n & mask) == value. None when `value` has bits that
// `mask` has not. Nullopt when they are more than 4096 intervals, as with 0x1/0x1.
std::optional<filter::Numbers> masked_numbers(filter::Number value, filter::Number mask, int bits);

// The same where they are few for sure: of at most 12 bits, or with no more than 12 bits beside the
// mask.
filter::Numbers few_masked_numbers(filter::Number value, filter::Number mask, int bits);

// The greatest number of `bits` bits.
filter::Number most_of(int bits);

// What is not in `numbers`, of all the numbers of `bits` bits.
filter::Numbers but(const filter::Numbers& numbers, int bits);

// Values of one field, and the condition that the packet has one of them, or none.
filter::Condition is(filter::Field field, filter::Numbers numbers, bool inverted = false);

}  // namespace quay
