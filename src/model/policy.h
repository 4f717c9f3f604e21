// The policy: the one document of desired state.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/interface.h"
#include "model/packet_query.h"
#include "model/rule.h"
#include "model/user_rule.h"

namespace quay {

struct FunctionPolicy {
  std::optional<bool> enabled;
  std::optional<Port> port;
  bool operator==(const FunctionPolicy&) const = default;
};

// What the policy says of one service; unset fields leave the catalogue's default.
struct ServicePolicy {
  std::optional<bool> enabled;
  std::optional<bool> exposed;                 // false: it runs, its server ports are closed
  std::optional<std::vector<std::string>> on;  // names out of Policy::interfaces; unset: all
  std::vector<Prefix> from;                    // who may reach its server ports; empty: anybody
  std::optional<Port> port;
  std::optional<PortSet> clients;
  std::map<std::string, FunctionPolicy> functions;
  std::string reason;
  std::string owner;
  bool operator==(const ServicePolicy&) const = default;
};

// The kernel compares times as nanoseconds since 1970 in 64 bits, with a sign.
inline constexpr TimePoint kLastTime{std::chrono::seconds(9'223'372'036)};

struct Opening {
  UserRule rule;
  TimePoint until;  // before kLastTime
  std::string reason;
  bool operator==(const Opening&) const = default;
};

// An expectation that a revision must meet, for every packet that the sentence describes.
struct PolicyTest {
  PacketQuery packet;
  Verdict expect = Verdict::Drop;  // Accept, Drop or Reject
  bool operator==(const PolicyTest&) const = default;
};

// What happens when somebody else changes our table in the kernel.
enum class Drift : std::uint8_t { Restore, Report };

struct Policy {
  std::string profile = "enhanced";
  bool enforcing = true;  // false: our table is not in the kernel at all
  Drift drift = Drift::Restore;
  bool forward_leave = false;                       // routed packets are left alone, else dropped
  std::map<std::string, InterfaceName> interfaces;  // the operator's name to the kernel's
  std::map<std::string, ServicePolicy> services;    // by catalogue id
  std::vector<UserRule> rules;
  std::vector<Opening> openings;
  std::vector<PolicyTest> tests;
  bool operator==(const Policy&) const = default;
};

}  // namespace quay
