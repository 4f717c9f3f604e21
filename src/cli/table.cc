#include "cli/table.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

namespace quay {

std::string Style::paint(std::string_view text, Colour colour) const {
  if (!coloured_ || colour == Colour::None)
    return std::string(text);
  const int code = colour == Colour::Bold    ? 1
                   : colour == Colour::Green ? 32
                   : colour == Colour::Red   ? 31
                                             : 33;
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

bool wants_colour(int fd) {
  const char* forbidden = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): one thread
  return (forbidden == nullptr || *forbidden == '\0') && isatty(fd) == 1;
}

void print_table(std::ostream& out, const std::vector<std::vector<std::string>>& rows,
                 const Style& style) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  }
  bool head = true;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    out << (head ? style.paint(line, Colour::Bold) : line) << '\n';
    head = false;
  }
}

}  // namespace quay
