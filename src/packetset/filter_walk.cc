#include "packetset/filter_walk.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace quay::filter {
namespace {

constexpr std::size_t kDeepest = 32;    // of jumps; the kernel allows 16
constexpr std::size_t kMostForks = 10;  // where something is unknown; beyond, everything may happen

bool names_match(const Values& values, std::string_view name) {
  const bool listed = std::ranges::any_of(values.names, [&](std::string_view pattern) {
    if (pattern.ends_with('*'))
      return name.starts_with(pattern.substr(0, pattern.size() - 1));
    return name == pattern;
  });
  return listed != values.but_names;
}

// A packet on its way: what it is by now, and where.
struct Traveller {
  struct Frame {
    const Chain* chain = nullptr;
    std::size_t next = 0;
    bool gone_to = false;  // by goto: its end is the end of the frame below as well
  };
  Assigned assigned;
  bool lost_route = false;
  std::size_t stop = 0;
  std::vector<Frame> frames;
};

class Walker {
 public:
  Walker(std::span<const Stop> way, const Point& packet) : packet_(packet), way_(way) {}

  Walk take() {
    Walk walk;
    travel({}, &walk.steps);
    walk.fate = fate_;
    return walk;
  }

 private:
  enum class Answer : std::uint8_t { No, Yes, Unknown };

  void travel(Traveller traveller, std::vector<Step>* steps);
  bool step(Traveller& traveller, std::vector<Step>* steps);
  bool follow(const Verdict& verdict, Traveller& traveller, std::vector<Step>* steps);
  bool go_back(Traveller& traveller, std::vector<Step>* steps);
  bool end(Fate fate) {
    fate_ |= fate;
    return false;
  }
  bool fork(Traveller other);
  Answer matches(const Rule& rule, const Traveller& traveller) const;
  Answer holds(const Condition& condition, const Traveller& traveller) const;
  Answer inside(const Box& box, const Traveller& traveller) const;
  std::optional<Number> number_of(const Field& field, const Traveller& traveller) const;
  std::optional<Number> state_before_conntrack(const Base& base, Number state) const;
  std::optional<std::string_view> interface_of(Kind kind, const Traveller& traveller) const;
  Answer has(const Values& values, const Traveller& traveller) const;
  Answer asked(const Stop& stop, const Traveller& traveller) const;
  std::optional<Verdict> verdict_of(const Rule& rule, const Traveller& traveller) const;

  const Point& packet_;
  std::span<const Stop> way_;
  Fate fate_ = 0;
  std::size_t forks_ = 0;
};

// The number that a packet has by now; nullopt where it was assigned one that is not known.
std::optional<Number> Walker::number_of(const Field& field, const Traveller& traveller) const {
  if (field.kind == Kind::Family)
    return packet_.family == Family::V4 ? 0 : 1;
  if (const auto found = traveller.assigned.find(field); found != traveller.assigned.end())
    return found->second;
  if (traveller.lost_route && follows_route(field))
    return std::nullopt;
  const Stop& stop = way_[traveller.stop];
  if (field == is_on_device()) {
    if (stop.base->hook == Hook::Output)
      return std::nullopt;
    return is_leaving(stop) || !packet_.in_interface.empty() ? 1 : 0;
  }
  const auto known = packet_.numbers.find(as_asked(field, stop));
  const Number number = known == packet_.numbers.end() ? 0 : known->second;
  if (field.kind == Kind::State && is_before_conntrack(*stop.base))
    return state_before_conntrack(*stop.base, number);
  return stop.sent_on() && counts_hops(field) && number > 0 ? number - 1 : number;
}

std::optional<Number> Walker::state_before_conntrack(const Base& base, Number state) const {
  if (base.hook == Hook::Output && may_leave_tracked().numbers.contains(state))
    return std::nullopt;
  if (base.hook != Hook::Output && names_match(comes_tracked(), packet_.in_interface))
    return state;
  return static_cast<Number>(State::Invalid);
}

Walker::Answer Walker::has(const Values& values, const Traveller& traveller) const {
  const Kind kind = values.field.kind;
  if (kind == Kind::InInterface || kind == Kind::OutInterface) {
    const auto name = interface_of(kind, traveller);
    if (!name)
      return Answer::Unknown;
    return names_match(values, *name) ? Answer::Yes : Answer::No;
  }
  const auto number = number_of(values.field, traveller);
  if (!number)
    return Answer::Unknown;
  return values.numbers.contains(*number) ? Answer::Yes : Answer::No;
}

std::optional<std::string_view> Walker::interface_of(Kind kind, const Traveller& traveller) const {
  const Stop& stop = way_[traveller.stop];
  if (kind == Kind::InInterface) {
    if (hides_in_interface(stop))
      return std::nullopt;
    return tells_in_interface(*stop.base) ? packet_.in_interface : std::string_view();
  }
  if (traveller.lost_route)
    return std::nullopt;
  return stop.before_routing() ? std::string_view() : packet_.out_interface;
}

Walker::Answer Walker::inside(const Box& box, const Traveller& traveller) const {
  Answer answer = Answer::Yes;
  for (const Values& values : box) {
    const Answer one = has(values, traveller);
    if (one == Answer::No)
      return one;
    if (one == Answer::Unknown)
      answer = one;
  }
  return answer;
}

Walker::Answer Walker::holds(const Condition& condition, const Traveller& traveller) const {
  if (const auto* atom = std::get_if<Atom>(&condition)) {
    const auto known = packet_.atoms.find(atom->text);
    if (atom->stateful && known == packet_.atoms.end())
      return Answer::Unknown;
    const bool is = known != packet_.atoms.end() && known->second;
    return is != atom->inverted ? Answer::Yes : Answer::No;
  }
  const auto& test = std::get<Test>(condition);
  Answer answer = Answer::No;
  for (const Box& box : test.boxes) {
    const Answer one = inside(box, traveller);
    if (one == Answer::Yes)
      return test.inverted ? Answer::No : Answer::Yes;
    if (one == Answer::Unknown)
      answer = one;
  }
  if (answer == Answer::Unknown)
    return answer;
  return test.inverted ? Answer::Yes : Answer::No;
}

// Chains for translation see the first packet of a flow alone, chains of devices their own packets.
Walker::Answer Walker::asked(const Stop& stop, const Traveller& traveller) const {
  const Base& base = *stop.base;
  if (base.nat) {
    const Values fresh{.field = translated(translates_destinations(base.hook)),
                       .numbers = Numbers({{0, 0}}),
                       .names = {}};
    const Values first{.field = {.kind = Kind::State}, .numbers = first_packets(), .names = {}};
    const Answer met = holds(Test{.boxes = past_translation(base), .inverted = true}, traveller);
    if (met == Answer::No)
      return met;
    const Answer here = inside({fresh, first}, traveller);
    return here == Answer::Yes && (stop.unsure || met == Answer::Unknown) ? Answer::Unknown : here;
  }
  if (base.hook == Hook::Ingress)
    return has({.field = {.kind = Kind::InInterface}, .numbers = {}, .names = base.devices},
               traveller);
  if (base.hook == Hook::Egress)
    return has({.field = {.kind = Kind::OutInterface}, .numbers = {}, .names = base.devices},
               traveller);
  return Answer::Yes;
}

// Nullopt: it depends on what is not known.
std::optional<Verdict> Walker::verdict_of(const Rule& rule, const Traveller& traveller) const {
  if (!rule.map)
    return rule.verdict;
  for (const auto& [box, verdict] : *rule.map) {
    const Answer one = inside(box, traveller);
    if (one == Answer::Unknown)
      return std::nullopt;
    if (one == Answer::Yes)
      return verdict;
  }
  return Verdict{};
}

Walker::Answer Walker::matches(const Rule& rule, const Traveller& traveller) const {
  Answer answer = Answer::Yes;
  for (const Condition& condition : rule.conditions) {
    const Answer one = holds(condition, traveller);
    if (one == Answer::No)
      return one;
    if (one == Answer::Unknown)
      answer = one;
  }
  return answer;
}

// The end of a chain, or `return`. False when the packet's way ends with it.
bool Walker::go_back(Traveller& traveller, std::vector<Step>* steps) {
  while (traveller.frames.back().gone_to)
    traveller.frames.pop_back();
  traveller.frames.pop_back();
  if (!traveller.frames.empty())
    return true;
  const Stop& stop = way_[traveller.stop];
  const Verdict::Kind policy = stop.base->policy;
  if (steps != nullptr)
    steps->push_back({stop.table, stop.chain, nullptr, {.kind = policy, .chain = {}}});
  ++traveller.stop;
  return policy != Verdict::Kind::Drop || end(kDropped);
}

// False when the packet's way ends with the verdict.
bool Walker::follow(const Verdict& verdict, Traveller& traveller, std::vector<Step>* steps) {
  switch (verdict.kind) {
    case Verdict::Kind::Continue:
      return true;
    case Verdict::Kind::Drop:
      return end(kDropped);
    case Verdict::Kind::Reject:
      return end(kRejected);
    case Verdict::Kind::Unknown:
      return end(kAnyFate);
    case Verdict::Kind::Return:
      return go_back(traveller, steps);
    case Verdict::Kind::Queue:
    case Verdict::Kind::Limit:
      fate_ |= verdict.kind == Verdict::Kind::Queue ? kDropped : kRejected;
      [[fallthrough]];
    case Verdict::Kind::Accept:
      traveller.frames.clear();
      ++traveller.stop;
      return true;
    case Verdict::Kind::Jump:
    case Verdict::Kind::Goto:
      break;
  }
  const Chain* next = chain_of(*way_[traveller.stop].table, verdict.chain);
  if (next == nullptr || traveller.frames.size() >= kDeepest)
    return end(kAnyFate);
  traveller.frames.push_back({next, 0, verdict.kind == Verdict::Kind::Goto});
  return true;
}

// Another way that the packet may take. False when there have been too many.
bool Walker::fork(Traveller other) {
  if (++forks_ > kMostForks)
    return end(kAnyFate);
  travel(std::move(other), nullptr);
  return true;
}

// One rule, or the end of a chain. False when the packet's way ends there.
bool Walker::step(Traveller& traveller, std::vector<Step>* steps) {
  Traveller::Frame& frame = traveller.frames.back();
  if (frame.next == frame.chain->rules.size())
    return go_back(traveller, steps);
  const Chain* chain = frame.chain;
  const Rule& rule = chain->rules[frame.next++];
  const Answer answer = matches(rule, traveller);
  if (answer == Answer::No)
    return true;
  if (answer == Answer::Unknown && !fork(traveller))  // as a packet that it does not match
    return false;
  for (const Assign& assign : rule.assigns)
    traveller.assigned[assign.field] = assign.value;
  const auto verdict = verdict_of(rule, traveller);
  if (!verdict)
    return end(kAnyFate);
  if (steps != nullptr)
    steps->push_back({way_[traveller.stop].table, chain, &rule, *verdict});
  return follow(*verdict, traveller, steps);
}

void Walker::travel(Traveller traveller, std::vector<Step>* steps) {
  while (traveller.stop < way_.size()) {
    if (traveller.frames.empty()) {
      traveller.lost_route =
          traveller.lost_route || loses_route(traveller.assigned, way_, traveller.stop);
      settle(traveller.assigned, way_, traveller.stop);
      const Stop& stop = way_[traveller.stop];
      const Answer is_asked = asked(stop, traveller);
      if (is_asked == Answer::No) {
        ++traveller.stop;
        continue;
      }
      if (is_asked == Answer::Unknown) {
        Traveller passing = traveller;
        ++passing.stop;
        if (!fork(std::move(passing)))
          return;
      }
      traveller.frames.push_back({stop.chain, 0, false});
    }
    if (!step(traveller, steps))
      return;
  }
  fate_ |= kAccepted;
}

}  // namespace

Walk walk(const Ruleset& ruleset, const Point& packet) {
  return walk(way_of(ruleset, packet.direction, packet.family), packet);
}

Walk walk(std::span<const Stop> way, const Point& packet) {
  return Walker(way, packet).take();
}

}  // namespace quay::filter
