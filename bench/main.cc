// quaymaster-bench: what the rules cost, beside no firewall and beside the peers', in one run.
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "bench/analysis_cost.h"
#include "bench/control_cost.h"
#include "bench/packet_cost.h"
#include "bench/proof_cost.h"
#include "bench/rulesets.h"

namespace {

using quay::bench::Contestant;

// Ports are shared by every contestant of a table, so that only the structure differs.
void table(const std::string& title, const std::vector<Contestant>& contestants, int rounds) {
  std::cout << "\n" << title << "\n";
  const auto fresh = quay::bench::packet_costs(contestants, quay::bench::Flow::New, rounds);
  const auto known = quay::bench::packet_costs(contestants, quay::bench::Flow::Established, rounds);
  std::cout << fmt::format("  {:<40} {:>10} {:>7} {:>13} {:>7}\n", "", "new, ns", "ratio",
                           "established", "ratio");
  for (std::size_t i = 0; i < fresh.size(); ++i)
    std::cout << fmt::format("  {:<40} {:>10.0f} {:>7.3f} {:>13.0f} {:>7.3f}\n", fresh[i].name,
                             fresh[i].nanoseconds, fresh[i].ratio, known[i].nanoseconds,
                             known[i].ratio);
}

void print(const std::string& title, const std::vector<quay::bench::ChangeCost>& costs) {
  std::cout << "\n" << title << "\n";
  for (const auto& cost : costs)
    std::cout << fmt::format("  {:<54} {:>10.4f} ms  ({:.4f} - {:.4f})\n", cost.name,
                             cost.median_ms, cost.least_ms, cost.most_ms)
              << std::flush;
}

std::vector<std::string> twenty_rules(bool denials) {
  std::vector<std::string> rules;
  for (int i = 0; i < 20; ++i)
    rules.push_back(fmt::format("{} in on eth0 from 192.168.1.0/24 to any port {} proto tcp",
                                denials && i % 2 == 0 ? "deny" : "allow", 8000 + i));
  return rules;
}

void packets(int rounds) {
  using namespace quay::bench;
  std::cout << "Ratios are paired with `no firewall` round by round; the median counts.\n"
            << std::flush;
  table("One-way UDP to the last port",
        {none(), ours("quaymaster, 30 ports", sample(0).table),
         ours("quaymaster, 300 ports", sample(270).table),
         ours("quaymaster, 3,000 ports", sample(2970).table),
         ours("quaymaster, 10,000 ports", sample(9970).table)},
        rounds);
  table("Own rules before the services",
        {none(), ours("quaymaster, no own rule", sample(0).table),
         ours("quaymaster, 20 own rules that allow", sample(0, twenty_rules(false)).table),
         ours("quaymaster, 20, half of them deny", sample(0, twenty_rules(true)).table)},
        rounds);
  std::vector<Contestant> structures{none(), ours("quaymaster", sample(0).table)};
  for (const Contestant& candidate : candidates())
    structures.push_back(candidate);
  table("Structures for the same decisions", structures, rounds);
  std::vector<Contestant> others{none(), ours("quaymaster, 30 ports", sample(0).table), by_hand(30),
                                 by_hand(300)};
  for (const int ports : {30, 300})
    for (const Contestant& peer : peers(ports))
      others.push_back(peer);
  table("Beside the peers", others, rounds);
  print("Changes, in a process that stays", change_costs());
}

void analyses() {
  using namespace quay::bench;
  std::vector<ChangeCost> changes;
  for (const int rules : {0, 1'000, 10'000, 100'000})
    changes.push_back(effects_cost(rules, 15));
  print("What a change of policy does", changes);
  for (const int rules : {0, 1'000, 10'000})
    print(fmt::format("Analysis, {} own rules", rules),
          analysis_costs(rules, rules < 10'000 ? 15 : 5));
  print("Analysis, 10000 rules in ClassBench's manner",
        analysis_costs(10'000, 3, Rules::ClassBench));
  print("The proof", proof_costs(60));
  for (const auto& [rules, rounds] : {std::pair(1'000, 15), {10'000, 5}, {100'000, 1}}) {
    const FilterCosts costs = filter_costs(rules, rounds);
    print(fmt::format("A filter of {} rules; its diagrams take {:.0f} MB", rules, costs.megabytes),
          costs.times);
  }
  print("The kernel's 10,000 rules", read_back_costs(10'000, 15));
}

}  // namespace

// --quick: fewer packets; --analysis: none.
int main(int argc, char** argv) try {
  const std::string_view option = argc > 1 ? argv[1] : "";
  if (option != "--analysis")
    packets(option == "--quick" ? 20 : 60);
  analyses();
  return EXIT_SUCCESS;
} catch (const std::exception& error) {
  std::cerr << "quaymaster-bench: " << error.what() << '\n';
  return EXIT_FAILURE;
}
