// Holds the model of packet filters against the kernel: random rulesets, random packets.
//
//   kernel_oracle [PACKETS [SEED...]]
//
// PACKETS (50000) is how many the kernel is to judge for each seed, three in five of them by rules
// of nft, the others by rules of iptables-nft and by compiled policies; for each 1000 of them one
// rule of a ruleset is changed besides, and a packet sought that tells; half as many rulesets go
// through nft -o, and a quarter are saved and restored. Without seeds: a fixed one,
// and one by chance, which is printed. Exits with 1 on any mismatch, and with 77, which ctest takes
// for a skipped test, where network namespaces cannot be made.
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "app/inventory.h"
#include "host/system_files.h"
#include "tests/netns/netns.h"
#include "tests/oracle/trial.h"

namespace quay::oracle {
namespace {

constexpr std::size_t kPacketsPerRuleset = 2000;
constexpr std::size_t kPacketsPerPair = 1000;
constexpr std::uint32_t kFixedSeed = 1;
constexpr int kSkipped = 77;

void print(const std::string& name, const Tally& tally, double seconds) {
  const std::size_t opinions = std::max<std::size_t>(1, tally.claims + tally.not_claimed);
  std::cout << fmt::format(
      "{}: {} packets judged ({} accepted, {} told of a rejection, {} lost), {} rulesets ({} "
      "refused, "
      "{} not listed by nft -j), "
      "{} opinions, {:.2f} % not claimed, {} mismatches, {:.0f} packets/s\n",
      name, tally.packets, tally.accepted, tally.rejected, tally.lost, tally.rulesets,
      tally.refused, tally.unlisted, opinions,
      100.0 * static_cast<double>(tally.not_claimed) / static_cast<double>(opinions),
      tally.mismatches, static_cast<double>(tally.packets) / seconds);
}

void print(const std::string& name, const PairTally& tally) {
  std::cout << fmt::format(
      "{} {}: {} told by a packet, {} alike, {} undecided, {} by packets that cannot be sent, {} "
      "refused, {} "
      "mismatches\n",
      tally.told + tally.alike + tally.undecided + tally.unreachable + tally.refused +
          tally.mismatches,
      name, tally.told, tally.alike, tally.undecided, tally.unreachable, tally.refused,
      tally.mismatches);
}

// False when something is wrong, or nothing was learnt.
bool run(Trial& trial, const std::string& name, Tally (Trial::*one)(std::size_t),
         std::size_t packets) {
  Tally tally;
  const auto start = std::chrono::steady_clock::now();
  while (tally.packets < packets && tally.refused <= 10 + tally.rulesets)
    tally += (trial.*one)(std::min(kPacketsPerRuleset, packets - tally.packets));
  print(name, tally,
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  // Who claims little is seldom wrong.
  const bool claimed = tally.not_claimed < tally.claims / 4;
  return tally.mismatches == 0 && tally.packets >= packets && tally.accepted != 0 && claimed;
}

bool run(Gateway& gateway, const Catalogue& catalogue, std::uint32_t seed, std::size_t packets) {
  std::cout << "seed " << seed << std::endl;
  Dice dice(seed);
  Trial trial(gateway, catalogue, dice, std::cout);
  const std::size_t others = packets / 5;
  bool good = run(trial, "nft", &Trial::nft, packets - 2 * others);
  good = run(trial, "iptables-nft", &Trial::iptables, others) && good;
  good = run(trial, "policies", &Trial::policy, others) && good;
  const auto pairs = [&](const std::string& text, PairTally (Trial::*one)(std::size_t),
                         std::size_t count) {
    PairTally tally;
    for (std::size_t i = 0; i < count; ++i)
      tally += (trial.*one)(kPacketsPerPair);
    print(text, tally);
    good = good && tally.mismatches == 0 && tally.told + tally.alike != 0;
    return tally.told;
  };
  const std::size_t count = packets / kPacketsPerPair;
  good = pairs("rulesets with one rule changed", &Trial::mutant, count) != 0 && good;
  pairs("rulesets after nft -o", &Trial::optimised, count / 2);
  pairs("rulesets saved and restored", &Trial::restored, count / 4);
  return good;
}

int main_of(const std::vector<std::string>& arguments) {
  std::string why;
  if (!netns::available(why)) {
    std::cout << "SKIPPED: " << why << "\n";
    return kSkipped;
  }
  const std::size_t packets = arguments.empty() ? 50'000 : std::stoul(arguments[0]);
  std::vector<std::uint32_t> seeds;
  for (std::size_t i = 1; i < arguments.size(); ++i)
    seeds.push_back(static_cast<std::uint32_t>(std::stoul(arguments[i])));
  if (seeds.empty())
    seeds = {kFixedSeed, std::random_device()()};
  SystemFiles files;
  const auto catalogue = load_catalogue(files, {QUAY_SOURCE "/catalogue"});
  if (!catalogue.errors.empty())
    throw std::runtime_error(catalogue.errors.front().text());
  Gateway gateway;
  bool good = true;
  for (const std::uint32_t seed : seeds)
    good = run(gateway, catalogue.value, seed, packets) && good;
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace quay::oracle

int main(int count, char** arguments) {
  try {
    return quay::oracle::main_of({arguments + 1, arguments + count});
  } catch (const std::exception& failure) {
    std::cerr << "kernel_oracle: " << failure.what() << "\n";
    return 2;
  }
}
