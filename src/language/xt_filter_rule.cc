#include "language/xt_filter_rule.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "language/masked_numbers.h"
#include "language/xt_match.h"
#include "language/xt_target.h"

namespace quay::xt {

using filter::Assign;
using filter::Atom;
using filter::Condition;
using filter::Kind;
using filter::Numbers;
using filter::Values;

namespace {

constexpr std::size_t kLongestInterface = 15;  // linux/if.h: IFNAMSIZ, with its zero

// What the model cannot say, by name.
void add_atom(filter::Rule& rule, const std::string& text, bool stateful, bool inverted) {
  rule.conditions.emplace_back(Atom{.text = text, .stateful = stateful, .inverted = inverted});
  rule.unknown.push_back(text);
}

Read<bool> add_protocol(const Option& option, Context& context, filter::Rule& rule) {
  const auto number =
      option.values[0] == "all" ? std::optional<std::uint8_t>(0) : parse_protocol(option.values[0]);
  if (!number) {
    add_atom(rule, "protocol " + option.values[0], false, option.inverted);
    return true;
  }
  if (*number == 0) {
    if (option.inverted)
      return refuse("a rule for no protocol never matches");
    return true;
  }
  if (!option.inverted)
    context.protocol = number;
  rule.conditions.push_back(
      is(field(Kind::Protocol), Numbers({{*number, *number}}), option.inverted));
  return true;
}

Read<bool> add_interface(const Option& option, filter::Rule& rule) {
  std::string name = option.values[0];
  if (name.size() > kLongestInterface)
    return refuse(fmt::format("interface name `{}` is longer than {}", name, kLongestInterface));
  if (name.ends_with('*')) {  // which would be a pattern to the model
    add_atom(rule, fmt::format("{} {}", option.name, name), false, option.inverted);
    return true;
  }
  if (name.ends_with('+'))
    name.back() = '*';
  if (name.empty() || name == "*") {
    if (option.inverted)
      rule.conditions.emplace_back(filter::Test{});
    return true;
  }
  const Kind kind = option.name == "in-interface" ? Kind::InInterface : Kind::OutInterface;
  rule.conditions.emplace_back(filter::Test{
      .boxes = {{Values{
          .field = field(kind), .numbers = {}, .names = {name}, .but_names = option.inverted}}}});
  return true;
}

// Fragments after the first: the lower 13 bits of the field are their offset.
Read<bool> add_fragment(const Option& option, const Context& context, filter::Rule& rule) {
  if (context.family == Family::V6)
    return refuse("-f is for IPv4 alone");
  const Numbers none = few_masked_numbers(0, 0x1fff, 16);
  rule.conditions.push_back(is(other_field("ip frag-off", 16), none, !option.inverted));
  return true;
}

Read<bool> add_common(const Option& option, Context& context, filter::Rule& rule) {
  if (option.name == "protocol")
    return add_protocol(option, context, rule);
  if (option.name.ends_with("-interface"))
    return add_interface(option, rule);
  if (option.name == "fragment")
    return add_fragment(option, context, rule);
  return true;
}

Read<bool> add_address(const Option& option, std::string_view text, const Context& context,
                       filter::Rule& rule) {
  auto numbers = read_addresses(text, context.family);
  if (!numbers && numbers.error().opaque) {  // addresses are translated on the way
    add_atom(rule,
             fmt::format("{} {} {}", context.family == Family::V4 ? "ip" : "ip6",
                         option.name == "source" ? "saddr" : "daddr", numbers.error().reason),
             context.table != "filter", option.inverted);
    return true;
  }
  if (!numbers)
    return std::unexpected(numbers.error());
  if (numbers->intervals().size() == 1 && !option.inverted &&
      *numbers == Numbers::up_to(most_of(address_width(context.family))))
    return true;
  rule.conditions.push_back(is(field(option.name == "source" ? Kind::Source : Kind::Destination),
                               *std::move(numbers), option.inverted));
  return true;
}

// One rule for each of the addresses, as iptables makes them.
Read<std::vector<filter::Rule>> with_addresses(const Rule& rule, const Context& context,
                                               filter::Rule first) {
  std::vector<filter::Rule> rules{std::move(first)};
  for (const char* name : {"source", "destination"}) {
    const Option* option = find(rule.common, name);
    if (option == nullptr)
      continue;
    const auto addresses = split(option->values[0], ',');
    if (option->inverted && addresses.size() > 1)
      return refuse("`!` goes with one address alone");
    std::vector<filter::Rule> more;
    for (const filter::Rule& each : rules) {
      for (const std::string_view address : addresses) {
        more.push_back(each);
        if (const auto added = add_address(*option, address, context, more.back()); !added)
          return std::unexpected(added.error());
      }
    }
    rules = std::move(more);
  }
  return rules;
}

Read<Outcome> outcome(const Rule& rule, const Context& context,
                      const std::set<std::string, std::less<>>& chains) {
  if (!rule.target)
    return Outcome{};
  const Module& target = *rule.target;
  // A chain takes the place of a target of its name, which iptables forbids of verdicts alone.
  if (!chains.contains(target.name)) {
    if (rule.go_to || (!is_target(target.name) && target.strange.empty()))
      return refuse(fmt::format("there is no chain or target `{}`", target.name));
    return outcome_of(target, context);
  }
  if (!target.options.empty())
    return refuse(fmt::format("--{} follows a jump to a chain", target.options[0].name));
  return Outcome{
      .verdict = {.kind = rule.go_to ? filter::Verdict::Kind::Goto : filter::Verdict::Kind::Jump,
                  .chain = target.name},
      .assigns = {},
      .unknown = {}};
}

bool may_be_loopback(const Rule& rule) {
  const Option* interface = find(rule.common, "in-interface");
  return interface == nullptr || interface->inverted || interface->values[0] == "lo" ||
         interface->values[0].ends_with('+');
}

constexpr auto kUntracked = static_cast<filter::Number>(State::Untracked);

// Packets that the host sends to itself have met conntrack already when they come in: NOTRACK does
// not touch them. Which state they have then is not known.
std::vector<filter::Rule> not_tracked(const filter::Rule& rule, bool loopback) {
  if (!loopback) {
    filter::Rule one = rule;
    one.assigns.push_back({field(Kind::State), kUntracked});
    return {std::move(one)};
  }
  const auto with = [&](bool from_here, std::optional<filter::Number> state) {
    filter::Rule one = rule;
    one.conditions.emplace_back(filter::Test{.boxes = {{Values{.field = field(Kind::InInterface),
                                                               .numbers = {},
                                                               .names = {"lo"},
                                                               .but_names = !from_here}}}});
    one.assigns.push_back({field(Kind::State), state});
    return one;
  };
  return {with(true, std::nullopt), with(false, kUntracked)};
}

// What changes where these hold already, while the rest of the rule is asked.
filter::Rule change_before(std::vector<Condition> conditions, std::vector<Assign> assigns) {
  filter::Rule rule;
  rule.conditions = std::move(conditions);
  rule.assigns = std::move(assigns);
  return rule;
}

}  // namespace

Read<std::vector<filter::Rule>> filter_rules(const Rule& rule, Context context,
                                             const std::set<std::string, std::less<>>& chains) {
  const bool v4 = context.family == Family::V4;
  if (find(rule.common, v4 ? "ipv6" : "ipv4") != nullptr)
    return std::vector<filter::Rule>{};
  filter::Rule made;
  for (const Option& option : rule.common)
    if (const auto added = add_common(option, context, made); !added)
      return std::unexpected(added.error());
  std::vector<Assign> before;
  std::vector<Condition> conditions;
  for (const Module& match : rule.matches) {
    auto meaning = meaning_of(match, context);
    if (!meaning)
      return std::unexpected(meaning.error());
    std::ranges::move(meaning->conditions, std::back_inserter(conditions));
    std::ranges::move(meaning->assigns, std::back_inserter(before));
    std::ranges::move(meaning->unknown, std::back_inserter(made.unknown));
  }
  auto done = outcome(rule, context, chains);
  if (!done)
    return std::unexpected(done.error());
  auto rules = with_addresses(rule, context, std::move(made));
  if (!rules)
    return rules;
  std::vector<filter::Rule> all;
  for (filter::Rule& one : *rules) {
    if (!before.empty())
      all.push_back(change_before(one.conditions, before));
    std::ranges::copy(conditions, std::back_inserter(one.conditions));
    one.verdict = done->verdict;
    std::ranges::copy(done->unknown, std::back_inserter(one.unknown));
    one.assigns = done->assigns;
    if (done->untracked)
      std::ranges::move(not_tracked(one, may_be_loopback(rule)), std::back_inserter(all));
    else
      all.push_back(std::move(one));
  }
  return all;
}

}  // namespace quay::xt
