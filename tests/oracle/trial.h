// Rulesets by chance, and whether the kernel does with packets what the model says.
#pragma once

#include <cstddef>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "model/service.h"
#include "tests/oracle/corners.h"
#include "tests/oracle/dice.h"
#include "tests/oracle/gateway.h"
#include "tests/oracle/judgement.h"
#include "tests/oracle/script.h"

namespace quay::oracle {

class Trial {
 public:
  // Mismatches are told to `out`, each with the rules that are left of its ruleset when those that
  // do not matter are taken away.
  Trial(Gateway& gateway, const Catalogue& catalogue, Dice& dice, std::ostream& out)
      : gateway_(gateway), catalogue_(catalogue), dice_(dice), out_(out) {}

  // One random ruleset against some packets, at most 65535: of nft(8); of iptables-nft; and a
  // policy of ours as it is compiled.
  Tally nft(std::size_t packets);
  Tally iptables(std::size_t packets);
  Tally policy(std::size_t packets);

  // Two random rulesets that are made of one: one rule of it is changed; `nft -o` merges rules of
  // it; it is saved and restored. Where the model says that some packet fares otherwise, the kernel
  // must do so; where it says that none does, the kernel must treat some packets alike.
  PairTally mutant(std::size_t packets);
  PairTally optimised(std::size_t packets);
  PairTally restored(std::size_t packets);

 private:
  // No two of one flow, so that what conntrack says of each is known.
  std::vector<Sample> samples(const Corners& corners, const std::vector<Family>& families,
                              bool answers, std::size_t count);
  bool load(const Script& script, const std::vector<Sample>& samples);
  // Without the rules that nft(8) does not take: those that ask for two protocols.
  static Script sound(Script script);
  // What is loaded, by each of our readers that can read it.
  std::vector<Reading> readings(const Script& script);
  bool disagrees(const Script& script, const Sample& sample, const std::string& reader);
  Script smaller(Script script, const Sample& sample, const std::string& reader);
  Tally compare(const std::vector<Reading>& readings, const std::vector<Sample>& samples,
                const std::vector<Ruling>& rulings, const Script& script);
  // Loads the script and lets all readings be judged, and `more` with them.
  Tally judge(const Script& script, const std::vector<Sample>& samples,
              std::vector<Reading> more = {});

  // Loads a script in one of two ways, of which the second says what is compared.
  using Load = std::function<bool()>;
  PairTally judge(const Load& first, const Load& second, const Corners& corners,
                  std::size_t packets, const std::string& told);

  Gateway& gateway_;
  const Catalogue& catalogue_;
  Dice& dice_;
  std::ostream& out_;
};

}  // namespace quay::oracle
