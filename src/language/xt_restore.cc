#include "language/xt_restore.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "language/xt_filter_rule.h"

namespace quay::xt {

using filter::Base;
using filter::Hook;

namespace {

// linux/netfilter_ipv4.h: NF_IP_PRI_*, and the chains that each table has.
struct BuiltIn {
  std::string_view table;
  std::string_view chain;
  Hook hook;
  std::int32_t priority;
};
constexpr BuiltIn kBuiltIn[] = {
    {"raw", "PREROUTING", Hook::Prerouting, -300},
    {"raw", "OUTPUT", Hook::Output, -300},
    {"mangle", "PREROUTING", Hook::Prerouting, -150},
    {"mangle", "INPUT", Hook::Input, -150},
    {"mangle", "FORWARD", Hook::Forward, -150},
    {"mangle", "OUTPUT", Hook::Output, -150},
    {"mangle", "POSTROUTING", Hook::Postrouting, -150},
    {"nat", "PREROUTING", Hook::Prerouting, -100},
    {"nat", "INPUT", Hook::Input, 100},
    {"nat", "OUTPUT", Hook::Output, -100},
    {"nat", "POSTROUTING", Hook::Postrouting, 100},
    {"filter", "INPUT", Hook::Input, 0},
    {"filter", "FORWARD", Hook::Forward, 0},
    {"filter", "OUTPUT", Hook::Output, 0},
    {"security", "INPUT", Hook::Input, 50},
    {"security", "FORWARD", Hook::Forward, 50},
    {"security", "OUTPUT", Hook::Output, 50},
};

constexpr std::pair<std::string_view, std::string_view> kLong[] = {
    {"--append", "-A"}, {"--insert", "-I"}, {"--new-chain", "-N"},
    {"--policy", "-P"}, {"--flush", "-F"},  {"--zero", "-Z"}};

// "-A" and "--append" are one.
std::string_view short_command(std::string_view word) {
  const auto* found = std::ranges::find(kLong, word, [](const auto& pair) { return pair.first; });
  return found == std::end(kLong) ? word : found->second;
}

// Where jumps lead, chain by chain: every chain that leads to none, or only to such that are taken
// away, is taken away. Those that stay make circles, or lead into one.
std::optional<std::string> chain_in_circle(const filter::Table& table) {
  std::map<std::string_view, std::vector<std::string_view>> callers;
  std::map<std::string_view, std::size_t> calls;
  for (const filter::Chain& chain : table.chains)
    for (const filter::Rule& rule : chain.rules)
      if (!rule.verdict.chain.empty()) {
        callers[rule.verdict.chain].push_back(chain.name);
        ++calls[chain.name];
      }
  std::vector<std::string_view> ends;
  for (const filter::Chain& chain : table.chains)
    if (calls[chain.name] == 0)
      ends.push_back(chain.name);
  while (!ends.empty()) {
    const std::string_view end = ends.back();
    ends.pop_back();
    for (const std::string_view caller : callers[end])
      if (--calls[caller] == 0)
        ends.push_back(caller);
  }
  for (const auto& [name, left] : calls)
    if (left > 0)
      return std::string(name);
  return std::nullopt;
}

// Interfaces that packets of a hook do not have yet, or no longer.
std::optional<std::string> misplaced_interface(const Rule& rule, const std::optional<Base>& base) {
  if (!base)
    return std::nullopt;
  const bool no_out = base->hook == Hook::Prerouting || base->hook == Hook::Input;
  const bool no_in = base->hook == Hook::Output || base->hook == Hook::Postrouting;
  if (no_out && find(rule.common, "out-interface") != nullptr)
    return "-o";
  if (no_in && find(rule.common, "in-interface") != nullptr)
    return "-i";
  return std::nullopt;
}

}  // namespace

void Restore::fault(std::string reason) {
  errors_.push_back({fmt::format("{}:{}", file_, number_), std::move(reason)});
}

Restore::Chain* Restore::Table::find(std::string_view chain) {
  const auto found = places.find(chain);
  return found == places.end() ? nullptr : &chains[found->second];
}

Restore::Chain& Restore::Table::add(std::string chain, std::optional<Base> base) {
  places.emplace(chain, chains.size());
  return chains.emplace_back(Chain{std::move(chain), std::move(base), {}});
}

void Restore::load(std::string_view text, const std::string& file, bool keep) {
  file_ = file;
  number_ = 0;
  for (const std::string_view line : split(text, '\n')) {
    ++number_;
    read_line(trim(line), keep);
  }
  if (table_ != kNone || skipping_)
    fault("the text ends before COMMIT");
  table_ = kNone;
  skipping_ = false;
}

void Restore::read_line(std::string_view line, bool keep) {
  if (line.empty() || line[0] == '#')
    return;
  if (line == "COMMIT") {
    if (table_ == kNone && !skipping_)
      fault("COMMIT without a table");
    table_ = kNone;
    skipping_ = false;
  } else if (line[0] == '*') {
    begin_table(trim(line.substr(1)), keep);
  } else if (skipping_) {
    return;
  } else if (table_ == kNone) {
    fault(fmt::format("`{}` stands before any table", line));
  } else if (line[0] == ':') {
    begin_chain(line.substr(1));
  } else {
    read_command(line);
  }
}

void Restore::begin_table(std::string_view name, bool keep) {
  if (table_ != kNone || skipping_)
    fault("a table begins before COMMIT of the one before");
  table_ = kNone;
  skipping_ = false;
  if (std::ranges::find(kBuiltIn, name, &BuiltIn::table) == std::end(kBuiltIn)) {
    outside_.push_back(
        fmt::format("table {} of iptables is not known ({}:{})", name, file_, number_));
    skipping_ = true;
    return;
  }
  const auto known = std::ranges::find(tables_, name, &Table::name);
  table_ = static_cast<std::size_t>(known - tables_.begin());
  if (known != tables_.end() && keep)
    return;
  Table empty{std::string(name), {}, {}};
  for (const BuiltIn& one : kBuiltIn)
    if (one.table == name)
      empty.add(
          std::string(one.chain),
          Base{.hook = one.hook, .priority = one.priority, .nat = name == "nat", .devices = {}});
  if (known == tables_.end())
    tables_.push_back(std::move(empty));
  else
    *known = std::move(empty);
}

// "INPUT DROP [12:34]"; user chains have "-" as their policy.
void Restore::begin_chain(std::string_view line) {
  const auto words = split_line(line);
  if (!words || words->size() < 2) {
    fault("a chain is written `:NAME POLICY`");
    return;
  }
  Chain* chain = table().find((*words)[0]);
  if (chain == nullptr)
    chain = &table().add((*words)[0], std::nullopt);
  else if (!chain->base)
    chain->lines.clear();
  set_policy(*chain, (*words)[1]);
}

void Restore::set_policy(Chain& chain, std::string_view policy) {
  if (policy == "-")
    return;
  if (!chain.base)
    fault(fmt::format("chain {} is not built in and has no policy", chain.name));
  else if (policy == "ACCEPT")
    chain.base->policy = filter::Verdict::Kind::Accept;
  else if (policy == "DROP")
    chain.base->policy = filter::Verdict::Kind::Drop;
  else
    fault(fmt::format("`{}` is not a policy", policy));
}

void Restore::read_command(std::string_view line) {
  if (line[0] == '[')  // counters
    line = trim(line.substr(std::min(line.size(), line.find(']')) + (line.find(']') != line.npos)));
  const auto words = split_line(line);
  if (!words) {
    fault("a quote is not closed");
    return;
  }
  const std::string_view command = words->empty() ? "" : short_command((*words)[0]);
  if (command == "-A" || command == "-I")
    return add_rule(*words, line);
  if (command == "-Z")
    return;
  const bool all = command == "-F" && words->size() == 1;
  if (all) {
    for (Chain& chain : table().chains)
      chain.lines.clear();
    return;
  }
  if (command == "-N" && words->size() == 2)
    return begin_chain((*words)[1] + " -");
  Chain* chain = words->size() < 2 ? nullptr : table().find((*words)[1]);
  if (command == "-F" && chain != nullptr)
    chain->lines.clear();
  else if (command == "-P" && chain != nullptr && words->size() == 3)
    set_policy(*chain, (*words)[2]);
  else
    fault(fmt::format("`{}` is not understood", line));
}

void Restore::add_rule(std::span<const std::string> words, std::string_view line) {
  const bool insert = short_command(words[0]) == "-I";
  Chain* chain = words.size() < 2 ? nullptr : table().find(words[1]);
  if (chain == nullptr) {
    fault(words.size() < 2 ? "the chain is missing"
                           : fmt::format("there is no chain `{}`", words[1]));
    return;
  }
  std::size_t skip = 2;
  std::size_t at = insert ? 0 : chain->lines.size();
  if (const auto place =
          insert && words.size() > 2 ? parse_number(words[2], 1U << 30U) : std::nullopt) {
    if (*place == 0 || *place > chain->lines.size() + 1) {
      fault(fmt::format("chain {} has no place {}", chain->name, *place));
      return;
    }
    at = *place - 1;
    skip = 3;
  }
  auto rule = parse_rule(words.subspan(skip));
  if (!rule) {
    fault(rule.error().reason);
    return;
  }
  chain->lines.insert(chain->lines.begin() + static_cast<std::ptrdiff_t>(at),
                      {file_, number_, std::string(line), *std::move(rule)});
}

// Sets that rules put something into, or take something from.
std::set<std::string> Restore::changing_sets() const {
  std::set<std::string> sets;
  for (const Table& table : tables_)
    for (const Chain& chain : table.chains)
      for (const Line& line : chain.lines)
        if (line.rule.target && line.rule.target->name == "SET")
          for (const Option& option : line.rule.target->options)
            if (!option.values.empty())
              sets.insert(option.values[0]);
  return sets;
}

filter::Rule Restore::placed(filter::Rule rule, const Line& line) const {
  rule.place = named_ ? fmt::format("{} line {}", line.file, line.number)
                      : fmt::format("line {}", line.number);
  rule.text = line.text;
  return rule;
}

filter::Table Restore::made(const Table& table, const std::set<std::string>& changing_sets) {
  std::set<std::string, std::less<>> chains;
  for (const Chain& chain : table.chains)
    if (!chain.base)
      chains.insert(chain.name);
  const Context context{.family = family_,
                        .table = table.name,
                        .protocol = std::nullopt,
                        .ports = &ports_,
                        .changing_sets = &changing_sets};
  filter::Table result{
      .family = family_ == Family::V4 ? filter::TableFamily::Ip : filter::TableFamily::Ip6,
      .name = table.name,
      .chains = {}};
  for (const Chain& chain : table.chains) {
    std::vector<filter::Rule>& made = result.chains.emplace_back(chain.name, chain.base).rules;
    for (const Line& line : chain.lines) {
      const std::string place = fmt::format("{}:{}", line.file, line.number);
      if (const auto option = misplaced_interface(line.rule, chain.base))
        errors_.push_back({place, fmt::format("{} has no meaning in {}", *option, chain.name)});
      auto rules = filter_rules(line.rule, context, chains);
      if (!rules) {
        errors_.push_back({place, rules.error().reason});
        continue;
      }
      for (filter::Rule& rule : *rules)
        made.push_back(placed(std::move(rule), line));
    }
  }
  return result;
}

Parsed<filter::Ruleset> Restore::take() {
  Parsed<filter::Ruleset> parsed;
  const auto sets = changing_sets();
  for (const Table& table : tables_) {
    parsed.value.tables.push_back(made(table, sets));
    if (const auto circle = chain_in_circle(parsed.value.tables.back()))
      errors_.push_back(
          {file_, fmt::format("chain {} of table {} leads in a circle", *circle, table.name)});
  }
  parsed.value.outside = std::move(outside_);
  parsed.errors = std::move(errors_);
  return parsed;
}

}  // namespace quay::xt
