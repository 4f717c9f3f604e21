// Names of network interfaces.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"

namespace quay {

// The name of one interface, or of all that begin alike when it ends in '+' ("wwan+").
struct InterfaceName {
  std::string text;

  bool wildcard() const { return text.ends_with('+'); }
  // `name` is the full name of an interface, without wildcard.
  bool matches(std::string_view name) const;
  auto operator<=>(const InterfaceName&) const = default;
};

// The kernel's rule (dev_valid_name in net/core/dev.c: at most 15 bytes, no blank, '/' or ':'),
// and no character that has a meaning in a rule file. ufw's aliases ("eth0:1") are refused.
Result<InterfaceName> parse_interface(std::string_view text);

inline const InterfaceName kLoopback{"lo"};

}  // namespace quay
