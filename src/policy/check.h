// What is wrong, or likely not meant, in a policy that can be read.
#pragma once

#include <string>
#include <vector>

#include "model/policy.h"
#include "model/service.h"
#include "policy/compile.h"

namespace quay {

// A test of the policy that does not hold, with one packet that shows it.
struct FailedTest {
  std::size_t number = 0;  // of [[tests]], from 1
  PolicyTest test;
  const Rule* rule = nullptr;  // what decides the packet, into the compiled rules
  Packet example;
};

// "`in on wan tcp/1-1024` should drop, but rule 2 decides accept for in eth1 tcp …"
std::string to_text(const FailedTest& failed);

struct Report {
  std::vector<std::string> warnings;
  std::vector<FailedTest> failed;
};

// Holds the compiled rules against the policy's own tests, for every packet that each describes,
// and looks for rules that decide nothing, rules that open what is internal, and ports that
// collide. `compiled` is what compile() made of `policy`.
Report check(const Policy& policy, const Catalogue& catalogue, const Compiled& compiled);

}  // namespace quay
