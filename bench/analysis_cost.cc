#include "bench/analysis_cost.h"

#include <cmath>
#include <random>
#include <stdexcept>

#include <fmt/format.h>

#include "bench/stopwatch.h"
#include "packetset/packet_space.h"
#include "policy/compile.h"
#include "policy/effects.h"
#include "policy/idle_rules.h"
#include "tests/support/buddy.h"
#include "tests/support/shipped.h"

namespace quay::bench {
namespace {

// Rules of a host as they are found: a protocol, a source network, a port, an interface.
Policy random_policy(int rules) {
  std::mt19937 random(1);
  const auto below = [&](unsigned most) { return random() % most; };
  std::string text = "[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n";
  for (int i = 0; i < rules; ++i)
    text += fmt::format(
        "[[rules]]\nrule = \"{} in on eth{} proto {} from {}.{}.{}.0/{} to any port {}\"\n",
        below(3) != 0 ? "allow" : "deny", below(2), below(2) != 0 ? "tcp" : "udp", below(223) + 1,
        below(256), below(256), 16 + below(9), below(60000) + 1);
  return read_policy(text);
}

// Rules of five fields between networks, in ClassBench's manner (Taylor and Turner 2007): prefixes
// that lie in each other, few of them common; any port, a well-known one, or a range; a protocol or
// none.
Policy classbench_policy(int rules) {
  std::mt19937 random(1);
  const auto below = [&](unsigned most) { return static_cast<unsigned>(random() % most); };
  const auto often_small = [&](unsigned most) { return std::min(below(most), below(most)); };
  const auto one_of = [&](std::initializer_list<unsigned> values) {
    return *(values.begin() + below(static_cast<unsigned>(values.size())));
  };
  // A site, a network of it, a host there.
  const auto address = [&]() -> std::string {
    const unsigned kind = below(100);
    if (kind < 20)
      return "any";
    const unsigned site = 11 + often_small(40);
    const unsigned net = often_small(64);
    const unsigned length = kind < 30 ? 16 : kind < 60 ? 24 : kind < 70 ? 28 : 32;
    const unsigned host = length == 32 ? often_small(200) + 1 : length == 28 ? below(16) * 16 : 0;
    return fmt::format("{}.{}.{}.{}/{}", site, site * 7 % 256, length == 16 ? 0 : net, host,
                       length);
  };
  const auto port = [&](unsigned any) -> std::string {
    const unsigned kind = below(100);
    if (kind < any)
      return "";
    if (kind < any + (100 - any) / 6)
      return " port 1024:65535";
    const unsigned known =
        one_of({21,  22,  25,  53,   80,   110,  123,  143,  161,  389,  443,  445,
                502, 514, 993, 1433, 1521, 1883, 3306, 3389, 5060, 5432, 8080, 8443});
    return kind < 90 ? fmt::format(" port {}", known)
                     : fmt::format(" port {}:{}", known, known + below(200));
  };
  std::string text = "[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n";
  for (int i = 0; i < rules; ++i)
    text += fmt::format("[[rules]]\nrule = \"{} in proto {} from {}{} to {}{}\"\n",
                        below(4) != 0 ? "allow" : "deny", below(10) < 7 ? "tcp" : "udp", address(),
                        port(85), address(), port(20));
  return read_policy(text);
}

bool accepts(const Rule& rule) {
  return rule.verdict == Verdict::Accept || rule.verdict == Verdict::Limit;
}

std::vector<Box> incoming(const RuleList& rules, const InterfaceNames& names) {
  std::vector<Box> boxes;
  for (const Rule& rule : rules)
    if (rule.direction == Direction::In)
      boxes.push_back(box_of(rule.match, Family::V4, names));
  return boxes;
}

double ours(const RuleList& rules, const InterfaceNames& names) {
  PacketSpace space(Family::V4, names, incoming(rules, names));
  std::vector<Diagram> steps;
  for (const Rule& rule : rules)
    if (rule.direction == Direction::In)
      steps.push_back(
          space.diagram(box_of(rule.match, Family::V4, names), accepts(rule) ? 2 : 0, kContinue));
  return space.store().share(space.store().sequence(steps));
}

double buddys(const RuleList& rules, const InterfaceNames& names) {
  const Buddy buddy(names, 4'000'000);
  std::vector<Buddy::Rule> list;
  for (const Rule& rule : rules)
    if (rule.direction == Direction::In)
      list.push_back({buddy.of(box_of(rule.match, Family::V4, names)), accepts(rule)});
  return buddy.share(Buddy::accepted(list));
}

}  // namespace

ChangeCost effects_cost(int rules, int rounds) {
  Compilation before{random_policy(rules), {}};
  before.compiled = compile(before.policy, shipped_catalogue(), kNow);
  Compilation after = before;
  after.policy.rules.push_back(read_policy("[[rules]]\nrule = \"allow 8080/tcp\"\n").rules.front());
  after.compiled = compile(after.policy, shipped_catalogue(), kNow);
  Stopwatch change;
  for (int i = 0; i < rounds; ++i)
    change.time([&] {
      if (effects(before, after, shipped_catalogue(), kNow).opens.empty())
        throw std::runtime_error("a rule that allows a port opens nothing");
    });
  return change.cost(fmt::format("a change of one of {} rules: what it opens and closes", rules));
}

std::vector<ChangeCost> analysis_costs(int rules, int rounds, Rules kind) {
  const Policy policy = kind == Rules::Host ? random_policy(rules) : classbench_policy(rules);
  const RuleList list = compile(policy, shipped_catalogue(), kNow).rules;
  const InterfaceNames names(list);
  Stopwatch idle;
  Stopwatch mine;
  Stopwatch theirs;
  for (int i = 0; i < rounds; ++i) {
    idle.time([&] { idle_rules(list); });
    double my_share = 0;
    double their_share = 0;
    mine.time([&] { my_share = ours(list, names); });
    theirs.time([&] { their_share = buddys(list, names); });
    if (std::abs(my_share - their_share) > 1e-9)
      throw std::runtime_error("our diagrams and BuDDy's do not agree");
  }
  return {idle.cost("every dead and redundant rule"),
          mine.cost("accepted packets of IPv4, our diagram"), theirs.cost("the same, BuDDy's")};
}

}  // namespace quay::bench
