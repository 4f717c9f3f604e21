#include "language/masked_numbers.h"

#include <utility>
#include <vector>

namespace quay {

using filter::Number;
using filter::Numbers;

namespace {

constexpr std::size_t kMostFreeBits = 12;  // 4096 intervals

}  // namespace

Number most_of(int bits) {
  return bits >= 128 ? ~Number{0} : (Number{1} << bits) - 1;
}

Numbers but(const Numbers& numbers, int bits) {
  return Numbers::up_to(most_of(bits)).subtract(numbers);
}

std::optional<Numbers> masked_numbers(Number value, Number mask, int bits) {
  mask &= most_of(bits);
  if ((value & ~mask) != 0)
    return Numbers{};
  if (mask == 0)
    return Numbers::up_to(most_of(bits));
  int low = 0;  // the bits below make each interval
  while ((mask >> low & 1) == 0)
    ++low;
  std::vector<int> free;  // the bits above that may be anything
  for (int bit = low; bit < bits; ++bit)
    if ((mask >> bit & 1) == 0)
      free.push_back(bit);
  if (free.size() > kMostFreeBits)
    return std::nullopt;
  std::vector<Interval<Number>> intervals;
  for (std::size_t n = 0; n < std::size_t{1} << free.size(); ++n) {
    Number first = value;
    for (std::size_t i = 0; i < free.size(); ++i)
      first |= Number{n >> i & 1} << free[i];
    intervals.push_back({first, first | most_of(low)});
  }
  return Numbers(std::move(intervals));
}

Numbers few_masked_numbers(Number value, Number mask, int bits) {
  return masked_numbers(value, mask, bits).value_or(Numbers{});
}

filter::Condition is(filter::Field field, Numbers numbers, bool inverted) {
  return filter::Test{
      .boxes = {{{.field = std::move(field), .numbers = std::move(numbers), .names = {}}}},
      .inverted = inverted};
}

}  // namespace quay
