// Holds what the model says against what the kernel did.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/filter.h"
#include "packetset/filter_walk.h"
#include "tests/oracle/gateway.h"
#include "tests/oracle/sample.h"

namespace quay::oracle {

struct Tally {
  std::size_t rulesets = 0;
  std::size_t refused = 0;   // rulesets that the kernel did not take
  std::size_t unlisted = 0;  // rulesets that nft(8) could not list as JSON
  std::size_t packets = 0;   // that the kernel judged
  std::size_t accepted = 0;
  std::size_t rejected = 0;  // of which the sender was told
  std::size_t lost = 0;
  std::size_t claims = 0;       // packets of which a reading said what happens
  std::size_t not_claimed = 0;  // more than one thing might
  std::size_t mismatches = 0;

  Tally& operator+=(const Tally& other);
};

// What became of pairs of rulesets.
struct PairTally {
  std::size_t told = 0;         // to differ, with a packet that fared otherwise in the kernel
  std::size_t alike = 0;        // of which the model and the kernel say that nothing changes
  std::size_t undecided = 0;    // of which the model does not know whether something does
  std::size_t unreachable = 0;  // the packets that would tell cannot be sent here
  std::size_t refused = 0;
  std::size_t mismatches = 0;

  PairTally& operator+=(const PairTally& other);
};

// One reader's opinion of the loaded rules.
struct Reading {
  std::string reader;
  filter::Ruleset ruleset;
};

// Atoms answer as they like: whether they hold is not ours to know.
void forget_atoms(filter::Ruleset& ruleset);

// Whether the model says what becomes of a sample: accepted, or not.
bool claims(const filter::Ruleset& ruleset, const Sample& sample);

// What the model says of a sample, or nullopt when the kernel did so.
std::optional<filter::Walk> disagreement(const filter::Ruleset& ruleset, const Sample& sample,
                                         const Ruling& ruling);

// "the kernel accepts; nft's JSON: drops", the packet, and the model's way through the rules.
std::string describe(const Reading& reading, const Sample& sample, const Ruling& ruling);

}  // namespace quay::oracle
