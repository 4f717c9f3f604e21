// The settings of a zone or policy as rules in its chains.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "language/firewalld_chains.h"
#include "language/firewalld_config.h"
#include "language/firewalld_rules.h"

namespace quay::firewalld {

// A chain of firewalld's that packets come from: "filter" and "INPUT".
struct Dispatch {
  std::string_view table;
  std::string_view hook;
};

// What packets between some zones meet: a policy, or the part of a zone that is one.
struct Passage {
  std::string suffix;  // of its chains: "public", "policy_allow-host-ipv6"
  bool of_zone = false;
  Settings settings;
  std::vector<Dispatch> dispatches;

  // "filter_IN_public"
  std::string chain(const Dispatch& dispatch) const;
};

class SettingsWriter {
 public:
  SettingsWriter(const Configuration& configuration, Chains& chains, const Passage& passage)
      : configuration_(configuration),
        chains_(chains),
        passage_(passage),
        settings_(passage.settings) {}

  // The chains, and every setting in them.
  void write();

 private:
  void write_chains(const Dispatch& dispatch);
  void write_target(const std::string& chain);
  void write_icmp_default(const std::string& chain);
  void write_plain();
  void write_icmp_block(const std::string& name);
  void write_forward_port(const ForwardPort& forward);
  void write_service(const std::string& name, const RichRule* rule,
                     std::set<std::string>& included);
  void write_rich(const RichRule& rule);
  void write_element(const RichRule& rule, const Statements& asked);
  void decide(const RichRule& rule, Statements asked, std::string_view table = "filter");
  void allow(Statements asked);
  std::string chain_in(std::string_view table) const;

  const Configuration& configuration_;
  Chains& chains_;
  const Passage& passage_;
  const Settings& settings_;
};

}  // namespace quay::firewalld
