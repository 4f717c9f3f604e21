// A ruleset as text, line by line, so that rules can be taken away.
#pragma once

#include <string>
#include <vector>

namespace quay::oracle {

struct Script {
  // Who reads the text: nft(8), iptables-nft-restore(8), ip6tables-nft-restore(8).
  enum class Syntax : char { Nft, Iptables, Ip6tables };

  struct Line {
    std::string text;
    bool rule = false;  // the text is still a ruleset without it
  };
  Syntax syntax = Syntax::Nft;
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
