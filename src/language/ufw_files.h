// Reads ufw's own files, and says what they make of the kernel's filter when ufw has started.
#pragma once

#include <string>

#include "base/result.h"
#include "language/port_names.h"
#include "model/address.h"
#include "model/filter.h"

namespace quay {

struct NamedText {
  std::string file;  // as messages and the places of rules name it: "before.rules"
  std::string text;
};

struct UfwFiles {
  NamedText defaults;  // /etc/default/ufw
  NamedText before;    // /etc/ufw/before.rules, or before6.rules for IPv6; the others alike
  NamedText user;
  NamedText after;
};

// The tables of one family as ufw-init-functions of ufw 0.36 loads them into an empty kernel: its
// chains, the policies DEFAULT_*_POLICY, then before, after and user rules. With IPV6=no, IPv6 is
// what ufw makes of it then: all dropped but the loopback. What before.init and after.init do is no
// part of it, nor are rules that were there already.
//
// Every fault is an error of its own: those of parse_iptables_save, an empty file of rules, a
// policy that is missing or none of ACCEPT, DROP and REJECT.
Parsed<filter::Ruleset> parse_ufw_files(const UfwFiles& files, Family family,
                                        const PortNames& ports = {});

}  // namespace quay
