#include "policy/check.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "language/packet_text.h"
#include "packetset/packet_space.h"
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

using Decided = std::pair<const Rule*, Packet>;

// What the rules do with packets of one direction and family, for all tests at once.
class Decisions {
 public:
  Decisions(Direction direction, Family family, const RuleList& rules, const InterfaceNames& names,
            std::span<const PacketQuery> questions)
      : direction_(direction), family_(family), names_(names) {
    std::vector<Box> boxes;
    for (const PacketQuery& question : questions)
      if (question.direction == direction)
        boxes.push_back(box_of(question, family, names));
    if (boxes.empty())
      return;
    for (const Rule& rule : rules)
      if (rule.direction == direction)
        rules_.emplace_back(&rule, box_of(rule.match, family, names));
    for (const auto& [rule, box] : rules_)
      boxes.push_back(box);
    space_.emplace(family, names, boxes);
    std::vector<Diagram> steps;
    steps.reserve(rules_.size());
    for (const auto& [rule, box] : rules_)
      steps.push_back(space_->diagram(box, outcome(rule->verdict), kContinue));
    all_ = space_->store().sequence(steps);
  }

  // True when the diagrams grew too large: what other_than() says then is nothing.
  bool exhausted() const { return space_ && space_->store().exhausted(); }

  // A packet of the question that fares otherwise, and the rule that decides it.
  std::optional<Decided> other_than(Verdict wanted, const PacketQuery& question) {
    const Box asked = box_of(question, family_, names_);
    if (!space_ || question.direction != direction_ || asked.empty())
      return std::nullopt;
    DiagramStore& store = space_->store();
    const Diagram wrong = store.replace(
        store.intersect(all_, space_->diagram(asked, kMostOutcomes, 0)),
        [&](Outcomes outcomes) -> Outcomes { return outcomes & ~(outcome(wanted) | kContinue); });
    const auto found = store.witness(wrong);
    if (!found)
      return std::nullopt;
    // Its packets all fare otherwise; the first rule that any of them matches decides those.
    const Box box = intersect(space_->box(*found), asked);
    for (const auto& [rule, matched] : rules_)
      if (const Box part = intersect(box, matched); !part.empty())
        return Decided(rule, any_packet(part, direction_, family_, names_));
    return std::nullopt;
  }

 private:
  static Outcomes outcome(Verdict verdict) {
    return kContinue << (1 + static_cast<unsigned>(basic(verdict)));
  }

  Direction direction_;
  Family family_;
  const InterfaceNames& names_;
  std::vector<std::pair<const Rule*, Box>> rules_;
  std::optional<PacketSpace> space_;
  Diagram all_ = 0;
};

// The same rule by rule, slowly.
std::optional<Decided> explained_otherwise(const PolicyTest& test, const RuleList& rules,
                                           const Policy& policy) {
  const auto answer = explain(test.packet, rules, policy);
  if (answer)
    for (const Outcome& outcome : answer->outcomes)
      if (basic(outcome.rule->verdict) != test.expect)
        return Decided(outcome.rule, outcome.example);
  return std::nullopt;
}

// All tests of a policy, and what its rules say of them.
class Tests {
 public:
  Tests(const Policy& policy, const RuleList& rules)
      : policy_(policy), rules_(rules), names_(rules) {
    names_.add(kLoopback.text);
    for (const auto& [name, interface] : policy.interfaces)
      names_.add(interface.text);
    questions_.reserve(policy.tests.size());
    for (const PolicyTest& test : policy.tests) {
      questions_.push_back(with_kernel_name(test.packet, policy));
      if (const std::string& interface = questions_.back().interface; !interface.empty())
        names_.add(interface);
    }
    for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward})
      for (const Family family : {Family::V4, Family::V6})
        decisions_.emplace_back(direction, family, rules, names_, questions_);
  }

  void run(Report& report) {
    for (std::size_t i = 0; i < questions_.size(); ++i) {
      if (box_of(questions_[i], Family::V4, names_).empty() &&
          box_of(questions_[i], Family::V6, names_).empty())
        report.warnings.push_back(fmt::format("test {}: no packet is like that", i + 1));
      if (const auto found = otherwise(policy_.tests[i], questions_[i]))
        report.failed.push_back({i + 1, policy_.tests[i], found->first, found->second});
    }
  }

 private:
  std::optional<Decided> otherwise(const PolicyTest& test, const PacketQuery& question) {
    std::optional<Decided> found;
    for (Decisions& each : decisions_)
      if (!found)
        found = each.other_than(test.expect, question);
    return std::ranges::any_of(decisions_, &Decisions::exhausted)
               ? explained_otherwise(test, rules_, policy_)
               : found;
  }

  const Policy& policy_;
  const RuleList& rules_;
  InterfaceNames names_;
  std::vector<PacketQuery> questions_;
  std::vector<Decisions> decisions_;
};

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
  if (!policy.tests.empty())
    Tests(policy, compiled.rules).run(report);
  return report;
}

}  // namespace quay
