#include "packetset/diagram.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace quay {
namespace {

constexpr std::size_t kFirstTable = 1024;

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
  return hash ^ hash >> 29;
}

Outcomes in_sequence(Outcomes first, Outcomes then) {
  if ((first & kContinue) == 0)
    return first;
  return (first & ~kContinue) | then;
}

Outcomes decided(Outcomes first, Outcomes then) {
  Decision decision = Decision::of(first);
  const Decision next = Decision::of(then);
  if (decision.otherwise == 0)
    decision.otherwise = decision.number == next.number ? next.otherwise : next.verdict;
  return decision.outcomes();
}

}  // namespace

DiagramStore::DiagramStore(const std::vector<std::vector<double>>& weights, std::size_t most_nodes)
    : most_nodes_(most_nodes), unique_(kFirstTable, 0), results_(kFirstTable) {
  for (const std::vector<double>& level : weights) {
    last_.push_back(static_cast<Value>(level.size() - 1));
    std::vector<double>& sums = up_to_.emplace_back(1, 0);
    for (const double weight : level)
      sums.push_back(sums.back() + weight);
  }
}

DiagramStore::View DiagramStore::view(Diagram diagram) const {
  const Node& node = nodes_[diagram - kConstants];
  return {node.level, std::span(edge_last_).subspan(node.first, node.count),
          std::span(edge_child_).subspan(node.first, node.count)};
}

void DiagramStore::add_edge(std::size_t begin, Value last, Diagram child) {
  if (scratch_.size() > begin && scratch_.back().child == child)
    scratch_.back().last = last;
  else
    scratch_.push_back({last, child});
}

// Where a node with these edges stands in the table, or would stand.
std::size_t DiagramStore::slot_of(std::size_t level, std::size_t begin) const {
  std::uint64_t hash = mix(level, scratch_.size() - begin);
  for (std::size_t i = begin; i < scratch_.size(); ++i)
    hash = mix(mix(hash, scratch_[i].last), scratch_[i].child);
  const std::size_t mask = unique_.size() - 1;
  const auto same = [&](Diagram diagram) {
    const View known = view(diagram);
    if (known.level != level || known.last.size() != scratch_.size() - begin)
      return false;
    for (std::size_t i = 0; i < known.last.size(); ++i)
      if (known.last[i] != scratch_[begin + i].last ||
          known.children[i] != scratch_[begin + i].child)
        return false;
    return true;
  };
  std::size_t slot = hash & mask;
  while (unique_[slot] != 0 && !same(unique_[slot]))
    slot = (slot + 1) & mask;
  return slot;
}

// Twice the room; what was computed is kept.
void DiagramStore::grow() {
  std::vector<Diagram> old(unique_.size() * 2, 0);
  old.swap(unique_);
  const std::size_t begin = scratch_.size();
  for (const Diagram diagram : old) {
    if (diagram == 0)
      continue;
    const View node = view(diagram);
    for (std::size_t i = 0; i < node.last.size(); ++i)
      scratch_.push_back({node.last[i], node.children[i]});
    unique_[slot_of(node.level, begin)] = diagram;
    scratch_.resize(begin);
  }
  std::vector<Remembered> results(results_.size() * 2);
  results.swap(results_);
  for (const Remembered& one : results)
    if (one.operation != Operation::None)
      remembered(one.operation, one.a, one.b) = one;
}

Diagram DiagramStore::make(std::size_t level, std::size_t begin) {
  Diagram result = 0;
  if (scratch_.size() == begin + 1) {
    result = scratch_.back().child;
  } else if (const std::size_t slot = slot_of(level, begin); unique_[slot] != 0) {
    result = unique_[slot];
  } else if (nodes_.size() >= most_nodes_) {
    exhausted_ = true;
  } else {
    result = static_cast<Diagram>(kConstants + nodes_.size());
    nodes_.push_back({edge_last_.size(), static_cast<std::uint32_t>(scratch_.size() - begin),
                      static_cast<std::uint32_t>(level)});
    for (std::size_t i = begin; i < scratch_.size(); ++i) {
      edge_last_.push_back(scratch_[i].last);
      edge_child_.push_back(scratch_[i].child);
    }
    unique_[slot] = result;
    if (nodes_.size() * 2 > unique_.size()) {
      scratch_.resize(begin);
      grow();
    }
  }
  scratch_.resize(begin);
  return result;
}

Diagram DiagramStore::branch(std::size_t level, std::span<const Piece> pieces, Diagram otherwise) {
  const std::size_t begin = scratch_.size();
  Value next = 0;
  bool complete = false;
  for (const Piece& piece : pieces) {
    assert(level_of(piece.then) > level && piece.values.first >= next);
    if (piece.values.first > next)
      add_edge(begin, piece.values.first - 1, otherwise);
    add_edge(begin, piece.values.last, piece.then);
    complete = piece.values.last == last_[level];
    next = piece.values.last + 1;
  }
  if (!complete)
    add_edge(begin, last_[level], otherwise);
  return make(level, begin);
}

Diagram DiagramStore::branch(std::size_t level, const IntervalSet<Value>& values, Diagram then,
                             Diagram otherwise) {
  std::vector<Piece> pieces;
  pieces.reserve(values.intervals().size());
  for (const Interval<Value>& interval : values.intervals())
    pieces.push_back({interval, then});
  return branch(level, pieces, otherwise);
}

Diagram DiagramStore::box(const Cube& cube, Outcomes inside, Outcomes outside) {
  Diagram result = inside;
  for (std::size_t level = levels(); level-- > 0;)
    result = branch(level, cube.values[level], result, outside);
  return result;
}

// A place for a result; another result may lie there.
DiagramStore::Remembered& DiagramStore::remembered(Operation operation, Diagram a, Diagram b) {
  const std::uint64_t hash = mix(mix(static_cast<std::uint64_t>(operation), a), b);
  return results_[hash & (results_.size() - 1)];
}

// What needs no look at the packets.
std::optional<Diagram> DiagramStore::at_once(Operation operation, Diagram a, Diagram b) {
  constexpr Diagram none = ~Diagram{0};
  struct Laws {
    Diagram left_neutral;
    Diagram right_neutral;
    Diagram left_zero;  // and then nothing comes out
    Diagram right_zero;
    bool itself;  // of two equal ones comes the same, not nothing
  };
  constexpr std::array<Laws, 6> laws{{{0, 0, none, none, true},                  // Unite
                                      {none, none, 0, 0, true},                  // Intersect
                                      {none, 0, 0, none, false},                 // Subtract
                                      {kContinue, kContinue, none, none, true},  // Sequence
                                      {0, 0, none, none, true},                  // Decide
                                      {none, none, none, none, false}}};         // Differ
  const Laws& law = laws[static_cast<std::size_t>(operation) - 1];
  if (a == law.left_neutral)
    return b;
  if (b == law.right_neutral)
    return a;
  if (a == law.left_zero || b == law.right_zero)
    return 0;
  if (a == b)
    return law.itself ? a : 0;
  if (operation == Operation::Sequence && is_constant(a) && (a & kContinue) == 0)
    return a;
  return std::nullopt;
}

Outcomes DiagramStore::combined(Operation operation, Outcomes a, Outcomes b) {
  switch (operation) {
    case Operation::Unite:
      return a | b;
    case Operation::Intersect:
      return a & b;
    case Operation::Subtract:
      return a & ~b;
    case Operation::Sequence:
      return in_sequence(a, b);
    case Operation::Decide:
      return decided(a, b);
    case Operation::Differ:
    case Operation::None:
      break;
  }
  return a == b ? 0 : 1;
}

Diagram DiagramStore::apply(Operation operation, Diagram a, Diagram b) {
  if (const auto result = at_once(operation, a, b))
    return *result;
  if (exhausted_)
    return 0;
  if (is_constant(a) && is_constant(b))
    return combined(operation, a, b);
  const bool commutes = operation == Operation::Unite || operation == Operation::Intersect ||
                        operation == Operation::Differ;
  if (commutes && a > b)
    std::swap(a, b);
  const Remembered& known = remembered(operation, a, b);
  if (known.operation == operation && known.a == a && known.b == b)
    return known.result;
  const Diagram result = merge(operation, a, b);
  remembered(operation, a, b) = {a, b, result, operation};
  return result;
}

// Walks through the intervals of both. Nodes may move while children are made: their edges are
// found again by number.
Diagram DiagramStore::merge(Operation operation, Diagram a, Diagram b) {
  const std::size_t level = std::min(level_of(a), level_of(b));
  const auto edges = [&](Diagram diagram) {
    return level_of(diagram) == level ? nodes_[diagram - kConstants] : Node{};
  };
  const Node left = edges(a);
  const Node right = edges(b);
  const std::size_t begin = scratch_.size();
  for (std::size_t i = 0, j = 0;;) {
    const Value left_last = left.count == 0 ? last_[level] : edge_last_[left.first + i];
    const Value right_last = right.count == 0 ? last_[level] : edge_last_[right.first + j];
    const Diagram x = left.count == 0 ? a : edge_child_[left.first + i];
    const Diagram y = right.count == 0 ? b : edge_child_[right.first + j];
    const Value last = std::min(left_last, right_last);
    add_edge(begin, last, apply(operation, x, y));
    if (last == last_[level])
      break;
    i += left_last == last ? 1 : 0;
    j += right_last == last ? 1 : 0;
  }
  return make(level, begin);
}

// By halves: what lies far apart meets late.
Diagram DiagramStore::fold(Operation operation, std::span<const Diagram> steps) {
  if (steps.size() == 1)
    return steps.front();
  const std::size_t half = steps.size() / 2;
  const Diagram first = fold(operation, steps.subspan(0, half));
  return apply(operation, first, fold(operation, steps.subspan(half)));
}

Diagram DiagramStore::sequence(std::span<const Diagram> steps) {
  return steps.empty() ? kContinue : fold(Operation::Sequence, steps);
}

Diagram DiagramStore::decide(std::span<const Diagram> steps) {
  return steps.empty() ? 0 : fold(Operation::Decide, steps);
}

Diagram DiagramStore::at_level(Diagram diagram, std::size_t level,
                               const std::function<Diagram(Diagram)>& by) {
  std::unordered_map<Diagram, Diagram> done;
  const auto walk = [&](const auto& self, Diagram at) -> Diagram {
    if (level_of(at) >= level)
      return level_of(at) == level ? by(at) : at;
    if (const auto found = done.find(at); found != done.end())
      return found->second;
    const Node node = nodes_[at - kConstants];
    const std::size_t begin = scratch_.size();
    for (std::size_t i = 0; i < node.count; ++i) {
      const Diagram child = self(self, edge_child_[node.first + i]);
      add_edge(begin, edge_last_[node.first + i], child);
    }
    const Diagram result = make(node.level, begin);
    done.emplace(at, result);
    return result;
  };
  return walk(walk, diagram);
}

Diagram DiagramStore::replace(Diagram diagram, const std::function<Outcomes(Outcomes)>& by) {
  return at_level(diagram, levels(), by);
}

Diagram DiagramStore::restrict(Diagram diagram, std::size_t level, Value value) {
  return at_level(diagram, level, [&](Diagram at) {
    const View node = view(at);
    const auto edge = std::ranges::lower_bound(node.last, value);
    return node.children[static_cast<std::size_t>(edge - node.last.begin())];
  });
}

Diagram DiagramStore::forget(Diagram diagram, std::size_t level) {
  return at_level(diagram, level, [&](Diagram at) {
    const Node node = nodes_[at - kConstants];
    Diagram all = 0;
    for (std::size_t i = 0; i < node.count; ++i)
      all = unite(all, edge_child_[node.first + i]);
    return all;
  });
}

Outcomes DiagramStore::at(Diagram diagram, std::span<const Value> packet) const {
  while (!is_constant(diagram)) {
    const View node = view(diagram);
    const auto edge = std::ranges::lower_bound(node.last, packet[node.level]);
    diagram = node.children[static_cast<std::size_t>(edge - node.last.begin())];
  }
  return diagram;
}

Diagram DiagramStore::some(Diagram diagram) {
  return replace(diagram,
                 [](Outcomes outcomes) -> Outcomes { return outcomes == 0 ? 0 : kMostOutcomes; });
}

std::vector<Outcomes> DiagramStore::outcomes(Diagram diagram) const {
  std::vector<Outcomes> found;
  std::unordered_set<Diagram> seen;
  const auto walk = [&](const auto& self, Diagram at) -> void {
    if (!seen.insert(at).second)
      return;
    if (is_constant(at))
      found.push_back(at);
    else
      for (const Diagram child : view(at).children)
        self(self, child);
  };
  walk(walk, diagram);
  std::ranges::sort(found);
  return found;
}

double DiagramStore::share(const Cube& cube) const {
  double share = 1;
  for (std::size_t level = 0; level < cube.values.size(); ++level) {
    double part = 0;
    for (const Interval<Value>& values : cube.values[level].intervals())
      part += part_of(level, values.first, values.last);
    share *= part;
  }
  return share;
}

double DiagramStore::share(Diagram diagram) const {
  std::unordered_map<Diagram, double> done;
  const auto walk = [&](const auto& self, Diagram at) -> double {
    if (is_constant(at))
      return at == 0 ? 0 : 1;
    if (const auto found = done.find(at); found != done.end())
      return found->second;
    const View node = view(at);
    double sum = 0;
    Value first = 0;
    for (std::size_t i = 0; i < node.last.size(); ++i) {
      sum += part_of(node.level, first, node.last[i]) * self(self, node.children[i]);
      first = node.last[i] + 1;
    }
    done.emplace(at, sum);
    return sum;
  };
  return walk(walk, diagram);
}

// Goes down where the most packets are. All intervals that lead to the chosen child belong to it.
std::optional<Cube> DiagramStore::witness(Diagram diagram) const {
  if (diagram == 0)
    return std::nullopt;
  std::unordered_map<Diagram, double> done;
  const auto weight = [&](const auto& self, Diagram at) -> double {
    if (is_constant(at))
      return at == 0 ? 0 : 1;
    if (const auto found = done.find(at); found != done.end())
      return found->second;
    const View node = view(at);
    double best = 0;
    Value first = 0;
    for (std::size_t i = 0; i < node.last.size(); ++i) {
      best =
          std::max(best, part_of(node.level, first, node.last[i]) * self(self, node.children[i]));
      first = node.last[i] + 1;
    }
    done.emplace(at, best);
    return best;
  };
  Cube cube;
  for (const Value last : last_)
    cube.values.push_back(IntervalSet<Value>::up_to(last));
  while (!is_constant(diagram)) {
    const View node = view(diagram);
    std::map<Diagram, std::pair<double, std::vector<Interval<Value>>>> ways;
    Value first = 0;
    for (std::size_t i = 0; i < node.last.size(); ++i) {
      // What leads nowhere is no way, however little weighs what leads somewhere: a single IPv6
      // address is nothing to a sum.
      if (node.children[i] != 0) {
        auto& [part, intervals] = ways[node.children[i]];
        part += part_of(node.level, first, node.last[i]);
        intervals.push_back({first, node.last[i]});
      }
      first = node.last[i] + 1;
    }
    const auto best = std::ranges::max_element(
        ways, {}, [&](const auto& way) { return way.second.first * weight(weight, way.first); });
    cube.values[node.level] = IntervalSet<Value>(best->second.second);
    diagram = best->first;
  }
  return cube;
}

// The values of a level that some packet with an outcome has.
IntervalSet<Value> DiagramStore::values_at(Diagram diagram, std::size_t level) const {
  std::vector<Interval<Value>> found;
  std::unordered_map<Diagram, bool> seen;
  const auto walk = [&](const auto& self, Diagram at) -> void {
    if (at == 0 || seen[at])
      return;
    seen[at] = true;
    if (level_of(at) > level) {
      found.push_back({0, last_[level]});
      return;
    }
    const View node = view(at);
    Value first = 0;
    for (std::size_t i = 0; i < node.last.size(); ++i) {
      if (node.level == level && node.children[i] != 0)
        found.push_back({first, node.last[i]});
      if (node.level < level)
        self(self, node.children[i]);
      first = node.last[i] + 1;
    }
  };
  walk(walk, diagram);
  return IntervalSet<Value>(std::move(found));
}

// The cube with every level as wide as it can be without touching `outside`.
Cube DiagramStore::widened(const Cube& cube, Diagram outside, std::span<const std::size_t> widen) {
  Cube wide = cube;
  for (const std::size_t level : widen) {
    const auto everything = IntervalSet<Value>::up_to(last_[level]);
    Cube open = wide;
    open.values[level] = everything;
    const Diagram touched = intersect(box(open, kMostOutcomes, 0), outside);
    wide.values[level] = everything.subtract(values_at(touched, level));
  }
  return wide;
}

DiagramStore::Cover DiagramStore::cover(Diagram diagram, std::span<const std::size_t> widen,
                                        std::size_t most, Diagram care, std::size_t easily) {
  const Diagram outside = subtract(some(care), some(diagram));
  Cover result;
  result.rest = diagram;
  const std::size_t enough = std::min(nodes() + 100'000, most_nodes_ / 2);
  const auto go_on = [&] {
    const std::size_t count = result.cubes.size();
    return !exhausted_ && (count < most || (count < easily && nodes() < enough));
  };
  while (go_on()) {
    const auto found = witness(result.rest);
    if (!found)
      break;
    result.cubes.push_back(widened(*found, outside, widen));
    result.rest = subtract(result.rest, box(result.cubes.back(), kMostOutcomes, 0));
  }
  return result;
}

}  // namespace quay
