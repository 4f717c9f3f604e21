// A set of numbers as sorted, disjoint, non-adjacent closed intervals.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace quay {

// Both ends belong to the interval; first <= last.
template <typename Number>
struct Interval {
  Number first{};
  Number last{};
  bool operator==(const Interval&) const = default;
};

// A value: equal sets compare equal, whatever they were made from.
template <typename Number>
class IntervalSet {
 public:
  IntervalSet() = default;

  // Takes intervals in any order, overlapping or not.
  explicit IntervalSet(std::vector<Interval<Number>> intervals) : intervals_(std::move(intervals)) {
    std::sort(intervals_.begin(), intervals_.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    std::size_t kept = 0;
    for (std::size_t i = 1; i < intervals_.size(); ++i) {
      Interval<Number>& previous = intervals_[kept];
      if (touches(previous, intervals_[i]))
        previous.last = std::max(previous.last, intervals_[i].last);
      else
        intervals_[++kept] = intervals_[i];
    }
    if (!intervals_.empty())
      intervals_.resize(kept + 1);
  }

  // Every number from 0 to `most`.
  static IntervalSet up_to(Number most) { return IntervalSet({{0, most}}); }

  bool empty() const { return intervals_.empty(); }
  const std::vector<Interval<Number>>& intervals() const { return intervals_; }

  bool contains(Number number) const {
    const auto after =
        std::upper_bound(intervals_.begin(), intervals_.end(), number,
                         [](Number n, const Interval<Number>& i) { return n < i.first; });
    return after != intervals_.begin() && number <= std::prev(after)->last;
  }

  IntervalSet intersect(const IntervalSet& other) const {
    IntervalSet result;
    auto a = intervals_.begin();
    auto b = other.intervals_.begin();
    while (a != intervals_.end() && b != other.intervals_.end()) {
      const Number first = std::max(a->first, b->first);
      const Number last = std::min(a->last, b->last);
      if (first <= last)
        result.intervals_.push_back({first, last});
      if (a->last < b->last)
        ++a;
      else
        ++b;
    }
    return result;
  }

  IntervalSet subtract(const IntervalSet& other) const {
    IntervalSet result;
    auto b = other.intervals_.begin();
    for (Interval<Number> rest : intervals_) {
      bool left = true;
      while (b != other.intervals_.end() && b->last < rest.first)
        ++b;
      for (auto cut = b; left && cut != other.intervals_.end() && cut->first <= rest.last; ++cut) {
        if (rest.first < cut->first)
          result.intervals_.push_back({rest.first, static_cast<Number>(cut->first - 1)});
        left = cut->last < rest.last;
        if (left)
          rest.first = static_cast<Number>(cut->last + 1);
      }
      if (left)
        result.intervals_.push_back(rest);
    }
    return result;
  }

  bool operator==(const IntervalSet&) const = default;

 private:
  static bool touches(const Interval<Number>& a, const Interval<Number>& b) {
    return b.first <= a.last ||
           (a.last != static_cast<Number>(~Number{}) && b.first == static_cast<Number>(a.last + 1));
  }

  std::vector<Interval<Number>> intervals_;
};

}  // namespace quay
