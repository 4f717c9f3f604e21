// Matches on what the kernel knows of a packet besides its headers.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "language/masked_numbers.h"
#include "language/xt_match.h"

namespace quay::xt {

using filter::Kind;
using filter::Number;
using filter::Numbers;

namespace {

std::optional<Number> parse_mac(std::string_view text) {
  const auto bytes = split(text, ':');
  if (bytes.size() != 6)
    return std::nullopt;
  Number mac = 0;
  for (const std::string_view byte : bytes) {
    const auto number = parse_c_number("0x" + std::string(byte), 255);
    if (!number)
      return std::nullopt;
    mac = mac << 8 | *number;
  }
  return mac;
}

// Users and groups: numbers, or names that only the host can explain.
Read<Numbers> read_owners(const Option& option) {
  const std::string& text = option.values[0];
  if (text.find_first_not_of("0123456789-") != std::string::npos)
    return opaque(fmt::format("name `{}`", text));
  return read_range(text, 0xfffffffe, '-');
}

// Bits of the value beyond the mask: are never there, or do not count.
enum class Beyond : std::uint8_t { NeverThere, DoNotCount };

// Values of a field under a mask; opaque when it has too many holes.
Read<filter::Condition> masked(filter::Field asked, const Option& option,
                               Beyond beyond = Beyond::NeverThere) {
  const auto read = read_masked(option.values[0]);
  if (!read)
    return std::unexpected(read.error());
  const auto value = beyond == Beyond::DoNotCount ? read->value & read->mask : read->value;
  auto numbers = masked_numbers(value, read->mask, 32);
  if (!numbers)
    return opaque("mask of " + option.values[0]);
  return is(std::move(asked), *std::move(numbers), option.inverted);
}

}  // namespace

// Never of packets that do not come by Ethernet, inverted or not.
Read<Meaning> mac_match(const Module& match, const Context&) {
  const Option* option = find(match.options, "mac-source");
  const auto mac = option == nullptr ? std::nullopt : parse_mac(option->values[0]);
  if (!mac)
    return refuse("mac needs --mac-source with an address of Ethernet");
  Meaning by_ethernet = meaning(is(other_field("meta iiftype", 16), Numbers({{1, 1}})));
  by_ethernet.conditions.push_back(
      is(field(Kind::SourceMac), Numbers({{*mac, *mac}}), option->inverted));
  return by_ethernet;
}

// A mask with too many holes is asked anew by every rule, for marks are set on the way.
Read<Meaning> mark_match(const Module& match, const Context& context) {
  const Option* option = find(match.options, "mark");
  if (option == nullptr)
    return refuse("mark needs --mark");
  auto condition = masked(field(Kind::Mark), *option);
  if (condition)
    return meaning(*std::move(condition));
  if (condition.error().opaque)
    return atom_of(match, Lasting::Never, context);
  return std::unexpected(condition.error());
}

// Packets without a socket have owners that no socket has, 0xffffffff: they match what is inverted,
// as in the kernel. A socket of the kernel's own has no owner either.
Read<Meaning> owner_match(const Module& match, const Context&) {
  Meaning meaning;
  for (const Option& option : match.options) {
    if (option.name == "socket-exists") {
      meaning.conditions.push_back(
          is(other_field("owner socket exists", 1), Numbers({{1, 1}}), option.inverted));
      continue;
    }
    const bool user = option.name == "uid-owner";
    if (!user && option.name != "gid-owner")
      return opaque("--" + option.name);
    auto owners = read_owners(option);
    if (!owners)
      return std::unexpected(owners.error());
    meaning.conditions.push_back(is(other_field(user ? "meta skuid" : "meta skgid", 32),
                                    *std::move(owners), option.inverted));
  }
  return meaning;
}

constexpr std::pair<std::string_view, std::uint8_t> kTypes[] = {
    {"unicast", 0}, {"host", 0}, {"broadcast", 1}, {"bcast", 1}, {"multicast", 2}, {"mcast", 2}};

Read<Meaning> pkttype_match(const Module& match, const Context&) {
  const Option* option = find(match.options, "pkt-type");
  if (option == nullptr)
    return refuse("pkttype needs --pkt-type");
  const auto* found =
      std::ranges::find(kTypes, option->values[0], [](const auto& type) { return type.first; });
  if (found == std::end(kTypes))
    return refuse(fmt::format("`{}` is not a type of packets", option->values[0]));
  return meaning(is(other_field("meta pkttype", 8), Numbers({{found->second, found->second}}),
                    option->inverted));
}

// Groups are of interfaces, realms of routes: where there is none, they do not match. xt_devgroup.c
// compares under the mask alone.
Read<Meaning> group_match(const Module& match, const Context&) {
  Meaning meaning;
  for (const Option& option : match.options) {
    const bool realm = option.name == "realm";
    const bool source = option.name == "src-group";
    auto condition = masked(other_field(realm    ? "meta rtclassid"
                                        : source ? "meta iifgroup"
                                                 : "meta oifgroup",
                                        32),
                            option, realm ? Beyond::NeverThere : Beyond::DoNotCount);
    if (!condition)
      return std::unexpected(condition.error());
    if (realm)
      meaning.conditions.push_back(is(other_field("rt exists", 1), Numbers({{1, 1}})));
    else
      meaning.conditions.emplace_back(
          filter::Test{.boxes = {{{.field = field(source ? Kind::InInterface : Kind::OutInterface),
                                   .numbers = {},
                                   .names = {""},
                                   .but_names = true}}}});
    meaning.conditions.push_back(*std::move(condition));
  }
  return meaning;
}

// Never of packets without a socket, inverted or not.
Read<Meaning> cgroup_match(const Module& match, const Context&) {
  const Option* option = find(match.options, "cgroup");
  if (option == nullptr)
    return opaque("--path");
  const auto number = parse_c_number(option->values[0], 0xffffffff);
  if (!number)
    return refuse(fmt::format("`{}` is not a class", option->values[0]));
  Meaning of_socket = meaning(is(other_field("socket exists", 1), Numbers({{1, 1}})));
  of_socket.conditions.push_back(
      is(other_field("meta cgroup", 32), Numbers({{*number, *number}}), option->inverted));
  return of_socket;
}

Read<Meaning> cpu_match(const Module& match, const Context&) {
  const Option* option = find(match.options, "cpu");
  const auto number =
      option == nullptr ? std::nullopt : parse_c_number(option->values[0], 0xffffffff);
  if (!number)
    return refuse("cpu needs --cpu with a number");
  return meaning(is(other_field("meta cpu", 32), Numbers({{*number, *number}}), option->inverted));
}

}  // namespace quay::xt
