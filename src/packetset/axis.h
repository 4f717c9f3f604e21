// The values of a field, as the few classes that an analysis tells apart.
#pragma once

#include <cstddef>
#include <vector>

#include "model/interval_set.h"
#include "packetset/diagram.h"

namespace quay {

// The values of one field, as classes: values in one class are in the same sets, of all sets that
// were told apart. Class 0 begins with value 0.
template <typename Number>
class Axis {
 public:
  explicit Axis(Number most) : most_(most), first_{0} {}

  // Before the first question alone.
  void tell_apart(const IntervalSet<Number>& set);
  void finish();

  IntervalSet<Value> classes(const IntervalSet<Number>& set) const;  // that was told apart
  IntervalSet<Number> values(const IntervalSet<Value>& classes) const;
  std::size_t count() const { return first_.size(); }
  std::vector<double> weights() const;

 private:
  Number last_of(std::size_t index) const;
  Number most_;
  std::vector<Number> first_;  // of each class
};

}  // namespace quay
