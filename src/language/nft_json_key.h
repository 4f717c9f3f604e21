// What a match or a map asks for, and which packets have one of the values that it lists.
#pragma once

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "language/nft_json_access.h"
#include "language/nft_json_question.h"
#include "model/filter.h"

namespace quay::nft_json {

// One question, after bits were taken from its number or turned: (n & mask) ^ flip.
struct Part {
  Question question;
  filter::Number mask = 0;
  filter::Number flip = 0;
};

// A question, or several for a concatenation. Never empty.
using Key = std::vector<Part>;

// Nullopt: the model has no words for a part of it.
std::optional<Key> key_of(const Json& expression, filter::TableFamily family);

// What the rule asks besides, for all parts.
filter::Box implied(const Key& key);

// The numbers that a value means to the kernel: a number, a word, a prefix, a range, bits joined,
// or a set of all these. Nullopt: not understood.
std::optional<filter::Numbers> numbers_of(const Question& question, const Json& value);

// One number alone.
std::optional<filter::Number> number_of(const Question& question, const Json& value);

// The packets for which the part gives one of these numbers. Nullopt: too many intervals.
std::optional<filter::Values> values_of(const Part& part, const filter::Numbers& numbers);

// The packets for which the key gives one of the elements; "*" is everything. One box for a key of
// one part, else a box for each element. Nullopt: an element is not understood.
std::optional<std::vector<filter::Box>> boxes_of(const Key& key,
                                                 std::span<const Json* const> elements);

}  // namespace quay::nft_json
