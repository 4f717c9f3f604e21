// The operator's own rules, in the terms of ufw's grammar (ufw(8), version 0.36).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "model/address.h"
#include "model/interface.h"
#include "model/packet.h"
#include "model/port.h"
#include "model/protocol.h"
#include "model/rule.h"

namespace quay {

// One end of a rule: an address and either ports or a service of the catalogue.
struct RuleEnd {
  std::optional<Prefix> prefix;  // nullopt: any
  std::optional<PortSet> ports;
  std::string service;  // ufw's `app`; then there are no ports
  bool operator==(const RuleEnd&) const = default;
};

struct UserRule {
  Verdict verdict = Verdict::Accept;
  Direction direction = Direction::In;
  std::optional<InterfaceName> interface;
  Log log = Log::None;
  std::optional<Protocol> protocol;  // nullopt with ports: TCP and UDP; without: every protocol
  RuleEnd from;
  RuleEnd to;
  std::string comment;

  // The same packets get the same fate; comments may differ (ufw's notion of an existing rule).
  bool same_rule(const UserRule& other) const;
  bool operator==(const UserRule&) const = default;
};

// What a command does to the list of rules. Numbers count from 1.
struct AppendRule {
  bool operator==(const AppendRule&) const = default;
};
struct PrependRule {
  bool operator==(const PrependRule&) const = default;
};
struct InsertRule {
  std::size_t position = 1;
  bool operator==(const InsertRule&) const = default;
};
struct DeleteRule {
  bool operator==(const DeleteRule&) const = default;
};
struct DeleteNumber {
  std::size_t number = 1;
  bool operator==(const DeleteNumber&) const = default;
};
using RuleEdit = std::variant<AppendRule, PrependRule, InsertRule, DeleteRule, DeleteNumber>;

struct RuleCommand {
  RuleEdit edit;
  UserRule rule;  // unused with DeleteNumber
  bool operator==(const RuleCommand&) const = default;
};

}  // namespace quay
