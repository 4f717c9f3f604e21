// The rules of a policy as a person lists and deletes them: by number.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/policy.h"
#include "model/rule.h"
#include "policy/compile.h"

namespace quay {

// One line of `status numbered`. The operator's own rules come first, in their order, then what
// services open, an endpoint on all its interfaces in one line.
struct NumberedRule {
  std::size_t number = 0;               // from 1; changes with every rule before it
  std::string id;                       // stays: "rule:1f2e3d4c", "ssh:in:22/tcp"
  Direction direction = Direction::In;  // In or Out
  Verdict verdict = Verdict::Accept;
  std::string to;    // "22/tcp", "Anywhere"; the gateway's side where the direction is In
  std::string from;  // "192.168.1.0/24", "Anywhere"
  std::vector<std::string> interfaces;  // by the policy's names; empty: every one
  Origin origin;                        // Own or Service
  std::string syntax;                   // what puts it back: "allow 22/tcp", "service expose ssh"
  std::string comment;
  bool operator==(const NumberedRule&) const = default;
};

// `compiled` is what compile() made of `policy`.
std::vector<NumberedRule> numbered(const Policy& policy, const Compiled& compiled);

// The operator's name of an interface, or the kernel's when the policy gives it none.
std::string interface_label(const Policy& policy, const InterfaceName& interface);

// The packets of a match as one end of a listed rule: "22/tcp", "10.0.0.0/8 161/udp", "Anywhere".
std::string end_label(const std::vector<Prefix>& prefixes, const std::optional<PortSet>& ports,
                      const std::vector<Protocol>& protocols);

}  // namespace quay
