// Functions from packets to outcomes, as decision diagrams.
//
// A packet is one number for each level; a diagram maps every packet to a set of outcomes. Inner
// nodes ask for one level's value and have a child for each interval of values; levels are asked in
// order and may be left out. Nodes are shared and reduced: equal functions are equal numbers, so
// that two rulesets are compared by comparing two integers (multi-terminal interval decision
// diagrams; docs/packetset.md).
//
// What a store holds is freed all at once, with it: make one for each analysis.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/interval_set.h"

namespace quay {

// What may become of a packet, bit by bit; more than one bit: not known which. What the bits mean
// is the caller's, except that kContinue marks what a sequence has not decided yet. Where sets are
// not needed they may as well be numbers, even ones, such as a rule's. At most kMostOutcomes.
using Outcomes = std::uint32_t;
inline constexpr Outcomes kContinue = 1;
inline constexpr Outcomes kMostOutcomes = (1U << 24) - 1;

// The outcome of DiagramStore::decide(): of what number the rule is that decides, its verdict, and
// that of the next rule of another number. A verdict is from 1 to 7; 0: there is none.
struct Decision {
  std::uint32_t number = 0;  // from 1 to kMost
  std::uint32_t verdict = 0;
  std::uint32_t otherwise = 0;

  static constexpr std::uint32_t kMost = (kMostOutcomes >> 6);
  static Decision of(Outcomes outcomes) { return {outcomes >> 6, outcomes >> 3 & 7, outcomes & 7}; }
  Outcomes outcomes() const { return number << 6 | verdict << 3 | otherwise; }
};

// A function, by number, within one store.
using Diagram = std::uint32_t;

// What a packet has at a level. Levels of many values (ports, addresses) are given as classes of
// values that nothing tells apart (packetset/packet_space.h).
using Value = std::uint32_t;

// Packets: for each level the values that they may have there, all combinations of them.
struct Cube {
  std::vector<IntervalSet<Value>> values;  // one for each level, none empty
  bool operator==(const Cube&) const = default;
};

class DiagramStore {
 public:
  // The levels in the order in which they are asked for: for each of its values, from 0 on, how
  // much of all packets has it. At most `most_nodes` nodes are made.
  explicit DiagramStore(const std::vector<std::vector<double>>& weights,
                        std::size_t most_nodes = 20'000'000);

  std::size_t levels() const { return last_.size(); }
  Value last(std::size_t level) const { return last_[level]; }  // the greatest value
  std::size_t nodes() const { return nodes_.size(); }

  // True once the nodes did not suffice. Every diagram made since is meaningless.
  bool exhausted() const { return exhausted_; }

  // Every packet has the same outcomes.
  static Diagram constant(Outcomes outcomes) { return outcomes; }

  // Asks `level` first: packets whose value lies in a piece go on with its diagram, all others with
  // `otherwise`. Pieces are sorted and disjoint; the diagrams ask for later levels only.
  struct Piece {
    Interval<Value> values;
    Diagram then = 0;
  };
  Diagram branch(std::size_t level, std::span<const Piece> pieces, Diagram otherwise);
  // The same with one diagram for all pieces.
  Diagram branch(std::size_t level, const IntervalSet<Value>& values, Diagram then,
                 Diagram otherwise);
  // `inside` for the packets of the cube, `outside` for all others.
  Diagram box(const Cube& cube, Outcomes inside, Outcomes outside);

  Diagram unite(Diagram a, Diagram b) { return apply(Operation::Unite, a, b); }
  Diagram unite(std::span<const Diagram> all) {
    return all.empty() ? 0 : fold(Operation::Unite, all);
  }
  Diagram intersect(Diagram a, Diagram b) { return apply(Operation::Intersect, a, b); }
  // The outcomes of `a` that are not outcomes of `b`.
  Diagram subtract(Diagram a, Diagram b) { return apply(Operation::Subtract, a, b); }
  // `first`, and where that may continue, `then` as well.
  Diagram sequence(Diagram first, Diagram then) { return apply(Operation::Sequence, first, then); }
  // All of them one after the other; kContinue when there is none. Halves are put together, which
  // is many times faster than one after the other.
  Diagram sequence(std::span<const Diagram> steps);
  // Who decides a packet, and what would become of it without him: outcomes are Decisions, and the
  // lists follow each other. Neighbours of one number count as one.
  Diagram decide(Diagram first, Diagram then) { return apply(Operation::Decide, first, then); }
  Diagram decide(std::span<const Diagram> steps);
  // Outcome 1 where the two differ, none elsewhere.
  Diagram difference(Diagram a, Diagram b) { return apply(Operation::Differ, a, b); }
  // Every set of outcomes replaced by another.
  Diagram replace(Diagram diagram, const std::function<Outcomes(Outcomes)>& by);

  // kMostOutcomes where there is some outcome, 0 elsewhere.
  Diagram some(Diagram diagram);

  // What becomes of packets whose value at `level` is another by now: `value`, or any there is, and
  // then their outcomes are those of all values together.
  Diagram restrict(Diagram diagram, std::size_t level, Value value);
  Diagram forget(Diagram diagram, std::size_t level);

  // The outcomes of one packet: a value for each level, within its range.
  Outcomes at(Diagram diagram, std::span<const Value> packet) const;

  // Every set of outcomes that some packet has, ascending.
  std::vector<Outcomes> outcomes(Diagram diagram) const;

  // How much of all packets has some outcome, from 0 to 1.
  double share(Diagram diagram) const;
  double share(const Cube& cube) const;

  // One cube whose packets all have some outcome, as wide as is easily found; nullopt when no
  // packet has one.
  std::optional<Cube> witness(Diagram diagram) const;

  // Cubes that cover the packets with some outcome, each as wide as can be, and may overlap. Levels
  // are widened in the order of `widen`, which names each once. At most `most`, the widest found
  // first, and up to `easily` where that takes few nodes; `rest` is then what they leave out.
  // Packets without an outcome in `care` may be covered or not.
  struct Cover {
    std::vector<Cube> cubes;
    Diagram rest = 0;
  };
  Cover cover(Diagram diagram, std::span<const std::size_t> widen, std::size_t most,
              Diagram care = kMostOutcomes, std::size_t easily = 0);

  // For drawings and tests: what a node asks for, and its children with the last value of each.
  struct View {
    std::size_t level = 0;
    std::span<const Value> last;
    std::span<const Diagram> children;
  };
  static bool is_constant(Diagram diagram) { return diagram <= kMostOutcomes; }
  View view(Diagram diagram) const;

 private:
  static constexpr Diagram kConstants = kMostOutcomes + 1;  // nodes are numbered from here

  enum class Operation : std::uint8_t {
    None,
    Unite,
    Intersect,
    Subtract,
    Sequence,
    Decide,
    Differ
  };
  struct Node {
    std::size_t first = 0;  // of its edges
    std::uint32_t count = 0;
    std::uint32_t level = 0;
  };
  struct Remembered {
    Diagram a = 0;
    Diagram b = 0;
    Diagram result = 0;
    Operation operation = Operation::None;
  };
  struct Edge {
    Value last = 0;
    Diagram child = 0;
  };

  std::size_t level_of(Diagram diagram) const {
    return is_constant(diagram) ? last_.size() : nodes_[diagram - kConstants].level;
  }
  static std::optional<Diagram> at_once(Operation operation, Diagram a, Diagram b);
  static Outcomes combined(Operation operation, Outcomes a, Outcomes b);
  Diagram apply(Operation operation, Diagram a, Diagram b);
  Diagram fold(Operation operation, std::span<const Diagram> steps);
  Diagram merge(Operation operation, Diagram a, Diagram b);
  // Takes the edges from `scratch_` from `begin` on.
  Diagram make(std::size_t level, std::size_t begin);
  void add_edge(std::size_t begin, Value last, Diagram child);
  std::size_t slot_of(std::size_t level, std::size_t begin) const;
  void grow();
  Remembered& remembered(Operation operation, Diagram a, Diagram b);
  // How much of a level an interval of its values is.
  double part_of(std::size_t level, Value first, Value last) const {
    return up_to_[level][last + 1] - up_to_[level][first];
  }
  // Every node of `level` replaced by what `by` makes of it.
  Diagram at_level(Diagram diagram, std::size_t level, const std::function<Diagram(Diagram)>& by);
  Cube widened(const Cube& cube, Diagram outside, std::span<const std::size_t> widen);
  IntervalSet<Value> values_at(Diagram diagram, std::size_t level) const;

  std::vector<Value> last_;
  std::vector<std::vector<double>> up_to_;  // of each level: the weights of the values before
  std::size_t most_nodes_;
  bool exhausted_ = false;
  std::vector<Node> nodes_;
  std::vector<Value> edge_last_;
  std::vector<Diagram> edge_child_;
  std::vector<Diagram> unique_;  // hash table of node numbers; 0: free
  std::vector<Remembered> results_;
  std::vector<Edge> scratch_;
};

}  // namespace quay
