// Loads somebody's packet filter out of files, whatever it is written in.
#pragma once

#include <string>

#include "base/result.h"
#include "host/host.h"
#include "model/filter.h"

namespace quay {

// A file that `nft -j list ruleset`, iptables-save or ip6tables-save wrote, or a folder of ufw's
// (/etc/ufw) or firewalld's (/etc/firewalld). Which it is, is read off its text, or its files.
// Fails with every fault that the reader found, or when it is none of these.
Parsed<filter::Ruleset> load_filter(Files& files, const std::string& path);

// Two halves of one host's filter as one.
filter::Ruleset join(filter::Ruleset first, filter::Ruleset second);

}  // namespace quay
