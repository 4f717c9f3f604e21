#include "packetset/filter_levels.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>
#include <netinet/in.h>

#include "model/packet.h"
#include "model/protocol.h"
#include "packetset/filter_way.h"

namespace quay::filter {
namespace {

constexpr double kHalf = 0.5;

bool names(const Field& field) {
  return field.kind == Kind::InInterface || field.kind == Kind::OutInterface;
}

Number most_of(const Field& field, Family family) {
  if (field.kind == Kind::State)
    return kStates - 1;
  const int bits = width(field, family);
  return bits >= 128 ? ~Number{0} : (Number{1} << bits) - 1;
}

// The place of a field among the levels of a host's or a router's diagram; atoms are at kAtoms.
constexpr int kAtoms = 4;

int rank(const Field& field, Order order) {
  const bool router = order == Order::Router;
  switch (field.kind) {
    case Kind::Family:
    case Kind::State:
      return 0;
    case Kind::InInterface:
      return router ? 1 : 12;
    case Kind::OutInterface:
      return router ? 1 : 13;
    case Kind::Protocol:
      return 2;
    case Kind::Other:
    case Kind::Mark:
      return 3;
    case Kind::Source:
      return kAtoms + 1;
    case Kind::Destination:
      return kAtoms + 2;
    case Kind::DestinationPort:
      return kAtoms + 3;
    case Kind::SourcePort:
      return kAtoms + 4;
    case Kind::TcpFlags:
      return kAtoms + 5;
    case Kind::SourceMac:
      break;
  }
  return kAtoms + 6;
}

// How readily a field is widened in an answer.
int plainness(const Field& field) {
  constexpr std::array<Kind, 12> order{
      Kind::TcpFlags,   Kind::SourceMac,   Kind::Mark,        Kind::Other,
      Kind::SourcePort, Kind::State,       Kind::InInterface, Kind::OutInterface,
      Kind::Source,     Kind::Destination, Kind::Protocol,    Kind::DestinationPort};
  return static_cast<int>(std::ranges::find(order, field.kind) - order.begin());
}

}  // namespace

std::optional<Values> carriers_of(const Field& field) {
  if (!field.name.ends_with(" exists"))
    return std::nullopt;
  for (const auto& [prefix, protocol] :
       {std::pair{"tcp option ", IPPROTO_TCP}, std::pair{"sctp chunk ", IPPROTO_SCTP}})
    if (field.name.starts_with(prefix)) {
      const auto number = static_cast<Number>(protocol);
      return Values{
          .field = {.kind = Kind::Protocol}, .numbers = Numbers({{number, number}}), .names = {}};
    }
  return std::nullopt;
}

void InterfaceClasses::add(const std::string& name) {
  if (std::ranges::find(names_, name) == names_.end())
    names_.push_back(name);
}

IntervalSet<Value> InterfaceClasses::matching(const Values& values) const {
  std::vector<Interval<Value>> found;
  for (Value number = 0; number < names_.size(); ++number) {
    const std::string_view name = number == kOther ? std::string_view("\n") : names_[number];
    const bool listed = std::ranges::any_of(values.names, [&](std::string_view pattern) {
      return pattern.ends_with('*') ? name.starts_with(pattern.substr(0, pattern.size() - 1))
                                    : name == pattern;
    });
    if (listed != values.but_names)
      found.push_back({number, number});
  }
  return IntervalSet<Value>(std::move(found));
}

Value InterfaceClasses::of(std::string_view name) const {
  Value best = kOther;
  for (Value number = kNone; number < names_.size(); ++number) {
    const std::string_view pattern = names_[number];
    if (pattern == name)
      return number;
    if (pattern.ends_with('*') && name.starts_with(pattern.substr(0, pattern.size() - 1)) &&
        (best == kOther || pattern.size() > names_[best].size()))
      best = number;
  }
  return best;
}

Values InterfaceClasses::values(const Field& field, const IntervalSet<Value>& classes) const {
  Values values{.field = field, .numbers = {}, .names = {}, .but_names = classes.contains(kOther)};
  for (Value number = 1; number < names_.size(); ++number)
    if (classes.contains(number) != values.but_names)
      values.names.push_back(names_[number]);
  return values;
}

FilterLevels::FilterLevels(Family family, std::span<const Ruleset* const> rulesets,
                           std::span<const Box> questions, Order order)
    : family_(family) {
  for (const Kind kind : {Kind::State, Kind::InInterface, Kind::OutInterface})
    note(Box{{.field = {.kind = kind}, .numbers = {}, .names = {}}});
  for (const Ruleset* ruleset : rulesets)
    note(*ruleset, ruleset == rulesets.front() || translate_alike(*rulesets.front(), *ruleset));
  for (const Box& box : questions)
    note(box);
  for (const Ruleset* ruleset : rulesets)
    note_assigned(*ruleset);
  const Number last_state = kStates - 1;
  for (Number state = 0; state <= last_state; ++state)
    axes_.at({.kind = Kind::State}).tell_apart(Numbers({{state, state}}));
  lay_out(order);
}

void FilterLevels::note(const Ruleset& ruleset, bool alike) {
  ++ruleset_;
  like_the_first_ = alike;
  Counts seen;
  std::map<Hook, int> translating;
  for (const Table& table : ruleset.tables)
    for (const Chain& chain : table.chains) {
      if (chain.base)
        note(*chain.base, translating[chain.base->hook]);
      for (const Rule& rule : chain.rules)
        note(rule, seen);
    }
}

// `translating` counts the chains of its hook that translate.
void FilterLevels::note(const Base& base, int& translating) {
  for (const std::string& device : base.devices)
    interfaces_.add(device);
  if (is_before_conntrack(base))
    note(Box{comes_tracked()});
  if (!base.nat)
    return;
  for (const Box& box : past_translation(base))
    note(box);
  // Where several chains translate, the first that does is the last that is asked.
  if (translating++ > 0)
    note(Box{
        {.field = translated(translates_destinations(base.hook)), .numbers = Numbers({{0, 0}})}});
}

void FilterLevels::note(const Rule& rule, Counts& seen) {
  for (const Condition& condition : rule.conditions)
    if (const auto* atom = std::get_if<Atom>(&condition))
      note(*atom, seen);
    else
      for (const Box& box : std::get<Test>(condition).boxes)
        note(box);
  if (rule.map)
    for (const auto& [box, verdict] : *rule.map)
      note(box);
}

// Values that are assigned matter where somebody asks for the field.
void FilterLevels::note_assigned(const Ruleset& ruleset) {
  for (const Table& table : ruleset.tables)
    for (const Chain& chain : table.chains)
      for (const Rule& rule : chain.rules)
        for (const Assign& assign : rule.assigns)
          if (const auto axis = axes_.find(assign.field); assign.value && axis != axes_.end())
            axis->second.tell_apart(Numbers({{*assign.value, *assign.value}}));
}

void FilterLevels::note(const Box& box) {
  if (of_other_family(box))  // its other fields may be ones that no packet of this family has
    return;
  for (const Values& values : box) {
    if (values.field.kind == Kind::Family)
      continue;
    note(values);
    if (auto carriers = carriers_of(values.field))
      note(Box{*std::move(carriers)});
    if (auto other = other_form(values.field))
      note(Values{.field = *std::move(other), .numbers = values.numbers, .names = {}});
  }
}

void FilterLevels::note(const Values& values) {
  axes_.try_emplace(values.field, most_of(values.field, family_));
  if (names(values.field))
    for (const std::string& name : values.names)
      interfaces_.add(name);
  else
    tell_apart(values);
}

// Where hops are counted, a value is asked for before and after that.
void FilterLevels::tell_apart(const Values& values) {
  Axis<Number>& axis = axes_.at(values.field);
  const Numbers asked = in_range(values);
  axis.tell_apart(asked);
  if (!counts_hops(values.field))
    return;
  const Number most = most_of(values.field, family_);
  for (const Interval<Number>& interval : asked.intervals())
    axis.tell_apart(
        Numbers({{std::min(interval.first + 1, most), std::min(interval.last + 1, most)}}));
}

// An atom that depends on what was before has an answer of its own in every rule. Rules are
// counted, so that the same rule of another ruleset is asked the same, where it can be.
std::string FilterLevels::name_of(const Atom& atom, std::size_t number) const {
  std::string name = number == 1 ? atom.text : fmt::format("{} ({})", atom.text, number);
  const bool other = atom.elsewhere == Atom::Elsewhere::Other ||
                     (atom.elsewhere == Atom::Elsewhere::Translated && !like_the_first_);
  return other && ruleset_ > 1 ? fmt::format("{} (of ruleset {})", name, ruleset_) : name;
}

void FilterLevels::note(const Atom& atom, Counts& seen) {
  atom_names_[&atom] = name_of(atom, atom.stateful ? ++seen[atom.text] : 1);
}

void FilterLevels::add_atoms() {
  std::map<std::string, std::size_t> by_name;
  for (const auto& [atom, name] : atom_names_)
    by_name[name] = 0;
  for (auto& [name, level] : by_name) {
    level = levels_.size();
    levels_.push_back({std::nullopt, name, 1});
  }
  for (const auto& [atom, name] : atom_names_)
    atoms_[atom] = by_name[name];
}

void FilterLevels::lay_out(Order order) {
  std::vector<Field> fields;
  for (auto& [field, axis] : axes_) {
    axis.finish();
    fields.push_back(field);
  }
  std::ranges::stable_sort(fields, {}, [&](const Field& field) { return rank(field, order); });
  const auto after_atoms =
      std::ranges::find_if(fields, [&](const Field& field) { return rank(field, order) > kAtoms; });
  for (auto field = fields.begin(); field != fields.end(); ++field) {
    if (field == after_atoms)
      add_atoms();
    fields_[*field] = levels_.size();
    const auto classes = axes_.at(*field).count();
    levels_.push_back(
        {*field, {}, names(*field) ? interfaces_.last() : static_cast<Value>(classes - 1)});
  }
  if (after_atoms == fields.end())
    add_atoms();
  for (const Level& level : levels_)
    everything_.values.push_back(IntervalSet<Value>::up_to(level.last));
}

std::vector<std::vector<double>> FilterLevels::weights() const {
  std::vector<std::vector<double>> weights;
  for (const Level& level : levels_) {
    if (!level.field)
      weights.push_back({kHalf, kHalf});
    else if (names(*level.field))
      weights.emplace_back(interfaces_.last() + 1, 1. / (interfaces_.last() + 1));
    else
      weights.push_back(axes_.at(*level.field).weights());
  }
  return weights;
}

std::optional<std::size_t> FilterLevels::level(const Field& field) const {
  const auto found = fields_.find(field);
  return found == fields_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::size_t> FilterLevels::atom_levels() const {
  std::vector<std::size_t> found;
  for (std::size_t level = 0; level < levels_.size(); ++level)
    if (!levels_[level].field)
      found.push_back(level);
  return found;
}

// A rule may ask for the other family's addresses, behind a condition that says so: no packet of
// this one has them.
Numbers FilterLevels::in_range(const Values& values) const {
  return values.numbers.intersect(Numbers::up_to(most_of(values.field, family_)));
}

IntervalSet<Value> FilterLevels::classes(const Values& values) const {
  if (names(values.field))
    return interfaces_.matching(values);
  return axes_.at(values.field).classes(in_range(values));
}

Value FilterLevels::class_of(const Field& field, Number number) const {
  return axes_.at(field).classes(Numbers({{number, number}})).intervals().front().first;
}

Number FilterLevels::first_of(const Field& field, Value value) const {
  return axes_.at(field).values(IntervalSet<Value>({{value, value}})).intervals().front().first;
}

Value FilterLevels::one_less(const Field& field, Value value) const {
  const Number first = first_of(field, value);
  return class_of(field, first == 0 ? 0 : first - 1);
}

Value FilterLevels::same_value(const Field& from, const Field& to, Value value) const {
  return class_of(to, first_of(from, value));
}

bool FilterLevels::of_other_family(const Box& box) const {
  const Number ours = family_ == Family::V4 ? 0 : 1;
  return std::ranges::any_of(box, [&](const Values& values) {
    return values.field.kind == Kind::Family && !values.numbers.contains(ours);
  });
}

bool FilterLevels::narrow(Cube& cube, const Box& box) const {
  if (of_other_family(box))
    return false;
  for (const Values& values : box) {
    if (values.field.kind == Kind::Family)
      continue;
    IntervalSet<Value>& left = cube.values[fields_.at(values.field)];
    left = left.intersect(classes(values));
    if (left.empty())
      return false;
  }
  return true;
}

Region FilterLevels::region(const Cube& cube) const {
  Region region;
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    const IntervalSet<Value>& classes = cube.values[level];
    if (classes == everything_.values[level])
      continue;
    const Level& known = levels_[level];
    if (!known.field)
      region.atoms.emplace_back(known.atom, classes.contains(1));
    else if (names(*known.field))
      region.box.push_back(interfaces_.values(*known.field, classes));
    else
      region.box.push_back(
          {.field = *known.field, .numbers = axes_.at(*known.field).values(classes), .names = {}});
  }
  return region;
}

std::vector<Value> FilterLevels::values(const Point& point) const {
  std::vector<Value> values;
  for (const Level& level : levels_) {
    if (!level.field) {
      const auto known = point.atoms.find(level.atom);
      values.push_back(known != point.atoms.end() && known->second ? 1 : 0);
    } else if (names(*level.field)) {
      values.push_back(interfaces_.of(
          level.field->kind == Kind::InInterface ? point.in_interface : point.out_interface));
    } else {
      const auto known = point.numbers.find(*level.field);
      values.push_back(class_of(*level.field, known == point.numbers.end() ? 0 : known->second));
    }
  }
  return values;
}

namespace {

// Addresses for documentation (RFC 5737, RFC 3849), and an address of a private network.
std::vector<Number> usual_addresses(Family family, bool source) {
  if (family == Family::V4)
    return source ? std::vector<Number>{0xc6336407, 0xc0a80107} : std::vector<Number>{0xc0000201};
  constexpr Number documentation = Number{0x20010db8} << 96;
  return {documentation + (source ? 7 : 1)};
}

// The most usual of some numbers.
Number usual(const Field& field, const Numbers& numbers, Family family) {
  std::vector<Number> wanted;
  if (field.kind == Kind::Protocol)
    wanted = family == Family::V4 ? std::vector<Number>{6, 17, 1, 47}
                                  : std::vector<Number>{6, 17, 58, 47};
  if (counts_hops(field))
    wanted = {64};
  if (field.kind == Kind::DestinationPort)
    wanted = {22, 80, 443, 40000};
  if (field.kind == Kind::SourcePort)
    wanted = {40000};
  if (field.kind == Kind::TcpFlags)
    wanted = {2};  // SYN
  if (field.kind == Kind::Source || field.kind == Kind::Destination)
    wanted = usual_addresses(family, field.kind == Kind::Source);
  for (const Number number : wanted)
    if (numbers.contains(number))
      return number;
  const Interval<Number>& first = numbers.intervals().front();
  const bool zero_means_nothing = first.first == 0 && first.last > 0 &&
                                  (field.kind == Kind::Source || field.kind == Kind::Destination);
  return zero_means_nothing ? 1 : first.first;
}

}  // namespace

// What nobody asks for may be anything; of ICMP it is an echo request where it can be.
void FilterLevels::add_unasked(const Cube& cube, Point& point) const {
  for (const Kind kind : {Kind::State, Kind::Protocol, Kind::Source, Kind::Destination,
                          Kind::SourcePort, Kind::DestinationPort})
    if (const Field field{.kind = kind}; !point.numbers.contains(field))
      point.numbers[field] = usual(field, Numbers::up_to(most_of(field, family_)), family_);
  const Field type{.kind = Kind::SourcePort};
  const Number protocol = point.numbers[{.kind = Kind::Protocol}];
  if (protocol == static_cast<Number>(Protocol::Icmp) ||
      protocol == static_cast<Number>(Protocol::Icmpv6)) {
    const auto at = level(type);
    const Number echo = family_ == Family::V4 ? 8 << 8 : 128 << 8;
    if (!at || axes_.at(type).values(cube.values[*at]).contains(echo))
      point.numbers[type] = echo;
  }
}

Point FilterLevels::point(const Cube& cube, Direction direction) const {
  Point point{.direction = direction, .family = family_};
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    const IntervalSet<Value>& classes = cube.values[level];
    const Level& known = levels_[level];
    if (!known.field) {
      point.atoms[known.atom] = !classes.contains(0);
    } else if (names(*known.field)) {
      const Value first = classes.intervals().front().first;
      std::string name = first == InterfaceClasses::kOther ? "other0" : interfaces_.name(first);
      if (name.ends_with('*'))
        name.back() = '9';
      (known.field->kind == Kind::InInterface ? point.in_interface : point.out_interface) = name;
    } else {
      point.numbers[*known.field] =
          usual(*known.field, axes_.at(*known.field).values(classes), family_);
    }
  }
  add_unasked(cube, point);
  return point;
}

std::vector<std::size_t> FilterLevels::widening() const {
  std::vector<std::size_t> order(levels_.size());
  for (std::size_t level = 0; level < order.size(); ++level)
    order[level] = level;
  std::ranges::stable_sort(order, {}, [&](std::size_t level) {
    const auto& field = levels_[level].field;
    return field ? plainness(*field) : -1;
  });
  return order;
}

}  // namespace quay::filter
