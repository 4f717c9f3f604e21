// The matches of iptables as the kernel keeps them, by subject. For xt_match_info.cc alone.
#pragma once

#include "language/xt_info_reader.h"

namespace quay::xt {

// On headers.
Options tcp_options(std::string_view bytes, std::uint32_t revision, Family family);
Options udp_options(std::string_view bytes, std::uint32_t revision, Family family);
Options sctp_options(std::string_view bytes, std::uint32_t revision, Family family);
Options dccp_options(std::string_view bytes, std::uint32_t revision, Family family);
Options ah_options(std::string_view bytes, std::uint32_t revision, Family family);
Options esp_options(std::string_view bytes, std::uint32_t revision, Family family);
Options icmp_options(std::string_view bytes, std::uint32_t revision, Family family);
Options multiport_options(std::string_view bytes, std::uint32_t revision, Family family);
Options iprange_options(std::string_view bytes, std::uint32_t revision, Family family);
Options tcpmss_options(std::string_view bytes, std::uint32_t revision, Family family);
Options dscp_options(std::string_view bytes, std::uint32_t revision, Family family);
Options tos_options(std::string_view bytes, std::uint32_t revision, Family family);
Options ttl_options(std::string_view bytes, std::uint32_t revision, Family family);
Options length_options(std::string_view bytes, std::uint32_t revision, Family family);
Options ecn_options(std::string_view bytes, std::uint32_t revision, Family family);

// On what conntrack knows.
Options conntrack_options(std::string_view bytes, std::uint32_t revision, Family family);
Options state_options(std::string_view bytes, std::uint32_t revision, Family family);

}  // namespace quay::xt
