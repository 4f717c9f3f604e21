#include "policy/lost_answers.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <netinet/tcp.h>

#include "packetset/filter_space.h"

namespace quay {
namespace {

using filter::Fate;
using filter::Kind;
using filter::Number;
using filter::Numbers;
using filter::Values;

constexpr std::size_t kMostBoxes = 64;

Number number(Protocol protocol) {
  return static_cast<std::uint8_t>(protocol);
}

Values exactly(Kind kind, Number number) {
  return {.field = {.kind = kind}, .numbers = Numbers({{number, number}})};
}

Values with_flags(std::span<const std::uint8_t> all) {
  std::vector<Interval<Number>> flags;
  for (const std::uint8_t one : all)
    flags.push_back({one, one});
  return {.field = {.kind = Kind::TcpFlags}, .numbers = Numbers(std::move(flags))};
}

// The messages of one protocol that ask, and those that answer.
struct Exchange {
  filter::Box first;
  filter::Box answer;
  bool echo = false;  // types of ICMP are no ports
};

// Everything but ICMP, and ICMP's echoes (RFC 792, RFC 4443): type * 256 + code.
std::array<Exchange, 2> exchanges(Family family) {
  constexpr std::array<std::uint8_t, 1> opens{TH_SYN};
  constexpr std::array<std::uint8_t, 4> goes_on{TH_ACK, TH_ACK | TH_FIN, TH_ACK | TH_SYN,
                                                TH_ACK | TH_PUSH};
  const bool v4 = family == Family::V4;
  const Values icmp = exactly(Kind::Protocol, number(v4 ? Protocol::Icmp : Protocol::Icmpv6));
  Values others = icmp;
  others.numbers = Numbers({{0, 255}}).subtract(icmp.numbers);
  constexpr Number type = 256;
  return {{{{others, with_flags(opens)}, {others, with_flags(goes_on)}, false},
           {{icmp, exactly(Kind::SourcePort, (v4 ? 8 : 128) * type)},
            {icmp, exactly(Kind::SourcePort, (v4 ? 0 : 129) * type)},
            true}}};
}

constexpr std::array<std::pair<Kind, Kind>, 3> kEnds{{{Kind::Source, Kind::Destination},
                                                      {Kind::SourcePort, Kind::DestinationPort},
                                                      {Kind::InInterface, Kind::OutInterface}}};

// The field that says the same of a packet the other way; nullopt for what says nothing of it.
std::optional<Kind> other_way(Kind kind) {
  for (const auto& [one, other] : kEnds) {
    if (kind == one)
      return other;
    if (kind == other)
      return one;
  }
  return kind == Kind::Protocol ? std::optional(kind) : std::nullopt;
}

filter::Box other_way(const filter::Box& box, bool ports) {
  filter::Box turned;
  for (const Values& values : box) {
    const bool of_ports =
        values.field.kind == Kind::SourcePort || values.field.kind == Kind::DestinationPort;
    const auto kind = other_way(values.field.kind);
    if (!kind || (of_ports && !ports))
      continue;
    turned.push_back(values);
    turned.back().field.kind = *kind;
  }
  return turned;
}

Direction other_way(Direction direction) {
  return direction == Direction::In    ? Direction::Out
         : direction == Direction::Out ? Direction::In
                                       : Direction::Forward;
}

// The answer to a first packet.
filter::Point answer_to(const filter::Point& first, const Exchange& exchange) {
  filter::Point answer{.direction = other_way(first.direction),
                       .family = first.family,
                       .in_interface = first.out_interface,
                       .out_interface = first.in_interface};
  for (const auto& [field, value] : first.numbers)
    if (const auto kind = other_way(field.kind))
      answer.numbers[{.kind = *kind}] = value;
  answer.numbers[{.kind = Kind::State}] = static_cast<Number>(State::Established);
  for (const Values& values : exchange.answer)
    if (values.field.kind != Kind::Protocol)
      answer.numbers[values.field] = values.numbers.intervals().front().first;
  return answer;
}

// What people mean by packets of an exchange, in one direction and state.
filter::Box usual(Direction direction, Family family, State state, const filter::Box& exchange) {
  filter::Box box = wire_box(direction, family);
  std::erase_if(box, [](const Values& values) { return values.field.kind == Kind::State; });
  box.push_back(exactly(Kind::State, static_cast<Number>(state)));
  box.push_back(exactly(Kind::Mark, 0));
  box.insert(box.end(), exchange.begin(), exchange.end());
  return box;
}

bool translates(const filter::Ruleset& ruleset) {
  const auto moves = [](const filter::Assign& assign) {
    return other_way(assign.field.kind).has_value();
  };
  for (const filter::Table& table : ruleset.tables)
    for (const filter::Chain& chain : table.chains)
      for (const filter::Rule& rule : chain.rules)
        if (std::ranges::any_of(rule.assigns, moves))
          return true;
  return false;
}

constexpr std::array kDirections{Direction::In, Direction::Out, Direction::Forward};

class FamilyAnswers {
 public:
  FamilyAnswers(filter::FilterSpace& space, const filter::Ruleset& live, const Vocabulary& names)
      : family_(space.family()),
        live_(live),
        rulesets_{&live},
        names_(names),
        questions_(answer_questions(family_)),
        space_(space) {}

  LostAnswers take() {
    for (const Direction direction : kDirections) {
      const Diagram fate = space_.whatever_atoms(space_.fate(live_, other_way(direction)));
      const Diagram lost = space_.store().replace(fate, [](Outcomes outcomes) -> Outcomes {
        return (outcomes & ~filter::kAccepted) != 0 ? kMostOutcomes : 0;
      });
      for (const Exchange& exchange : exchanges(family_))
        tell(direction, exchange, first_packets(lost, direction, exchange), fate);
    }
    if (space_.exhausted() || too_large_)
      return {.flows = {}, .complete = false};
    return std::move(found_);
  }

 private:
  // Of the flows whose answers are lost.
  std::vector<filter::Box> first_packets(Diagram lost, Direction direction,
                                         const Exchange& exchange);
  // The flows that these are the first packets of; `answers` is the fate of every answer.
  void tell(Direction direction, const Exchange& exchange, const std::vector<filter::Box>& boxes,
            Diagram answers);

  Family family_;
  const filter::Ruleset& live_;
  std::array<const filter::Ruleset*, 1> rulesets_;
  const Vocabulary& names_;
  std::vector<filter::Box> questions_;
  filter::FilterSpace& space_;
  LostAnswers found_;
  bool too_large_ = false;
};

std::vector<filter::Box> FamilyAnswers::first_packets(Diagram lost, Direction direction,
                                                      const Exchange& exchange) {
  const Direction back = other_way(direction);
  const filter::Box answers = usual(back, family_, State::Established, exchange.answer);
  const auto cover = space_.cover(space_.store().intersect(lost, space_.inside(answers)), back,
                                  answers, kMostBoxes);
  found_.complete = found_.complete && cover.more == 0 && cover.rest == 0;
  std::vector<filter::Box> boxes;
  boxes.reserve(cover.regions.size());
  for (const filter::Region& region : cover.regions)
    boxes.push_back(other_way(region.box, !exchange.echo));
  return boxes;
}

void FamilyAnswers::tell(Direction direction, const Exchange& exchange,
                         const std::vector<filter::Box>& boxes, Diagram answers) {
  if (boxes.empty())
    return;
  std::vector<filter::Box> asked = questions_;
  asked.insert(asked.end(), boxes.begin(), boxes.end());
  FilterTeller teller(family_, rulesets_, names_, asked);
  filter::FilterSpace& space = teller.space();
  std::vector<Diagram> lost;
  lost.reserve(boxes.size());
  for (const filter::Box& box : boxes)
    lost.push_back(space.inside(box));
  const filter::Box first = usual(direction, family_, State::New, exchange.first);
  // What a limit lets through counts as well.
  const Diagram fates = space.whatever_atoms(space.fate(live_, direction));
  const Diagram accepted =
      space.store().unite(std::vector{teller.with(fates, filter::kAccepted),
                                      teller.with(fates, filter::kAccepted | filter::kRejected)});
  const Diagram flows = space.store().intersect(
      space.store().intersect(accepted, space.store().unite(lost)), space.inside(first));
  const bool certain = !translates(live_);
  // Echoes are to be told by name, ways of TCP that are as they should be are not.
  const filter::Box known = exchange.echo ? usual(direction, family_, State::New, {}) : first;
  for (const PacketLine& line : teller.tell(flows, direction, known)) {
    const filter::Point answer = answer_to(line.example, exchange);
    const filter::Walk back = walk(live_, answer);
    const Fate fate = space_.store().at(answers, space_.levels().values(answer));
    found_.flows.push_back(
        {.direction = direction,
         .packets = line.packets,
         .first = fmt::format("{} ({})", fate_text(filter::kAccepted),
                              place_text(walk(live_, line.example))),
         .second = fmt::format("{} ({})", fate_text(back.fate), place_text(back)),
         .example = point_text(line.example),
         .certain = certain && (fate & filter::kAccepted) == 0});
  }
  found_.complete = found_.complete && teller.untold().none();
  too_large_ = too_large_ || teller.too_large();
}

}  // namespace

std::vector<filter::Box> answer_questions(Family family) {
  std::vector<filter::Box> boxes;
  for (const Exchange& exchange : exchanges(family))
    for (const Direction direction : kDirections) {
      boxes.push_back(usual(direction, family, State::New, exchange.first));
      boxes.push_back(usual(direction, family, State::Established, exchange.answer));
    }
  return boxes;
}

LostAnswers lost_answers(filter::FilterSpace& space, const filter::Ruleset& live,
                         const Vocabulary& names) {
  return FamilyAnswers(space, live, names).take();
}

}  // namespace quay
