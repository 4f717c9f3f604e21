// Reads the XML of firewalld's zones, policies, services and ipsets.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "language/firewalld_config.h"

namespace quay::firewalld {

// Fails when the text is no XML whose outermost element is the one of its kind; elements and
// attributes that we do not know stand in `unknown`, by name. `file` is their place.
Result<Zone> parse_zone(std::string_view text, const std::string& file);
Result<Policy> parse_policy(std::string_view text, const std::string& file);
Result<Service> parse_service(std::string_view text, const std::string& file);
Result<IpSet> parse_ipset(std::string_view text, const std::string& file);

}  // namespace quay::firewalld
