#include "policy/policy_filter.h"

#include <utility>

namespace quay {
namespace {

using filter::Kind;
using filter::Number;
using filter::Numbers;
using filter::Values;

constexpr Number kNanoseconds = 1'000'000'000;

Values numbers(Kind kind, std::vector<Interval<Number>> intervals) {
  return {.field = {.kind = kind}, .numbers = Numbers(std::move(intervals)), .names = {}};
}

Values addresses(Kind kind, const std::vector<Prefix>& prefixes) {
  std::vector<Interval<Number>> ranges;
  ranges.reserve(prefixes.size());
  for (const Prefix& prefix : prefixes)
    ranges.push_back(prefix.range());
  return numbers(kind, std::move(ranges));
}

Values ports(Kind kind, const PortSet& ports) {
  std::vector<Interval<Number>> ranges;
  ranges.reserve(ports.intervals().size());
  for (const Interval<Port>& range : ports.intervals())
    ranges.push_back({range.first, range.last});
  return numbers(kind, std::move(ranges));
}

Values interface_values(const InterfaceName& interface, bool is_not, Direction direction) {
  std::string name = interface.text;
  if (interface.wildcard())
    name.back() = '*';
  return {.field = {.kind = direction == Direction::Out ? Kind::OutInterface : Kind::InInterface},
          .numbers = {},
          .names = {std::move(name)},
          .but_names = is_not};
}

Values protocols(const Match& match) {
  std::vector<Interval<Number>> all;
  all.reserve(match.protocols.size());
  for (const Protocol protocol : match.protocols)
    all.push_back({static_cast<Number>(protocol), static_cast<Number>(protocol)});
  return numbers(Kind::Protocol, std::move(all));
}

// A type is the first byte of the header.
Values icmp_types(const Match& match) {
  std::vector<Interval<Number>> all;
  all.reserve(match.icmp_types.size());
  for (const std::uint8_t type : match.icmp_types)
    all.push_back({Number{type} << 8, (Number{type} << 8) + 255});
  return numbers(Kind::SourcePort, std::move(all));
}

Values states(const Match& match) {
  std::vector<Interval<Number>> all;
  for (Number state = 0; state < kStates; ++state)
    if ((match.states >> static_cast<unsigned>(state) & 1U) != 0)
      all.push_back({state, state});
  return numbers(Kind::State, std::move(all));
}

filter::Rule filter_rule(const Rule& rule) {
  using VerdictKind = filter::Verdict::Kind;
  filter::Box box = filter_box(rule.match, rule.direction);
  if (rule.until)
    box.push_back(
        {.field = {.kind = Kind::Other, .name = "meta time", .bits = 64},
         .numbers = Numbers(
             {{0, static_cast<Number>(rule.until->time_since_epoch().count()) * kNanoseconds - 1}}),
         .names = {}});
  filter::Rule result{.place = rule.origin.text(), .text = rule.reason};
  if (!box.empty())
    result.conditions.push_back(filter::Test{.boxes = {std::move(box)}});
  switch (rule.verdict) {
    case Verdict::Accept:
      result.verdict.kind = VerdictKind::Accept;
      break;
    case Verdict::Drop:
      result.verdict.kind = VerdictKind::Drop;
      break;
    case Verdict::Reject:
      result.verdict.kind = VerdictKind::Reject;
      break;
    case Verdict::Limit:
      result.verdict.kind = VerdictKind::Limit;
      break;
  }
  return result;
}

}  // namespace

filter::Box filter_box(const Match& match, Direction direction) {
  filter::Box box;
  if (match.family)
    box.push_back(numbers(Kind::Family, {{*match.family == Family::V4 ? Number{0} : Number{1},
                                          *match.family == Family::V4 ? Number{0} : Number{1}}}));
  if (match.interface)
    box.push_back(interface_values(*match.interface, match.interface_is_not, direction));
  if (!match.sources.empty())
    box.push_back(addresses(Kind::Source, match.sources));
  if (!match.destinations.empty())
    box.push_back(addresses(Kind::Destination, match.destinations));
  if (!match.protocols.empty())
    box.push_back(protocols(match));
  if (match.source_ports)
    box.push_back(ports(Kind::SourcePort, *match.source_ports));
  if (match.destination_ports)
    box.push_back(ports(Kind::DestinationPort, *match.destination_ports));
  if (!match.icmp_types.empty())
    box.push_back(icmp_types(match));
  if (match.states != kEveryState)
    box.push_back(states(match));
  return box;
}

filter::Ruleset policy_filter(const RuleList& rules) {
  filter::Table table{.name = "policy"};
  for (const auto& [direction, hook] : {std::pair{Direction::In, filter::Hook::Input},
                                        std::pair{Direction::Out, filter::Hook::Output},
                                        std::pair{Direction::Forward, filter::Hook::Forward}}) {
    filter::Chain chain{.name = to_text(direction),
                        .base = filter::Base{.hook = hook, .policy = filter::Verdict::Kind::Drop}};
    for (const Rule& rule : rules)
      if (rule.direction == direction)
        chain.rules.push_back(filter_rule(rule));
    table.chains.push_back(std::move(chain));
  }
  return {.tables = {std::move(table)}, .outside = {}};
}

}  // namespace quay
