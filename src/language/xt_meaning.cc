#include "language/xt_meaning.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "language/masked_numbers.h"
#include "language/protocol_numbers.h"

namespace quay::xt {

using filter::Number;
using filter::Numbers;

namespace {

// Digits of a base from 8 to 16; nullopt when there are none or others.
std::optional<std::uint64_t> parse_digits(std::string_view text, unsigned base,
                                          std::uint64_t most) {
  if (text.empty())
    return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    unsigned digit = 16;
    if (c >= '0' && c <= '9')
      digit = static_cast<unsigned>(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<unsigned>(c - 'a') + 10;
    else if (c >= 'A' && c <= 'F')
      digit = static_cast<unsigned>(c - 'A') + 10;
    if (digit >= base || digit > most || value > (most - digit) / base)
      return std::nullopt;
    value = value * base + digit;
  }
  return value;
}

bool begins_as_number(std::string_view text) {
  return !text.empty() && text[0] >= '0' && text[0] <= '9';
}

// "10" and "10.1" are networks: the missing bytes are zero.
std::string completed(std::string_view text) {
  std::string whole(text);
  for (auto dots = split(text, '.').size(); dots < 4; ++dots)
    whole += ".0";
  return whole;
}

Read<Number> read_mask(std::string_view text, Family family) {
  const int width = address_width(family);
  if (const auto length = parse_number(text, static_cast<std::uint64_t>(width)))
    return most_of(width) & ~most_of(width - static_cast<int>(*length));
  const auto mask = parse_address(text);
  if (!mask || mask->family != family)
    return refuse(fmt::format("`{}` is not a netmask", text));
  return mask->bits;
}

}  // namespace

std::unexpected<Refusal> refuse(std::string reason) {
  return std::unexpected(Refusal{std::move(reason), false});
}

std::unexpected<Refusal> opaque(std::string reason) {
  return std::unexpected(Refusal{std::move(reason), true});
}

Meaning meaning(filter::Condition condition) {
  return {.conditions = {std::move(condition)}, .assigns = {}, .unknown = {}};
}

Meaning atom_of(const Module& module, Lasting lasting, const Context& context) {
  Module ordered = module;
  if (module.name != "policy")  // whose elements stand in their order
    std::ranges::stable_sort(ordered.options, {}, &Option::name);
  filter::Atom atom{.text = to_text(ordered), .stateful = lasting == Lasting::Never};
  if (lasting == Lasting::OneTable && context.table != "filter") {
    const bool once = context.table == "raw" || context.table == "security";
    if (once)
      atom.text += fmt::format(" in {}", context.table);
    atom.stateful = !once;
  }
  return {.conditions = {std::move(atom)}, .assigns = {}, .unknown = {"match " + module.name}};
}

std::optional<std::uint64_t> parse_c_number(std::string_view text, std::uint64_t most) {
  if (text.starts_with("0x") || text.starts_with("0X"))
    return parse_digits(text.substr(2), 16, most);
  if (text.starts_with('0'))
    return parse_digits(text, 8, most);
  return parse_digits(text, 10, most);
}

std::optional<std::uint8_t> parse_protocol(std::string_view text) {
  if (const auto number = parse_c_number(text, 255))
    return static_cast<std::uint8_t>(*number);
  return parse_protocol_number(text);
}

Read<Numbers> read_range(std::string_view text, std::uint64_t most, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view low = text.substr(0, at);
  const std::string_view high = at == std::string_view::npos ? low : text.substr(at + 1);
  const auto first = low.empty() && at != std::string_view::npos ? std::optional<std::uint64_t>(0)
                                                                 : parse_c_number(low, most);
  const auto last = high.empty() ? std::optional(most) : parse_c_number(high, most);
  if (!first || !last || text.empty())
    return refuse(fmt::format("`{}` is not a number from 0 to {} or a range of them", text, most));
  if (*first > *last)
    return refuse(fmt::format("range {} is reversed", text));
  return Numbers({{*first, *last}});
}

Read<Masked> read_masked(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto value = parse_c_number(text.substr(0, slash), 0xffffffff);
  const auto mask = slash == std::string_view::npos
                        ? std::optional<std::uint64_t>(0xffffffff)
                        : parse_c_number(text.substr(slash + 1), 0xffffffff);
  if (value && mask)
    return Masked{static_cast<std::uint32_t>(*value), static_cast<std::uint32_t>(*mask)};
  if (begins_as_number(text))
    return refuse(fmt::format("`{}` is not a number of 32 bits, or two with a slash", text));
  return opaque(fmt::format("name `{}`", text));
}

Read<Numbers> read_addresses(std::string_view text, Family family) {
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const bool v6 = host.find(':') != std::string_view::npos;
  if (!v6 && (!begins_as_number(host) || host.find_first_not_of("0123456789.") != host.npos))
    return opaque(fmt::format("host `{}`", host));
  const auto address = parse_address(v6 ? std::string(host) : completed(host));
  if (!address || address->family != family)
    return refuse(
        fmt::format("`{}` is not an {} address", host, family == Family::V4 ? "IPv4" : "IPv6"));
  const int width = address_width(family);
  Number mask = most_of(width);
  if (slash != std::string_view::npos) {
    const auto read = read_mask(text.substr(slash + 1), family);
    if (!read)
      return std::unexpected(read.error());
    mask = *read;
  }
  if (auto numbers = masked_numbers(address->bits & mask, mask, width))
    return *std::move(numbers);
  return opaque(fmt::format("& {} == {}", to_text(Address{family, mask}),
                            to_text(Address{family, address->bits & mask})));
}

filter::Field field(filter::Kind kind) {
  return {.kind = kind, .name = {}, .bits = 0};
}

filter::Field other_field(std::string name, int bits) {
  return {.kind = filter::Kind::Other, .name = std::move(name), .bits = bits};
}

filter::Condition is_protocol(std::uint8_t protocol) {
  return is(field(filter::Kind::Protocol), Numbers({{protocol, protocol}}));
}

Read<Meaning> within_protocol(std::uint8_t protocol, const Context& context) {
  if (context.protocol && *context.protocol != protocol)
    return refuse(fmt::format("a match for protocol {} in a rule for protocol {}", protocol,
                              *context.protocol));
  Meaning meaning;
  if (!context.protocol)
    meaning.conditions.push_back(is_protocol(protocol));
  return meaning;
}

Numbers tracked_states() {
  return Numbers({{static_cast<Number>(State::New), static_cast<Number>(State::Related)}});
}

}  // namespace quay::xt
