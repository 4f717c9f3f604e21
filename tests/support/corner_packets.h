// Packets on the corners of a ruleset: values at both ends of every interval that it asks for, and
// beside them, where mistakes are.
#pragma once

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "model/filter.h"

namespace quay::filter {

class CornerPackets {
 public:
  CornerPackets(Family family, unsigned seed) : family_(family), random_(seed) {
    in_.push_back("other0");
    out_.push_back("other0");
  }

  void add(const Ruleset& ruleset) {
    for (const Table& table : ruleset.tables)
      for (const Chain& chain : table.chains)
        for (const Rule& rule : chain.rules)
          for (const Condition& condition : rule.conditions)
            add(condition);
  }

  // Values of the transport header are those of any protocol. Atoms that are not stateful are true
  // or false by chance.
  Point next(Direction direction) {
    Point point{.direction = direction, .family = family_};
    if (direction != Direction::Out)
      point.in_interface = one_of(in_);
    if (direction != Direction::In)
      point.out_interface = one_of(out_);
    for (const auto& [field, corners] : corners_)
      point.numbers[field] = number(field, corners);
    for (const std::string& atom : atoms_)
      point.atoms[atom] = chance(2);
    return point;
  }

  bool chance(unsigned in) { return random_() % in == 0; }

 private:
  using Values_ = std::vector<Number>;

  void add(const Condition& condition) {
    if (const auto* atom = std::get_if<Atom>(&condition)) {
      if (!atom->stateful)
        atoms_.insert(atom->text);
      return;
    }
    for (const Box& box : std::get<Test>(condition).boxes)
      for (const Values& values : box)
        add(values);
  }

  void add(const Values& values) {
    if (values.field.kind == Kind::InInterface || values.field.kind == Kind::OutInterface) {
      auto& names = values.field.kind == Kind::InInterface ? in_ : out_;
      for (std::string name : values.names) {
        if (name.ends_with('*'))
          name.back() = '7';
        names.push_back(name);
      }
      return;
    }
    Values_& corners = corners_[values.field];
    const Number most = most_of(width(values.field, family_));
    for (const auto& [first, last] : values.numbers.intervals())
      for (const Number corner : {first - 1, first, last, last + 1})
        if (corner <= most)
          corners.push_back(corner);
  }

  static Number most_of(int bits) { return bits >= 128 ? ~Number{0} : (Number{1} << bits) - 1; }

  Number number(const Field& field, const Values_& corners) {
    if (field.kind == Kind::State)
      return random_() % kStates;
    if (!corners.empty() && !chance(5))
      return corners[random_() % corners.size()];
    Number any = 0;
    for (int i = 0; i < 4; ++i)
      any = any << 32 | random_();
    return any & most_of(width(field, family_));
  }

  const std::string& one_of(const std::vector<std::string>& names) {
    return names[random_() % names.size()];
  }

  Family family_;
  std::mt19937 random_;
  std::map<Field, Values_> corners_;
  std::vector<std::string> in_;
  std::vector<std::string> out_;
  std::set<std::string> atoms_;
};

}  // namespace quay::filter
