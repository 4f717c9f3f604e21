#include "tests/oracle/policy_script.h"

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "language/nft_table.h"
#include "language/policy_file.h"
#include "policy/compile.h"
#include "policy/policy_filter.h"

namespace quay::oracle {
namespace {

constexpr TimePoint kNow{std::chrono::seconds(1'795'000'000)};

std::string some_prefix(const Corners& corners, Family family, Dice& dice) {
  const auto& range = dice.one_of(family == Family::V4 ? corners.v4 : corners.v6);
  return to_text(prefixes_of(range, family).front());
}

std::string some_ports(const Corners& corners, Dice& dice) {
  const auto& [first, last] = dice.one_of(corners.ports);
  return first == last ? std::to_string(first) : fmt::format("{}:{}", first, last);
}

// "deny in on eth0 from 10.0.0.0/8 to any port 80 proto tcp"
std::string some_rule(const Corners& corners, Dice& dice) {
  const Family family = dice.one_in(2) ? Family::V4 : Family::V6;
  const bool in = !dice.one_in(3);
  std::string text =
      dice.one_of(std::vector<std::string>{"allow", "allow", "deny", "reject", "limit"});
  text += in ? " in" : " out";
  if (dice.one_in(2))
    text += " on " + dice.one_of(std::vector<std::string>{"eth0", "eth1", "eth10", "eth+"});
  text += " from " + (dice.one_in(2) ? some_prefix(corners, family, dice) : "any");
  text += " to " + (dice.one_in(3) ? some_prefix(corners, family, dice) : "any");
  if (dice.one_in(8))
    return text + (dice.one_in(2) ? " proto gre" : " proto esp");
  return text + " port " + some_ports(corners, dice) +
         (dice.one_in(2) ? " proto tcp" : " proto udp");
}

std::string some_policy(const Corners& corners, Dice& dice) {
  std::string text = dice.one_in(2) ? "profile = \"standard\"\n" : "profile = \"enhanced\"\n";
  text += "[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n";
  for (const char* service : {"bacnet", "mqtt", "ssh", "web"}) {
    if (dice.one_in(2))
      continue;
    text += fmt::format("[services.{}]\nenabled = {}\n", service, !dice.one_in(3));
    if (dice.one_in(2))
      text += fmt::format("from = [\"{}\"]\n",
                          some_prefix(corners, dice.one_in(2) ? Family::V4 : Family::V6, dice));
  }
  for (std::size_t i = dice.below(8); i > 0; --i)
    text += fmt::format("[[rules]]\nrule = \"{}\"\n", some_rule(corners, dice));
  return text;
}

}  // namespace

PolicyScript some_policy_script(const Corners& corners, const Catalogue& catalogue, Dice& dice) {
  const std::string text = some_policy(corners, dice);
  const Parsed<Policy> policy = parse_policy(text, "policy.toml", catalogue, {});
  if (!policy.errors.empty())
    throw std::runtime_error(policy.errors.front().text() + "\n" + text);
  const RuleList rules = compile(policy.value, catalogue, kNow).rules;
  PolicyScript result{.script = {}, .policy = policy_filter(rules)};
  for (const std::string_view line : split(text, '\n'))
    result.script.add("# " + std::string(line));
  result.script.add(nft_script(nft_table(rules), Slot::A));
  return result;
}

}  // namespace quay::oracle
