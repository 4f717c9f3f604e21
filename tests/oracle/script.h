// A ruleset as text, line by line, so that rules can be taken away.
#pragma once

#include <string>
#include <vector>

namespace quay::oracle {

struct Script {
  struct Line {
    std::string text;
    bool rule = false;  // the text is still a ruleset without it
  };
  std::vector<Line> lines;

  void add(std::string text) { lines.push_back({std::move(text), false}); }
  void add_rule(std::string text) { lines.push_back({std::move(text), true}); }
  std::string text() const {
    std::string all;
    for (const Line& line : lines)
      all += line.text + "\n";
    return all;
  }
};

}  // namespace quay::oracle
