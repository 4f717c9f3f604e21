// A rule of iptables as it is written: which options, with which words. What they mean is said in
// xt_filter_rule.h.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "language/xt_options.h"

namespace quay::xt {

struct Option {
  std::string name;  // canonical, without dashes
  bool inverted = false;
  std::vector<std::string> values;
  bool operator==(const Option&) const = default;
};

// A match (`-m tcp --dport 22`) or a target (`-j LOG --log-level 4`).
struct Module {
  std::string name;
  std::vector<Option> options;
  std::string strange;  // what of it we do not know: "match foo", "option --foo"; empty: nothing
};

struct Rule {
  std::vector<Option> common;  // "source", "destination", "protocol", "in-interface", ...
  std::vector<Module> matches;
  std::optional<Module> target;  // also of chains, whose names are names of targets here
  bool go_to = false;            // -g
};

// The option of that name that stands last, as iptables takes it; nullptr when there is none.
const Option* find(std::span<const Option> options, std::string_view name);

// " --match-set x src", with `!` and quotes where they are needed: in the words of the source, but
// canonical names.
std::string to_text(const Option& option);
std::string to_text(const Module& module);  // "xt set --match-set x src"

// The words of a line as iptables-restore takes it apart: double quotes hold blanks, a backslash in
// them keeps the next character. Nullopt when a quote is not closed.
std::optional<std::vector<std::string>> split_line(std::string_view line);

// Reads the words after `-A CHAIN`. Matches and targets that we do not know take all words up to
// the next option that we know. An inverting `!` may stand before an option or, as of old, before
// its value. Options may be cut short as getopt_long(3) has it. Fails when a word is missing or
// makes no sense.
Result<Rule> parse_rule(std::span<const std::string> words);

}  // namespace quay::xt
