#include "policy/check.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "language/packet_text.h"
#include "policy/explain.h"
#include "policy/idle_rules.h"
#include "policy/service_state.h"

namespace quay {
namespace {

std::string deciders_text(const std::vector<Origin>& deciders) {
  constexpr std::size_t most = 3;
  std::vector<std::string> names;
  for (const Origin& origin : deciders)
    if (names.size() < most)
      names.push_back(origin.text());
  if (deciders.size() > most)
    names.push_back(fmt::format("{} more", deciders.size() - most));
  return join(names, ", ");
}

void find_idle(const RuleList& rules, std::vector<std::string>& warnings) {
  for (const IdleRule& idle : idle_rules(rules)) {
    const std::string what =
        idle.redundant ? "changes nothing: without it its packets fare the same"
                       : fmt::format("decides nothing: every packet of it is decided before, by {}",
                                     deciders_text(idle.deciders));
    warnings.push_back(
        fmt::format("{} {} ({})", idle.rule->origin.text(), what, idle.rule->reason));
  }
}

bool names(const std::vector<Protocol>& protocols, Protocol protocol) {
  return std::find(protocols.begin(), protocols.end(), protocol) != protocols.end();
}

// The internal ports of a service that an accepting rule opens, "6379/tcp".
std::vector<std::string> opened_internals(const Rule& rule, const Service& service,
                                          const Policy& policy) {
  std::vector<std::string> opened;
  for (const Endpoint& endpoint : service.endpoints) {
    if (endpoint.scope != Scope::Internal || !endpoint.local)
      continue;
    const auto ports = chosen_ports(*endpoint.local, service, nullptr, policy);
    if (!ports)
      continue;
    const PortSet common = ports->intersect(rule.match.destination_ports.value_or(every_port()));
    for (const Protocol protocol : endpoint.protocols)
      if (!common.empty() &&
          (rule.match.protocols.empty() || names(rule.match.protocols, protocol)))
        opened.push_back(to_text(common) + "/" + to_text(protocol));
  }
  return opened;
}

void find_opened_internals(const Policy& policy, const Catalogue& catalogue, const RuleList& rules,
                           std::vector<std::string>& warnings) {
  for (const Rule& rule : rules) {
    if (rule.direction != Direction::In || !operator_made(rule) ||
        (rule.verdict != Verdict::Accept && rule.verdict != Verdict::Limit))
      continue;
    for (const auto& [id, service] : catalogue.services) {
      const std::vector<std::string> opened = opened_internals(rule, service, policy);
      if (!opened.empty())
        warnings.push_back(fmt::format("{} opens {}, which {} keeps for the gateway itself",
                                       rule.origin.text(), join(opened, ", "), id));
    }
  }
}

// Interfaces in rules and tests that the policy does not name are most likely misspelt.
void find_unnamed_interfaces(const Policy& policy, std::vector<std::string>& warnings) {
  if (policy.interfaces.empty())
    return;
  std::vector<std::string> known;
  for (const auto& [name, interface] : policy.interfaces) {
    known.push_back(name);
    known.push_back(interface.text);
  }
  const auto look_at = [&](const std::string& what, const std::string& name) {
    if (!name.empty() && !name.ends_with('+') && name != kLoopback.text &&
        std::find(known.begin(), known.end(), name) == known.end())
      warnings.push_back(fmt::format("{} is about `{}`, which [interfaces] does not name{}", what,
                                     name, suggestion(name, known)));
  };
  for (std::size_t i = 0; i < policy.rules.size(); ++i)
    look_at(fmt::format("rule {}", i + 1),
            policy.rules[i].interface.value_or(InterfaceName{}).text);
  for (std::size_t i = 0; i < policy.openings.size(); ++i)
    look_at(fmt::format("opening {}", i + 1),
            policy.openings[i].rule.interface.value_or(InterfaceName{}).text);
  for (std::size_t i = 0; i < policy.tests.size(); ++i)
    look_at(fmt::format("test {}", i + 1), policy.tests[i].packet.interface);
}

void run_tests(const Policy& policy, const Compiled& compiled, Report& report) {
  for (std::size_t i = 0; i < policy.tests.size(); ++i) {
    const PolicyTest& test = policy.tests[i];
    const auto answer = explain(test.packet, compiled.rules, policy);
    if (!answer) {
      report.warnings.push_back(fmt::format("test {}: {}", i + 1, answer.error().reason));
      continue;
    }
    for (const Outcome& outcome : answer->outcomes) {
      const Verdict verdict =
          outcome.rule->verdict == Verdict::Limit ? Verdict::Accept : outcome.rule->verdict;
      if (verdict == test.expect)
        continue;
      report.failed.push_back({i + 1, test, outcome.rule, outcome.example});
      break;
    }
  }
}

}  // namespace

std::string to_text(const FailedTest& failed) {
  return fmt::format("`{}` should {}, but {} decides {} for {}", to_text(failed.test.packet),
                     to_text(failed.test.expect), failed.rule->origin.text(),
                     to_text(failed.rule->verdict), to_text(failed.example));
}

Report check(const Policy& policy, const Catalogue& catalogue, const Compiled& compiled) {
  Report report;
  report.warnings = compiled.notes;
  find_idle(compiled.rules, report.warnings);
  find_opened_internals(policy, catalogue, compiled.rules, report.warnings);
  find_unnamed_interfaces(policy, report.warnings);
  std::sort(report.warnings.begin(), report.warnings.end());
  report.warnings.erase(std::unique(report.warnings.begin(), report.warnings.end()),
                        report.warnings.end());
  run_tests(policy, compiled, report);
  return report;
}

}  // namespace quay
