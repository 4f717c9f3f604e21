// Matches on what conntrack knows of a packet's flow (xt_conntrack.c, xt_connmark.c, xt_helper.c).
#include <algorithm>
#include <cctype>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "language/masked_numbers.h"
#include "language/xt_match.h"

namespace quay::xt {

using filter::Atom;
using filter::Box;
using filter::Kind;
using filter::Number;
using filter::Numbers;
using filter::Values;

namespace {

Values state_values(Numbers states) {
  return {.field = field(Kind::State), .numbers = std::move(states), .names = {}};
}

// Words in any case, cut short as iptables takes them.
bool is_word(std::string_view text, std::string_view word) {
  return !text.empty() && text.size() <= word.size() &&
         std::ranges::equal(text, word.substr(0, text.size()), [](unsigned char a, char b) {
           return std::toupper(a) == static_cast<unsigned char>(b);
         });
}

struct States {
  std::vector<Interval<Number>> states;
  std::vector<std::string> translated;  // "snat", "dnat": bits of the entry's status
};

constexpr std::pair<std::string_view, State> kStateNames[] = {{"INVALID", State::Invalid},
                                                              {"NEW", State::New},
                                                              {"ESTABLISHED", State::Established},
                                                              {"RELATED", State::Related},
                                                              {"UNTRACKED", State::Untracked}};

Read<States> read_states(std::string_view text) {
  States states;
  for (const std::string_view word : split(text, ',')) {
    const auto* found = std::ranges::find_if(
        kStateNames, [&](const auto& name) { return is_word(word, name.first); });
    if (found != std::end(kStateNames))
      states.states.push_back(
          {static_cast<Number>(found->second), static_cast<Number>(found->second)});
    else if (is_word(word, "SNAT"))
      states.translated.emplace_back("snat");
    else if (is_word(word, "DNAT"))
      states.translated.emplace_back("dnat");
    else
      return refuse(fmt::format("`{}` is not a state", word));
  }
  std::ranges::sort(states.translated, std::greater<>());
  const auto twice = std::ranges::unique(states.translated);
  states.translated.erase(twice.begin(), twice.end());
  return states;
}

// What is asked of the entry, besides its state: values of fields, and atoms.
struct EntryTest {
  std::vector<Values> values;
  std::vector<Atom> atoms;
};

struct StatusWord {
  std::string_view option;
  std::string_view nft;
};
constexpr StatusWord kStatusWords[] = {{"EXPECTED", "expected"},
                                       {"SEEN_REPLY", "seen-reply"},
                                       {"ASSURED", "assured"},
                                       {"CONFIRMED", "confirmed"}};

// Of all statuses that are asked for, one is enough.
Read<Atom> read_status(const Option& option) {
  std::string names;
  const auto words = split(option.values[0], ',');
  for (const std::string_view word : words)
    if (std::ranges::none_of(kStatusWords,
                             [&](const StatusWord& name) { return is_word(word, name.option); }))
      return opaque(fmt::format("status `{}`", word));
  for (const StatusWord& name : kStatusWords)
    if (std::ranges::any_of(words,
                            [&](std::string_view word) { return is_word(word, name.option); }))
      names += fmt::format("{}{}", names.empty() ? "" : ",", name.nft);
  return Atom{.text = "ct status " + names,
              .stateful = false,
              .inverted = option.inverted,
              .elsewhere = Atom::Elsewhere::Translated};
}

struct Column {
  std::string_view option;
  std::string_view field;
};
constexpr Column kAddresses[] = {{"ctorigsrc", "ct original saddr"},
                                 {"ctorigdst", "ct original daddr"},
                                 {"ctreplsrc", "ct reply saddr"},
                                 {"ctrepldst", "ct reply daddr"}};
constexpr Column kPorts[] = {{"ctorigsrcport", "ct original proto-src"},
                             {"ctorigdstport", "ct original proto-dst"},
                             {"ctreplsrcport", "ct reply proto-src"},
                             {"ctrepldstport", "ct reply proto-dst"}};

Read<Numbers> read_direction(const Option& option) {
  const std::uint64_t direction = is_word(option.values[0], "REPLY") ? 1 : 0;
  if (direction == 0 && !is_word(option.values[0], "ORIGINAL"))
    return refuse(fmt::format("`{}` is not a direction", option.values[0]));
  return Numbers({{direction, direction}});
}

Read<Numbers> read_protocol(const Option& option) {
  const auto number = parse_protocol(option.values[0]);
  if (!number)
    return opaque(fmt::format("protocol `{}`", option.values[0]));
  return Numbers({{*number, *number}});
}

// An option that is a number of the entry.
Read<Values> read_column(const Option& option, const Context& context) {
  const auto is_option = [&](const Column& column) { return column.option == option.name; };
  filter::Field asked;
  Read<Numbers> numbers;
  if (const auto* found = std::ranges::find_if(kAddresses, is_option);
      found != std::end(kAddresses)) {
    asked = other_field(std::string(found->field), address_width(context.family));
    numbers = read_addresses(option.values[0], context.family);
  } else if (const auto* port = std::ranges::find_if(kPorts, is_option); port != std::end(kPorts)) {
    asked = other_field(std::string(port->field), 16);
    numbers = read_range(option.values[0], 65535);
  } else if (option.name == "ctproto") {
    asked = other_field("ct original protocol", 8);
    numbers = read_protocol(option);
  } else {
    asked = other_field("ct direction", 8);
    numbers = read_direction(option);
  }
  if (!numbers)
    return std::unexpected(numbers.error());
  // The tuple of replies changes where addresses are translated.
  if (asked.name.starts_with("ct reply") && context.table != "filter")
    return opaque("the tuple of replies before all is translated");
  const int bits = asked.bits;
  return Values{.field = std::move(asked),
                .numbers = option.inverted ? but(*numbers, bits) : *std::move(numbers),
                .names = {}};
}

Read<EntryTest> read_entry(const Module& match, const Context& context) {
  EntryTest entry;
  for (const Option& option : match.options) {
    if (option.name == "ctstate" || option.name == "state")
      continue;
    if (option.name == "ctstatus") {
      auto status = read_status(option);
      if (!status)
        return std::unexpected(status.error());
      entry.atoms.push_back(*std::move(status));
    } else if (option.name == "ctexpire") {
      entry.atoms.push_back({.text = to_text(Module{match.name, {option}, {}}), .stateful = true});
    } else {
      auto values = read_column(option, context);
      if (!values)
        return std::unexpected(values.error());
      entry.values.push_back(*std::move(values));
    }
  }
  return entry;
}

Meaning meaning_of_entry(Numbers states, EntryTest entry, const Module& match) {
  Meaning meaning;
  meaning.conditions.emplace_back(filter::Test{.boxes = {{state_values(std::move(states))}}});
  for (Values& values : entry.values)
    meaning.conditions.emplace_back(filter::Test{.boxes = {{std::move(values)}}});
  for (Atom& atom : entry.atoms)
    meaning.conditions.emplace_back(std::move(atom));
  if (!entry.atoms.empty())
    meaning.unknown.push_back("match " + match.name);
  return meaning;
}

// "ct status dnat": of the entry, and false where there is none.
Read<Meaning> translated(const States& states, bool inverted, EntryTest entry, const Module& match,
                         const Context& context) {
  Atom atom{.text = "ct status " + join(states.translated, ","),
            .stateful = context.table != "filter",
            .inverted = inverted,
            .elsewhere = Atom::Elsewhere::Translated};
  if (!states.states.empty())
    return opaque("states and translations in one list");
  if (!inverted) {
    entry.atoms.push_back(std::move(atom));
    return meaning_of_entry(tracked_states(), std::move(entry), match);
  }
  if (!entry.values.empty() || !entry.atoms.empty())
    return opaque("no translation, and more");
  return Meaning{
      .conditions = {std::move(atom)}, .assigns = {}, .unknown = {"match " + match.name}};
}

}  // namespace

// Without an entry (invalid, untracked), the kernel asks for the state alone, and lets all other
// options pass when it is one of those wanted.
Read<Meaning> conntrack_match(const Module& match, const Context& context) {
  auto entry = read_entry(match, context);
  if (!entry)
    return std::unexpected(entry.error());
  const Option* option = find(match.options, match.name == "state" ? "state" : "ctstate");
  if (option == nullptr) {
    if (match.options.empty())
      return refuse(fmt::format("{} needs an option", match.name));
    return meaning_of_entry(tracked_states(), *std::move(entry), match);
  }
  const auto states = read_states(option->values[0]);
  if (!states)
    return std::unexpected(states.error());
  if (!states->translated.empty())
    return translated(*states, option->inverted, *std::move(entry), match, context);
  Numbers wanted(states->states);
  if (option->inverted)
    wanted = Numbers::up_to(kStates - 1).subtract(wanted);
  const Numbers without = wanted.subtract(tracked_states());
  if (without.empty() || (entry->values.empty() && entry->atoms.empty()))
    return meaning_of_entry(std::move(wanted), *std::move(entry), match);
  if (!entry->atoms.empty())
    return opaque("states without an entry, and more of the entry");
  Box tracked{state_values(wanted.intersect(tracked_states()))};
  std::ranges::move(entry->values, std::back_inserter(tracked));
  return Meaning{
      .conditions = {filter::Test{.boxes = {{state_values(without)}, std::move(tracked)}}},
      .assigns = {},
      .unknown = {}};
}

Read<Meaning> connmark_match(const Module& match, const Context& context) {
  const Option* option = find(match.options, "mark");
  if (option == nullptr)
    return refuse("connmark needs --mark");
  const auto mark = read_masked(option->values[0]);
  if (!mark)
    return std::unexpected(mark.error());
  const auto numbers = masked_numbers(mark->value, mark->mask, 32);
  if (!numbers)  // marks are set on the way
    return atom_of(match, Lasting::Never, context);
  return Meaning{.conditions = {is(field(Kind::State), tracked_states()),
                                is(other_field("ct mark", 32), *numbers, option->inverted)},
                 .assigns = {},
                 .unknown = {}};
}

Read<Meaning> helper_match(const Module& match, const Context&) {
  const Option* option = find(match.options, "helper");
  if (option == nullptr)
    return refuse("helper needs --helper");
  return Meaning{.conditions = {Atom{.text = fmt::format("ct helper \"{}\"", option->values[0]),
                                     .stateful = false,
                                     .inverted = option->inverted}},
                 .assigns = {},
                 .unknown = {"match helper"}};
}

}  // namespace quay::xt
