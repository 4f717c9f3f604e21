// What a person reads on a terminal: aligned columns, and colour where it helps.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace quay {

enum class Colour : std::uint8_t { None, Bold, Green, Red, Yellow };

// Colour codes are written only when they are wanted: on a terminal, and NO_COLOR is not set
// (https://no-color.org).
class Style {
 public:
  explicit Style(bool coloured) : coloured_(coloured) {}
  std::string paint(std::string_view text, Colour colour) const;

 private:
  bool coloured_;
};

// True when the descriptor is a terminal and the environment does not forbid colour.
bool wants_colour(int fd);

// Rows of cells; the first row is the head. Columns are as wide as their widest cell, the last one
// is not padded.
void print_table(std::ostream& out, const std::vector<std::vector<std::string>>& rows,
                 const Style& style);

}  // namespace quay
