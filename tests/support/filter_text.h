// A packet filter in words, for the messages of tests.
#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "language/nft_boxes.h"
#include "model/filter.h"

namespace quay::filter {

inline std::string text_of(Number value) {
  const auto high = static_cast<std::uint64_t>(value >> 64);
  const auto low = static_cast<std::uint64_t>(value);
  if (high != 0)
    return fmt::format("{:#x}{:016x}", high, low);
  return low < 100'000 ? std::to_string(low) : fmt::format("{:#x}", low);
}

inline std::string text_of(const Values& values) {
  std::vector<std::string> words;
  for (const auto& [first, last] : values.numbers.intervals())
    words.push_back(first == last ? text_of(first) : text_of(first) + "-" + text_of(last));
  for (const std::string& name : values.names)
    words.push_back('"' + name + '"');
  return fmt::format("{}{} {}", nft::name_of(values.field, Family::V4),
                     values.but_names ? " not" : "", join(words, ","));
}

inline std::string text_of(const Box& box) {
  std::vector<std::string> words;
  for (const Values& values : box)
    words.push_back(text_of(values));
  return words.empty() ? "any" : join(words, " & ");
}

inline std::string text_of(const Condition& condition) {
  if (const auto* atom = std::get_if<Atom>(&condition))
    return fmt::format("{}{{{}{}}}", atom->inverted ? "not " : "", atom->stateful ? "~" : "",
                       atom->text);
  const auto& test = std::get<Test>(condition);
  std::vector<std::string> words;
  for (const Box& box : test.boxes)
    words.push_back(text_of(box));
  return fmt::format("{}({})", test.inverted ? "not " : "", join(words, " | "));
}

inline std::string text_of(const Verdict& verdict) {
  std::string name = "unknown";
  for (const auto& [kind, word] :
       {std::pair{Verdict::Kind::Continue, "continue"}, std::pair{Verdict::Kind::Accept, "accept"},
        std::pair{Verdict::Kind::Drop, "drop"}, std::pair{Verdict::Kind::Reject, "reject"},
        std::pair{Verdict::Kind::Return, "return"}, std::pair{Verdict::Kind::Jump, "jump"},
        std::pair{Verdict::Kind::Goto, "goto"}, std::pair{Verdict::Kind::Queue, "queue"}})
    if (verdict.kind == kind)
      name = word;
  return verdict.chain.empty() ? name : name + " " + verdict.chain;
}

inline std::string text_of(const Rule& rule) {
  std::vector<std::string> words;
  for (const Condition& condition : rule.conditions)
    words.push_back(text_of(condition));
  for (const Assign& assign : rule.assigns)
    words.push_back(fmt::format("{} := {}", nft::name_of(assign.field, Family::V4),
                                assign.value ? text_of(*assign.value) : "?"));
  if (rule.map) {
    for (const auto& [box, verdict] : *rule.map)
      words.push_back(fmt::format("[{} -> {}]", text_of(box), text_of(verdict)));
  } else {
    words.push_back(text_of(rule.verdict));
  }
  for (const std::string& what : rule.unknown)
    words.push_back("?" + what);
  return join(words, " ");
}

inline std::string text_of(const Ruleset& ruleset) {
  std::string text;
  for (const Table& table : ruleset.tables)
    for (const Chain& chain : table.chains) {
      text += fmt::format("{}/{}/{}", to_text(table.family), table.name, chain.name);
      if (chain.base)
        text +=
            fmt::format(" {} {} {}{}", to_text(chain.base->hook), chain.base->priority,
                        text_of(Verdict{chain.base->policy, {}}), chain.base->nat ? " nat" : "");
      text += "\n";
      for (const Rule& rule : chain.rules)
        text += fmt::format("  {}: {}\n", rule.place, text_of(rule));
    }
  for (const std::string& line : ruleset.outside)
    text += line + "\n";
  return text;
}

}  // namespace quay::filter
