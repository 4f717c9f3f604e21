// Reads firewalld's configuration as firewalld 1.3 with its nftables backend loads it.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "model/filter.h"

namespace quay {

// Texts by their path within the folder: "firewalld.conf", "zones/public.xml",
// "zones/office/guests.xml" (files in a folder make one zone together), "policies/x.xml",
// "services/ssh.xml", "ipsets/x.xml", "direct.xml". Others are not read.
struct FirewalldFiles {
  std::map<std::string, std::string> shipped;  // of /usr/lib/firewalld
  std::map<std::string, std::string> own;      // of /etc/firewalld, before those shipped
};

// The table `inet firewalld`. Rules stand at the file that they come from. A setting that we do not
// know is named in Rule::unknown, as an atom where it allows or refuses something, else with a
// verdict that is not known; services without a file are such. What is beside the table, and what
// files do not tell, stands in Ruleset::outside.
//
// Fails where a file is no XML of its kind, and where the backend is not nftables.
Parsed<filter::Ruleset> parse_firewalld(const FirewalldFiles& files);

}  // namespace quay
