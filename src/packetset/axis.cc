#include "packetset/axis.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "model/address.h"

namespace quay {

template <typename Number>
void Axis<Number>::tell_apart(const IntervalSet<Number>& set) {
  for (const Interval<Number>& interval : set.intervals()) {
    first_.push_back(interval.first);
    if (interval.last != most_)
      first_.push_back(static_cast<Number>(interval.last + 1));
  }
}

template <typename Number>
void Axis<Number>::finish() {
  std::sort(first_.begin(), first_.end());
  first_.erase(std::unique(first_.begin(), first_.end()), first_.end());
}

template <typename Number>
Number Axis<Number>::last_of(std::size_t index) const {
  return index + 1 == first_.size() ? most_ : static_cast<Number>(first_[index + 1] - 1);
}

template <typename Number>
IntervalSet<Value> Axis<Number>::classes(const IntervalSet<Number>& set) const {
  const auto class_of = [&](Number value) {
    const auto after = std::upper_bound(first_.begin(), first_.end(), value);
    return static_cast<Value>(std::distance(first_.begin(), after) - 1);
  };
  std::vector<Interval<Value>> intervals;
  intervals.reserve(set.intervals().size());
  for (const Interval<Number>& interval : set.intervals())
    intervals.push_back({class_of(interval.first), class_of(interval.last)});
  return IntervalSet<Value>(std::move(intervals));
}

template <typename Number>
IntervalSet<Number> Axis<Number>::values(const IntervalSet<Value>& classes) const {
  std::vector<Interval<Number>> intervals;
  intervals.reserve(classes.intervals().size());
  for (const Interval<Value>& interval : classes.intervals())
    intervals.push_back({first_[interval.first], last_of(interval.last)});
  return IntervalSet<Number>(std::move(intervals));
}

template <typename Number>
std::vector<double> Axis<Number>::weights() const {
  std::vector<double> weights;
  weights.reserve(first_.size());
  for (std::size_t i = 0; i < first_.size(); ++i)
    weights.push_back((static_cast<double>(last_of(i) - first_[i]) + 1) /
                      (static_cast<double>(most_) + 1));
  return weights;
}

template class Axis<std::uint8_t>;
template class Axis<std::uint16_t>;
template class Axis<AddressBits>;

}  // namespace quay
