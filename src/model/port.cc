#include "model/port.h"

#include <fmt/format.h>

#include "base/text.h"

namespace quay {

PortSet one_port(Port port) {
  return PortSet({{port, port}});
}

PortSet every_port() {
  return PortSet::up_to(65535);
}

namespace {

Result<Port> parse_port(std::string_view text) {
  const auto number = parse_number(text, 65535);
  if (!number || *number == 0)
    return fail(fmt::format("`{}` is not a port from 1 to 65535", text));
  return static_cast<Port>(*number);
}

}  // namespace

Result<PortSet> parse_ports(std::string_view text) {
  std::vector<Interval<Port>> ranges;
  for (const std::string_view piece : split(text, ',')) {
    const std::size_t mark = piece.find_first_of(":-");
    const auto first = parse_port(piece.substr(0, mark));
    if (!first)
      return fail(first.error());
    const auto last = mark == std::string_view::npos ? first : parse_port(piece.substr(mark + 1));
    if (!last)
      return fail(last.error());
    if (*last < *first)
      return fail(fmt::format("port range {} is reversed", piece));
    ranges.push_back({*first, *last});
  }
  return PortSet(std::move(ranges));
}

std::string to_text(const PortSet& ports, char range_mark) {
  std::string text;
  for (const Interval<Port>& range : ports.intervals()) {
    if (!text.empty())
      text += ',';
    text += range.first == range.last ? fmt::format("{}", range.first)
                                      : fmt::format("{}{}{}", range.first, range_mark, range.last);
  }
  return text;
}

}  // namespace quay
