#include "policy/numbered.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/text.h"
#include "language/user_rule_text.h"

namespace quay {
namespace {

std::vector<Prefix> prefixes(const RuleEnd& end) {
  return end.prefix ? std::vector{*end.prefix} : std::vector<Prefix>{};
}

std::string end_of(const RuleEnd& end, const std::optional<Protocol>& protocol) {
  const bool plain = !end.ports && end.service.empty();
  std::string text =
      end_label(prefixes(end), end.ports,
                protocol && !plain ? std::vector{*protocol} : std::vector<Protocol>{});
  if (!end.service.empty())
    text = (text == "Anywhere" ? "" : text + " ") + end.service;
  return text;
}

NumberedRule own_line(const UserRule& rule, std::size_t number, const Policy& policy) {
  UserRule bare = rule;
  bare.comment.clear();
  NumberedRule line;
  line.number = number;
  line.syntax = to_text(bare);
  line.id = "rule:" + checksum(line.syntax);
  line.direction = rule.direction;
  line.verdict = rule.verdict;
  line.to = end_of(rule.to, rule.protocol);
  line.from = end_of(rule.from, rule.protocol);
  if (rule.protocol && line.to == "Anywhere" && line.from == "Anywhere")
    line.to = to_text(*rule.protocol);
  if (rule.interface)
    line.interfaces.push_back(interface_label(policy, *rule.interface));
  line.origin = {.kind = Origin::Kind::Own, .number = number};
  line.comment = rule.comment;
  return line;
}

NumberedRule service_line(const Rule& rule, const Policy& policy) {
  NumberedRule line;
  line.direction = rule.direction;
  line.verdict = rule.verdict;
  const Match& match = rule.match;
  line.to = end_label(match.destinations, match.destination_ports, match.protocols);
  line.from = end_label(match.sources, match.source_ports,
                        match.source_ports ? match.protocols : std::vector<Protocol>{});
  line.origin = rule.origin;
  const std::string name =
      rule.origin.name + (rule.origin.function.empty() ? "" : "." + rule.origin.function);
  line.id =
      fmt::format("{}:{}:{}", name, to_text(rule.direction),
                  match.destination_ports || !match.source_ports ? line.to : "from " + line.from);
  line.syntax = fmt::format(
      "service {} {}",
      rule.direction == Direction::In && rule.origin.function.empty() ? "expose" : "enable", name);
  // An optional service that is everywhere must be told so again.
  const auto said = policy.services.find(rule.origin.name);
  if (rule.direction == Direction::In && rule.origin.function.empty() &&
      said != policy.services.end() && said->second.enabled && !said->second.on)
    line.syntax += " --on all";
  line.comment = name;
  return line;
}

}  // namespace

std::string interface_label(const Policy& policy, const InterfaceName& interface) {
  for (const auto& [name, known] : policy.interfaces)
    if (known == interface)
      return name;
  return interface.text;
}

std::string end_label(const std::vector<Prefix>& prefixes, const std::optional<PortSet>& ports,
                      const std::vector<Protocol>& protocols) {
  std::vector<std::string> parts;
  std::vector<std::string> texts;
  texts.reserve(prefixes.size());
  for (const Prefix& prefix : prefixes)
    texts.push_back(to_text(prefix));
  if (!texts.empty())
    parts.push_back(join(texts, ","));
  std::vector<std::string> names;
  names.reserve(protocols.size());
  for (const Protocol protocol : protocols)
    names.push_back(to_text(protocol));
  if (ports)
    parts.push_back(to_text(*ports) + (names.empty() ? "" : "/" + join(names, "+")));
  else if (!names.empty())
    parts.push_back(join(names, "+"));
  return parts.empty() ? "Anywhere" : join(parts, " ");
}

std::vector<NumberedRule> numbered(const Policy& policy, const Compiled& compiled) {
  std::vector<NumberedRule> lines;
  lines.reserve(policy.rules.size() + compiled.rules.size());
  for (const UserRule& rule : policy.rules)
    lines.push_back(own_line(rule, lines.size() + 1, policy));
  const std::size_t own = lines.size();
  for (const Rule& rule : compiled.rules) {
    if (rule.origin.kind != Origin::Kind::Service)
      continue;
    NumberedRule line = service_line(rule, policy);
    const auto same = std::find_if(
        lines.begin() + static_cast<std::ptrdiff_t>(own), lines.end(),
        [&](const NumberedRule& other) { return other.id == line.id && other.from == line.from; });
    NumberedRule& shown = same == lines.end() ? lines.emplace_back(std::move(line)) : *same;
    shown.number = static_cast<std::size_t>(&shown - lines.data()) + 1;
    if (rule.match.interface && !rule.match.interface_is_not)
      if (std::string name = interface_label(policy, *rule.match.interface);
          std::find(shown.interfaces.begin(), shown.interfaces.end(), name) ==
          shown.interfaces.end())
        shown.interfaces.push_back(std::move(name));
  }
  return lines;
}

}  // namespace quay
