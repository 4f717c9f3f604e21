#include "language/xt_nat_target.h"

#include <utility>

namespace quay::xt {

using filter::Assign;
using filter::Kind;
using filter::Number;

namespace {

// "10.0.0.1", "10.0.0.1:80", ":80", "[fd00::1]:80", with ranges of both.
struct Place {
  std::string_view addresses;  // empty: they stay
  std::string_view ports;      // empty: they stay
};

Place split_place(std::string_view text, Family family) {
  if (family == Family::V4 || text.starts_with(':')) {
    const std::size_t colon = text.find(':');
    return {text.substr(0, colon),
            colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1)};
  }
  if (!text.starts_with('['))
    return {text, {}};
  const std::size_t end = text.find(']');
  const std::size_t colon = text.find(':', end);
  return {text.substr(1, end == std::string_view::npos ? end : end - 1),
          colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1)};
}

std::optional<Number> certain_address(std::string_view text, Family family) {
  const auto address = parse_address(text);
  if (!address || address->family != family)
    return std::nullopt;
  return address->bits;
}

std::optional<Number> certain_port(std::string_view text) {
  const auto port = parse_c_number(text, 65535);
  return port ? std::optional<Number>(*port) : std::nullopt;
}

Outcome translation(Kind address, std::optional<Number> value) {
  Outcome outcome{.verdict = {.kind = filter::Verdict::Kind::Accept, .chain = {}},
                  .assigns = {},
                  .unknown = {}};
  const bool source = address == Kind::Source;
  outcome.assigns.push_back({filter::translated(!source), 1});
  outcome.assigns.push_back({field(address), value});
  outcome.assigns.push_back(
      {other_field(source ? "fib saddr type" : "fib daddr type", 32), std::nullopt});
  return outcome;
}

// Without an option, the place is not certain at all.
Place place_of(const Module& target, std::string_view option, Family family) {
  const Option* found = find(target.options, option);
  return found == nullptr ? Place{"?", {}} : split_place(found->values[0], family);
}

}  // namespace

// A translated destination keeps its port unless another one is asked for.
Read<Outcome> dnat_target(const Module& target, const Context& context) {
  Place place = place_of(target, "to-destination", context.family);
  if (const Option* ports = find(target.options, "to-ports"))
    place.ports = ports->values[0];
  Outcome outcome =
      translation(Kind::Destination, certain_address(place.addresses, context.family));
  if (place.addresses.empty())  // the port alone
    outcome.assigns = {{filter::translated(true), 1}};
  if (!place.ports.empty())
    outcome.assigns.push_back({field(Kind::DestinationPort), certain_port(place.ports)});
  return outcome;
}

// A translated source may get any port, to be told from other flows.
Read<Outcome> snat_target(const Module& target, const Context& context) {
  const Place place = place_of(target, "to-source", context.family);
  Outcome outcome = translation(Kind::Source, certain_address(place.addresses, context.family));
  outcome.assigns.push_back({field(Kind::SourcePort), std::nullopt});
  return outcome;
}

// Which of the two it is depends on the hook; ports of the source may change as with SNAT.
Read<Outcome> netmap_target(const Module&, const Context&) {
  Outcome outcome = translation(Kind::Destination, std::nullopt);
  Outcome source = translation(Kind::Source, std::nullopt);
  source.assigns.push_back({field(Kind::SourcePort), std::nullopt});
  for (Assign& assign : source.assigns)
    outcome.assigns.push_back(std::move(assign));
  for (Assign& assign : outcome.assigns)
    assign.value.reset();
  return outcome;
}

}  // namespace quay::xt
