#include "language/filter_text.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "language/packet_text.h"
#include "model/packet.h"
#include "packetset/filter_walk.h"

namespace quay {
namespace {

using filter::Kind;
using filter::Number;
using filter::Numbers;
using filter::Values;

constexpr std::size_t kMostListed = 16;
constexpr std::size_t kMostPrefixes = 2;  // of one range; more are told by its ends

std::string number_text(Number number) {
  return fmt::to_string(static_cast<std::uint64_t>(number));
}

std::string list_text(std::vector<std::string> texts) {
  const std::size_t more = texts.size() > kMostListed ? texts.size() - kMostListed : 0;
  texts.resize(texts.size() - more);
  return join(texts, ",") + (more == 0 ? "" : fmt::format(" and {} more", more));
}

std::vector<std::string> range_texts(const Numbers& numbers) {
  std::vector<std::string> texts;
  for (const auto& [first, last] : numbers.intervals())
    texts.push_back(first == last ? number_text(first)
                                  : number_text(first) + "-" + number_text(last));
  return texts;
}

// The shorter of the two: what is there, or what is not.
std::string shorter(const Numbers& numbers, const Numbers& all,
                    const std::function<std::vector<std::string>(const Numbers&)>& texts) {
  const Numbers others = all.subtract(numbers);
  if (!others.empty() && others.intervals().size() < numbers.intervals().size())
    return "not " + list_text(texts(others));
  return list_text(texts(numbers));
}

Numbers everything(const filter::Field& field, Family family) {
  const int bits = width(field, family);
  return Numbers::up_to(bits >= 128 ? ~Number{0} : (Number{1} << bits) - 1);
}

std::string addresses_text(const Values& values, Family family) {
  return shorter(values.numbers, everything(values.field, family), [&](const Numbers& numbers) {
    std::vector<std::string> texts;
    for (const Interval<Number>& range : numbers.intervals()) {
      const std::vector<Prefix> prefixes = prefixes_of(range, family);
      if (prefixes.size() <= kMostPrefixes)
        for (const Prefix& prefix : prefixes)
          texts.push_back(to_text(prefix));
      else
        texts.push_back(to_text(Address{family, range.first}) + "-" +
                        to_text(Address{family, range.last}));
    }
    return texts;
  });
}

std::string interfaces_text(const Values& values, const Vocabulary& names) {
  std::vector<std::string> texts;
  for (const std::string& name : values.names) {
    const auto known = names.interfaces.find(name);
    if (name.empty() && values.but_names)
      continue;  // what has none is not spoken of
    if (name.empty())
      texts.emplace_back("no interface");
    else
      texts.push_back(
          known == names.interfaces.end() ? name : fmt::format("{} ({})", known->second, name));
  }
  return (values.but_names ? "any interface but " : "") + list_text(std::move(texts));
}

std::string states_text(const Numbers& numbers) {
  std::vector<std::string> texts;
  for (int state = 0; state < kStates; ++state)
    if (numbers.contains(static_cast<Number>(state)))
      texts.push_back(to_text(static_cast<State>(state)));
  return "state " + join(texts, ",");
}

const Values* find(const filter::Box& box, Kind kind) {
  const auto found =
      std::ranges::find_if(box, [&](const Values& values) { return values.field.kind == kind; });
  return found == box.end() ? nullptr : &*found;
}

// The one protocol of a box; nullopt where there are several.
std::optional<Protocol> only_protocol(const filter::Box& box) {
  const Values* values = find(box, Kind::Protocol);
  if (values == nullptr || values->numbers.intervals().size() != 1)
    return std::nullopt;
  const auto [first, last] = values->numbers.intervals().front();
  return first == last ? std::optional(static_cast<Protocol>(first)) : std::nullopt;
}

std::string protocols_text(const Values* values) {
  if (values == nullptr)
    return {};
  return shorter(values->numbers, Numbers::up_to(255), [](const Numbers& numbers) {
    std::vector<std::string> texts;
    for (const auto& [first, last] : numbers.intervals())
      texts.push_back(to_text(static_cast<Protocol>(first)) +
                      (first == last ? "" : "-" + to_text(static_cast<Protocol>(last))));
    return texts;
  });
}

// Type and code are the first two bytes of the header.
std::string icmp_text(const Values& values) {
  std::vector<std::string> texts;
  const auto add_codes = [&](Number first, Number last) {
    texts.push_back(fmt::format(
        "{} code {}", number_text(first >> 8),
        number_text(first & 255) + (first == last ? "" : "-" + number_text(last & 255))));
  };
  for (auto [first, last] : values.numbers.intervals()) {
    if ((first & 255) != 0) {  // some codes of its first type
      const Number end = std::min(last, first | 255);
      add_codes(first, end);
      if (end == last)
        continue;
      first = end + 1;
    }
    const Number whole = (last & 255) == 255 ? last + 1 : last & ~Number{255};
    if (whole > first)
      texts.push_back(whole - first == 256
                          ? number_text(first >> 8)
                          : number_text(first >> 8) + "-" + number_text((whole - 1) >> 8));
    if (whole <= last)
      add_codes(whole, last);
  }
  return "type " + list_text(std::move(texts));
}

std::string service_name(const Values& ports, Protocol protocol, const Vocabulary& names) {
  if (!names.service || ports.numbers.intervals().size() != 1)
    return {};
  const auto [first, last] = ports.numbers.intervals().front();
  const std::string name =
      first == last ? names.service(protocol, static_cast<Port>(first)) : std::string();
  return name.empty() ? name : fmt::format(" ({})", name);
}

// Protocols and the ports or types of the packets: what people call them by.
std::vector<std::string> what(const filter::Box& box, const Vocabulary& names) {
  std::vector<std::string> texts;
  std::string head = protocols_text(find(box, Kind::Protocol));
  const auto protocol = only_protocol(box);
  const Values* source = find(box, Kind::SourcePort);
  const Values* destination = find(box, Kind::DestinationPort);
  const bool icmp = protocol == Protocol::Icmp || protocol == Protocol::Icmpv6;
  if (icmp && source != nullptr)
    head += " " + icmp_text(*source);
  if (!icmp && destination != nullptr)
    head += (head.empty() ? "port " : " ") +
            shorter(destination->numbers, Numbers::up_to(65535), range_texts) +
            (protocol ? service_name(*destination, *protocol, names) : "");
  if (!head.empty())
    texts.push_back(std::move(head));
  if (!icmp && source != nullptr)
    texts.push_back("from port " + shorter(source->numbers, Numbers::up_to(65535), range_texts));
  return texts;
}

}  // namespace

std::string region_text(const filter::Region& region, Family family, const Vocabulary& names) {
  std::vector<std::string> texts = what(region.box, names);
  if (texts.empty() || find(region.box, Kind::Protocol) == nullptr)
    texts.insert(texts.begin(), texts.empty() ? "every packet" : "every protocol,");
  for (const Values& values : region.box) {
    switch (values.field.kind) {
      case Kind::InInterface:
        texts.push_back("from " + interfaces_text(values, names));
        break;
      case Kind::OutInterface:
        texts.push_back("to " + interfaces_text(values, names));
        break;
      case Kind::Source:
        texts.push_back("source " + addresses_text(values, family));
        break;
      case Kind::Destination:
        texts.push_back("destination " + addresses_text(values, family));
        break;
      case Kind::State:
        texts.push_back(states_text(values.numbers));
        break;
      case Kind::TcpFlags:
      case Kind::Mark:
      case Kind::SourceMac:
      case Kind::Other:
        texts.push_back(field_name(values.field) + " " +
                        shorter(values.numbers, everything(values.field, family), range_texts));
        break;
      case Kind::Family:
      case Kind::Protocol:
      case Kind::SourcePort:
      case Kind::DestinationPort:
        break;
    }
  }
  for (const auto& [atom, is] : region.atoms)
    texts.push_back((is ? "when " : "when not ") + atom);
  return join(texts, " ");
}

std::string point_text(const filter::Point& point) {
  const auto number = [&](Kind kind) {
    const auto found = point.numbers.find({.kind = kind});
    return found == point.numbers.end() ? Number{0} : found->second;
  };
  const bool leaves = point.direction == Direction::Out;
  // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): every number is a Protocol
  const auto protocol = static_cast<Protocol>(number(Kind::Protocol));
  const Packet packet{.direction = point.direction,
                      .interface = leaves ? point.out_interface : point.in_interface,
                      .source = {point.family, number(Kind::Source)},
                      .destination = {point.family, number(Kind::Destination)},
                      .protocol = protocol,
                      .source_port = static_cast<Port>(number(Kind::SourcePort)),
                      .destination_port = static_cast<Port>(number(Kind::DestinationPort)),
                      .icmp_type = static_cast<std::uint8_t>(number(Kind::SourcePort) >> 8),
                      .state = static_cast<State>(number(Kind::State))};
  std::string text = to_text(packet);
  if (point.direction == Direction::Forward && !point.out_interface.empty())
    text += ", out on " + point.out_interface;
  const Number code = number(Kind::SourcePort) & 255;
  if ((protocol == Protocol::Icmp || protocol == Protocol::Icmpv6) && code != 0)
    text += ", code " + number_text(code);
  for (const auto& [field, value] : point.numbers)
    if (field.kind >= Kind::TcpFlags)
      text += fmt::format(", {} {}", field_name(field), number_text(value));
  for (const auto& [atom, is] : point.atoms)
    if (is)
      text += ", when " + atom;
  return text;
}

std::string fate_text(std::uint32_t fate) {
  std::vector<std::string> texts;
  if ((fate & filter::kAccepted) != 0)
    texts.emplace_back("accepts");
  if ((fate & filter::kDropped) != 0)
    texts.emplace_back("drops");
  if ((fate & filter::kRejected) != 0)
    texts.emplace_back("rejects");
  return join(texts, " or ");
}

}  // namespace quay
