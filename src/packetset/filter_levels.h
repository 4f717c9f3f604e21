// The levels of a packet filter's diagrams: the fields and atoms that its rules ask for, and the
// few values of each that they tell apart.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/filter.h"
#include "packetset/axis.h"
#include "packetset/diagram.h"

namespace quay::filter {

// The interfaces that an analysis tells apart, each by a small number: every name that a rule
// mentions, and for every wildcard the names that it alone means. Number 0 is any other interface,
// number 1 none at all.
class InterfaceClasses {
 public:
  static constexpr Value kOther = 0;
  static constexpr Value kNone = 1;

  void add(const std::string& name);
  Value last() const { return static_cast<Value>(names_.size() - 1); }
  IntervalSet<Value> matching(const Values& values) const;
  // Of a full name, by the longest wildcard where it is not listed itself.
  Value of(std::string_view name) const;
  // As Values say it.
  Values values(const Field& field, const IntervalSet<Value>& classes) const;
  const std::string& name(Value number) const { return names_[number]; }

 private:
  std::vector<std::string> names_{"any other interface", ""};
};

// The packets that alone can have what the field tells of, where headers of one protocol hold it:
// of others the kernel answers that it is not there (net/netfilter/nft_exthdr.c). Levels that tell
// the field apart tell these apart as well.
std::optional<Values> carriers_of(const Field& field);

// Which of the levels are asked first. Measured: a host's rules want addresses before interfaces,
// a router's the other way round; the wrong order makes diagrams many times larger.
enum class Order : std::uint8_t { Host, Router };

class FilterLevels {
 public:
  // Tells apart what the rules and the questions tell apart, and nothing else: only these, and what
  // is made of them, can be asked for. Rulesets outlive the levels; the atoms of their rules are
  // known by their place in memory.
  FilterLevels(Family family, std::span<const Ruleset* const> rulesets,
               std::span<const Box> questions, Order order);

  Family family() const { return family_; }
  std::size_t count() const { return levels_.size(); }
  std::vector<std::vector<double>> weights() const;

  // The level of a field or an atom; nullopt for a field that nobody asks for.
  std::optional<std::size_t> level(const Field& field) const;
  std::size_t level(const Atom& atom) const { return atoms_.at(&atom); }
  std::vector<std::size_t> atom_levels() const;
  // The fields that have a level, and which.
  const std::map<Field, std::size_t>& fields() const { return fields_; }
  const InterfaceClasses& interfaces() const { return interfaces_; }

  // Every packet.
  const Cube& everything() const { return everything_; }
  // Takes from a cube what is not in the box. False when nothing is left.
  bool narrow(Cube& cube, const Box& box) const;
  // The classes of values at their field's level.
  IntervalSet<Value> classes(const Values& values) const;
  // The class of one value; of a field that has a level.
  Value class_of(const Field& field, Number number) const;
  // The class that the values of a class are in when they are one less; 0 stays. Of a field that
  // counts_hops().
  Value one_less(const Field& field, Value value) const;
  // The class of one field that the values of another one's class are in. Of two forms of a field,
  // see other_form().
  Value same_value(const Field& from, const Field& to, Value value) const;

  Region region(const Cube& cube) const;
  // A packet's value at each level.
  std::vector<Value> values(const Point& point) const;
  // Some packet of the cube.
  Point point(const Cube& cube, Direction direction) const;

  // What people need least, first: in which order to widen an answer.
  std::vector<std::size_t> widening() const;

 private:
  struct Level {
    std::optional<Field> field;
    std::string atom;  // its name, where there is no field
    Value last = 0;
  };
  using Counts = std::map<std::string, std::size_t>;

  void add_unasked(const Cube& cube, Point& point) const;
  void note(const Ruleset& ruleset, bool alike);
  void note(const Rule& rule, Counts& seen);
  void note(const Base& base, int& translating);
  void note(const Box& box);
  void note(const Values& values);
  void note(const Atom& atom, Counts& seen);
  std::string name_of(const Atom& atom, std::size_t number) const;
  void tell_apart(const Values& values);
  Numbers in_range(const Values& values) const;
  Number first_of(const Field& field, Value value) const;
  bool of_other_family(const Box& box) const;
  void note_assigned(const Ruleset& ruleset);
  void lay_out(Order order);
  void add_atoms();

  Family family_;
  InterfaceClasses interfaces_;
  std::map<Field, Axis<Number>> axes_;  // of the fields that are asked for
  std::map<Field, std::size_t> fields_;
  std::size_t ruleset_ = 0;     // the one that is noted, from 1 on
  bool like_the_first_ = true;  // as far as translations go
  std::map<const Atom*, std::string> atom_names_;
  std::map<const Atom*, std::size_t> atoms_;
  std::vector<Level> levels_;
  Cube everything_;
};

}  // namespace quay::filter
