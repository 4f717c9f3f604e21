// Matches on the transport header.
#include <algorithm>
#include <cctype>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "language/masked_numbers.h"
#include "language/protocol_numbers.h"
#include "language/xt_icmp_names.h"
#include "language/xt_match.h"

namespace quay::xt {

using filter::Kind;
using filter::Number;
using filter::Numbers;

namespace {

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;

// One port: a number, or a name that the protocol has.
Read<std::uint64_t> read_port(std::string_view text, std::uint8_t protocol,
                              const Context& context) {
  if (const auto number = parse_c_number(text, 65535))
    return *number;
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0])) != 0)
    return refuse(fmt::format("`{}` is not a port", text));
  const auto named = context.ports->find(text);
  if (named == context.ports->end() ||
      std::ranges::find(named->second.protocols, static_cast<Protocol>(protocol)) ==
          named->second.protocols.end())
    return opaque(fmt::format("port `{}`", text));
  return named->second.port;
}

// "22", "ssh", "1024:65535", ":80", "1024:"
Read<Numbers> read_ports(std::string_view text, std::uint8_t protocol, const Context& context) {
  const std::size_t colon = text.find(':');
  const std::string_view low = text.substr(0, colon);
  const std::string_view high = colon == std::string_view::npos ? low : text.substr(colon + 1);
  const bool range = colon != std::string_view::npos;
  const auto first = range && low.empty() ? 0 : read_port(low, protocol, context);
  if (!first)
    return std::unexpected(first.error());
  const auto last = range && high.empty() ? 65535 : read_port(high, protocol, context);
  if (!last)
    return std::unexpected(last.error());
  if (*first > *last)
    return refuse(fmt::format("port range {} is reversed", text));
  return Numbers({{*first, *last}});
}

// An option that the model has no field for, as an atom of its own.
void add_atom(const Module& match, const Option& option, Lasting lasting, const Context& context,
              Meaning& meaning) {
  Meaning atom = atom_of({match.name, {option}, {}}, lasting, context);
  meaning.conditions.push_back(std::move(atom.conditions[0]));
  meaning.unknown.push_back(fmt::format("match {} --{}", match.name, option.name));
}

Read<Meaning> with_ports(const Module& match, std::uint8_t protocol, const Context& context) {
  auto meaning = within_protocol(protocol, context);
  if (!meaning)
    return meaning;
  for (const Option& option : match.options) {
    if (option.name != "sport" && option.name != "dport")
      continue;
    const auto ports = read_ports(option.values[0], protocol, context);
    if (!ports)
      return std::unexpected(ports.error());
    const Kind kind = option.name == "sport" ? Kind::SourcePort : Kind::DestinationPort;
    meaning->conditions.push_back(is(field(kind), *ports, option.inverted));
  }
  return meaning;
}

constexpr std::pair<std::string_view, std::uint8_t> kFlags[] = {
    {"FIN", 1},  {"SYN", 2},  {"RST", 4},  {"PSH", 8},
    {"ACK", 16}, {"URG", 32}, {"ALL", 63}, {"NONE", 0}};

// "SYN,ACK": bits of byte 13.
std::optional<std::uint8_t> parse_flags(std::string_view text) {
  std::uint8_t bits = 0;
  for (const std::string_view name : split(text, ',')) {
    std::string upper(name);
    std::ranges::transform(upper, upper.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    const auto* found = std::ranges::find(kFlags, upper, [](const auto& f) { return f.first; });
    if (found == std::end(kFlags))
      return std::nullopt;
    bits |= found->second;
  }
  return bits;
}

Read<filter::Condition> tcp_flags(const Option& option) {
  const bool syn = option.name == "syn";
  const auto mask = syn ? std::optional<std::uint8_t>(0x17) : parse_flags(option.values[0]);
  const auto flags = syn ? std::optional<std::uint8_t>(0x02) : parse_flags(option.values[1]);
  if (!mask || !flags)
    return refuse(fmt::format("`{}` are not flags of TCP", option.values[mask ? 1 : 0]));
  return is(field(Kind::TcpFlags), few_masked_numbers(*flags, *mask, 8), option.inverted);
}

}  // namespace

Read<Meaning> tcp_match(const Module& match, const Context& context) {
  auto meaning = with_ports(match, kTcp, context);
  if (!meaning)
    return meaning;
  for (const Option& option : match.options) {
    if (option.name == "tcp-option")
      add_atom(match, option, Lasting::Never, context, *meaning);
    if (option.name != "tcp-flags" && option.name != "syn")
      continue;
    auto flags = tcp_flags(option);
    if (!flags)
      return std::unexpected(flags.error());
    meaning->conditions.push_back(*std::move(flags));
  }
  return meaning;
}

Read<Meaning> ports_match(const Module& match, const Context& context) {
  auto meaning = with_ports(match, parse_protocol_number(match.name).value_or(0), context);
  if (!meaning)
    return meaning;
  for (const Option& option : match.options)
    if (option.name != "sport" && option.name != "dport")
      add_atom(match, option, Lasting::Always, context, *meaning);
  return meaning;
}

constexpr std::uint8_t kWithPorts[] = {kTcp, kUdp, 33, 132, 136};

Read<Meaning> multiport_match(const Module& match, const Context& context) {
  if (!context.protocol || std::ranges::find(kWithPorts, *context.protocol) == std::end(kWithPorts))
    return refuse("multiport needs -p with a protocol that has ports");
  if (match.options.size() != 1)
    return refuse("multiport takes one of --sports, --dports and --ports");
  const Option& option = match.options[0];
  std::vector<Interval<Number>> intervals;
  for (const std::string_view one : split(option.values[0], ',')) {
    const auto ports = read_ports(one, *context.protocol, context);
    if (!ports)
      return std::unexpected(ports.error());
    intervals.push_back(ports->intervals()[0]);
  }
  const Numbers ports(std::move(intervals));
  filter::Test test{.boxes = {}, .inverted = option.inverted};
  if (option.name != "dports")
    test.boxes.push_back({{.field = field(Kind::SourcePort), .numbers = ports, .names = {}}});
  if (option.name != "sports")
    test.boxes.push_back({{.field = field(Kind::DestinationPort), .numbers = ports, .names = {}}});
  return Meaning{.conditions = {std::move(test)}, .assigns = {}, .unknown = {}};
}

// Packets without the option match what is inverted.
Read<Meaning> tcpmss_match(const Module& match, const Context& context) {
  auto meaning = within_protocol(kTcp, context);
  const Option* mss = find(match.options, "mss");
  if (!meaning)
    return meaning;
  if (mss == nullptr)
    return refuse("tcpmss needs --mss");
  const auto range = read_range(mss->values[0], 65535);
  if (!range)
    return std::unexpected(range.error());
  filter::Box box{
      {.field = other_field("tcp option maxseg exists", 1),
       .numbers = Numbers({{1, 1}}),
       .names = {}},
      {.field = other_field("tcp option maxseg size", 16), .numbers = *range, .names = {}}};
  meaning->conditions.emplace_back(
      filter::Test{.boxes = {std::move(box)}, .inverted = mss->inverted});
  return meaning;
}

Read<Meaning> ecn_match(const Module& match, const Context& context) {
  Meaning meaning;
  for (const Option& option : match.options) {
    if (option.name == "ecn-ip-ect") {
      const auto number = parse_c_number(option.values[0], 3);
      if (!number)
        return refuse(fmt::format("`{}` is not a number from 0 to 3", option.values[0]));
      meaning.conditions.push_back(
          is(other_field(context.family == Family::V4 ? "ip ecn" : "ip6 ecn", 2),
             Numbers({{*number, *number}}), option.inverted));
      continue;
    }
    auto tcp = within_protocol(kTcp, context);
    if (!tcp)
      return tcp;
    std::ranges::move(tcp->conditions, std::back_inserter(meaning.conditions));
    const std::uint8_t bit = option.name == "ecn-tcp-cwr" ? 0x80 : 0x40;
    meaning.conditions.push_back(
        is(field(Kind::TcpFlags), few_masked_numbers(bit, bit, 8), option.inverted));
  }
  return meaning;
}

Read<Meaning> icmp_match(const Module& match, const Context& context) {
  const bool v6 = match.name == "icmp6";
  if (v6 != (context.family == Family::V6))
    return opaque(fmt::format("{} in the other family", match.name));
  auto meaning = within_protocol(v6 ? 58 : 1, context);
  if (!meaning || match.options.empty())
    return meaning;
  const Option& option = match.options[0];
  const auto types = parse_icmp_types(option.values[0], context.family);
  if (!types)
    return opaque(fmt::format("ICMP type `{}`", option.values[0]));
  meaning->conditions.push_back(is(field(Kind::SourcePort), *types, option.inverted));
  return meaning;
}

Read<Meaning> spi_match(const Module& match, const Context& context) {
  // In IPv6, AH is an extension header and not the transport's protocol.
  if (match.name == "ah" && context.family == Family::V6)
    return atom_of(match, Lasting::Always, context);
  const bool comp = match.name == "ipcomp";
  auto meaning = within_protocol(parse_protocol_number(match.name).value_or(0), context);
  if (!meaning)
    return meaning;
  for (const Option& option : match.options) {
    if (!option.name.ends_with("spi")) {
      add_atom(match, option, Lasting::Always, context, *meaning);
      continue;
    }
    const auto range = read_range(option.values[0], comp ? 65535 : 0xffffffff);
    if (!range)
      return std::unexpected(range.error());
    meaning->conditions.push_back(is(
        comp ? filter::Field{.kind = Kind::DestinationPort} : other_field(match.name + " spi", 32),
        *range, option.inverted));
  }
  return meaning;
}

}  // namespace quay::xt
