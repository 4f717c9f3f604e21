// Matches on headers, as the kernel keeps them.
#include <array>
#include <utility>

#include <arpa/inet.h>
#include <linux/netfilter/xt_dccp.h>
#include <linux/netfilter/xt_dscp.h>
#include <linux/netfilter/xt_ecn.h>
#include <linux/netfilter/xt_esp.h>
#include <linux/netfilter/xt_iprange.h>
#include <linux/netfilter/xt_length.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_tcpmss.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ipt_ah.h>
#include <linux/netfilter_ipv4/ipt_ttl.h>

#include "language/xt_info_matches.h"

namespace quay::xt {

using Bytes = std::string_view;

namespace {

constexpr std::uint16_t kLastPort = 65535;

// One of the ends of a port range, unless it is every port.
void add_ports(std::vector<Option>& options, const char* name, const __u16 (&ports)[2],
               bool inverted) {
  if (inverted || ports[0] != 0 || ports[1] != kLastPort)
    options.push_back(option(name, {fmt::format("{}:{}", ports[0], ports[1])}, inverted));
}

// iptables has names for the lower six bits.
std::optional<std::string> flags_text(std::uint8_t flags) {
  constexpr std::array<std::string_view, 6> names{"FIN", "SYN", "RST", "PSH", "ACK", "URG"};
  if (flags >> names.size() != 0)
    return std::nullopt;
  std::vector<std::string> words;
  for (std::size_t i = 0; i < names.size(); ++i)
    if ((flags >> i & 1) != 0)
      words.emplace_back(names.at(i));
  return words.empty() ? "NONE" : join(words, ",");
}

// struct xt_sctp_info, whose header is no C++.
struct SctpInfo {
  __u16 dpts[2];
  __u16 spts[2];
  std::uint32_t chunks[64];
  std::uint32_t chunk_match_type;
  std::uint8_t chunk_flags[4][3];
  std::int32_t chunk_flag_count;
  std::uint32_t flags;
  std::uint32_t invflags;
};

// struct ipt_icmp and ip6t_icmp, whose headers do not stand together.
struct IcmpInfo {
  std::uint8_t type;
  std::uint8_t code[2];
  std::uint8_t invflags;
};

}  // namespace

Options tcp_options(Bytes bytes, std::uint32_t, Family) {
  const auto info = read_info<xt_tcp>(bytes);
  if (!info || (info->invflags & ~XT_TCP_INV_MASK) != 0)
    return std::nullopt;
  std::vector<Option> options;
  add_ports(options, "sport", info->spts, (info->invflags & XT_TCP_INV_SRCPT) != 0);
  add_ports(options, "dport", info->dpts, (info->invflags & XT_TCP_INV_DSTPT) != 0);
  const bool flags_inverted = (info->invflags & XT_TCP_INV_FLAGS) != 0;
  if (info->flg_mask != 0 || info->flg_cmp != 0 || flags_inverted) {
    const auto mask = flags_text(info->flg_mask);
    const auto flags = flags_text(info->flg_cmp);
    if (!mask || !flags)
      return std::nullopt;
    options.push_back(option("tcp-flags", {*mask, *flags}, flags_inverted));
  }
  if (info->option != 0)
    options.push_back(option("tcp-option", {std::to_string(info->option)},
                             (info->invflags & XT_TCP_INV_OPTION) != 0));
  return options;
}

Options udp_options(Bytes bytes, std::uint32_t, Family) {
  const auto info = read_info<xt_udp>(bytes);
  if (!info || (info->invflags & ~XT_UDP_INV_MASK) != 0)
    return std::nullopt;
  std::vector<Option> options;
  add_ports(options, "sport", info->spts, (info->invflags & XT_UDP_INV_SRCPT) != 0);
  add_ports(options, "dport", info->dpts, (info->invflags & XT_UDP_INV_DSTPT) != 0);
  return options;
}

namespace {

// The ports of sctp and dccp, which say by flags what they ask for. Nothing else is read of them.
template <typename Info>
Options flagged_ports(Bytes bytes) {
  constexpr std::uint32_t source = 1;
  constexpr std::uint32_t destination = 2;
  constexpr std::uint32_t known = source | destination;
  const auto info = read_info<Info>(bytes);
  if (!info || (info->flags & ~known) != 0 || (info->invflags & ~known) != 0)
    return std::nullopt;
  std::vector<Option> options;
  const auto add = [&](const char* name, std::uint32_t flag, const __u16(&ports)[2]) {
    if ((info->flags & flag) != 0)
      options.push_back(
          option(name, {fmt::format("{}:{}", ports[0], ports[1])}, (info->invflags & flag) != 0));
  };
  add("sport", source, info->spts);
  add("dport", destination, info->dpts);
  return options;
}

}  // namespace

// Chunks are not read.
Options sctp_options(Bytes bytes, std::uint32_t, Family) {
  return flagged_ports<SctpInfo>(bytes);
}

// Types and options are not read.
Options dccp_options(Bytes bytes, std::uint32_t, Family) {
  return flagged_ports<xt_dccp_info>(bytes);
}

Options ah_options(Bytes bytes, std::uint32_t, Family family) {
  const auto info = read_info<ipt_ah>(bytes);
  if (family != Family::V4 || !info || (info->invflags & ~IPT_AH_INV_MASK) != 0)
    return std::nullopt;
  return std::vector{
      option("ahspi", {range_text(info->spis[0], info->spis[1])}, info->invflags != 0)};
}

Options esp_options(Bytes bytes, std::uint32_t, Family) {
  const auto info = read_info<xt_esp>(bytes);
  if (!info || (info->invflags & ~XT_ESP_INV_MASK) != 0)
    return std::nullopt;
  return std::vector{
      option("espspi", {range_text(info->spis[0], info->spis[1])}, info->invflags != 0)};
}

Options icmp_options(Bytes bytes, std::uint32_t, Family family) {
  constexpr std::uint8_t any = 0xff;  // type of IPv4 alone
  const auto info = read_info<IcmpInfo>(bytes);
  const bool inverted = info && info->invflags == 1;
  const bool every_code = info && info->code[0] == 0 && info->code[1] == 0xff;
  if (!info || info->invflags > 1 || (!every_code && info->code[0] != info->code[1]))
    return std::nullopt;
  std::string text = std::to_string(info->type);
  if (family == Family::V4 && info->type == any)
    text = "any";
  else if (!every_code)
    text += fmt::format("/{}", info->code[0]);
  return std::vector{option(family == Family::V4 ? "icmp-type" : "icmpv6-type", {text}, inverted)};
}

Options multiport_options(Bytes bytes, std::uint32_t, Family) {
  const auto info = read_info<xt_multiport_v1>(bytes);
  if (!info || info->flags > XT_MULTIPORT_EITHER || info->count > XT_MULTI_PORTS)
    return std::nullopt;
  std::vector<std::string> ports;
  for (std::size_t i = 0; i < info->count; ++i) {
    const bool range = info->pflags[i] != 0;
    if (range && i + 1 == info->count)
      return std::nullopt;
    ports.push_back(range ? fmt::format("{}:{}", info->ports[i], info->ports[i + 1])
                          : std::to_string(info->ports[i]));
    i += range ? 1 : 0;
  }
  constexpr std::array<const char*, 3> names{"sports", "dports", "ports"};
  return std::vector{option(names.at(info->flags), {join(ports, ",")}, info->invert != 0)};
}

Options iprange_options(Bytes bytes, std::uint32_t revision, Family family) {
  const auto info = read_info<xt_iprange_mtinfo>(bytes);
  constexpr int known = IPRANGE_SRC | IPRANGE_DST | IPRANGE_SRC_INV | IPRANGE_DST_INV;
  if (revision != 1 || !info || (info->flags & ~known) != 0)
    return std::nullopt;
  std::vector<Option> options;
  const auto add = [&](const char* name, const nf_inet_addr& first, const nf_inet_addr& last,
                       int flag, int invert) {
    if ((info->flags & flag) != 0)
      options.push_back(option(name,
                               {address_text(first, family) + "-" + address_text(last, family)},
                               (info->flags & invert) != 0));
  };
  add("src-range", info->src_min, info->src_max, IPRANGE_SRC, IPRANGE_SRC_INV);
  add("dst-range", info->dst_min, info->dst_max, IPRANGE_DST, IPRANGE_DST_INV);
  return options;
}

Options tcpmss_options(Bytes bytes, std::uint32_t, Family) {
  const auto info = read_info<xt_tcpmss_match_info>(bytes);
  if (!info)
    return std::nullopt;
  return std::vector{option("mss", {range_text(info->mss_min, info->mss_max)}, info->invert != 0)};
}

Options dscp_options(Bytes bytes, std::uint32_t, Family) {
  const auto info = read_info<xt_dscp_info>(bytes);
  if (!info)
    return std::nullopt;
  return std::vector{option("dscp", {hex(info->dscp)}, info->invert != 0)};
}

Options tos_options(Bytes bytes, std::uint32_t revision, Family) {
  const auto info = read_info<xt_tos_match_info>(bytes);
  if (revision != 1 || !info)
    return std::nullopt;
  return std::vector{
      option("tos", {hex(info->tos_value) + "/" + hex(info->tos_mask)}, info->invert != 0)};
}

// Of ttl and hl, which are alike.
Options ttl_options(Bytes bytes, std::uint32_t, Family family) {
  const auto info = read_info<ipt_ttl_info>(bytes);
  if (!info || info->mode > IPT_TTL_GT)
    return std::nullopt;
  constexpr std::array<const char*, 4> ends{"-eq", "-eq", "-lt", "-gt"};
  return std::vector{
      option((family == Family::V4 ? "ttl" : "hl") + std::string(ends.at(info->mode)),
             {std::to_string(info->ttl)}, info->mode == IPT_TTL_NE)};
}

Options length_options(Bytes bytes, std::uint32_t, Family) {
  const auto info = read_info<xt_length_info>(bytes);
  if (!info)
    return std::nullopt;
  return std::vector{option("length", {range_text(info->min, info->max)}, info->invert != 0)};
}

Options ecn_options(Bytes bytes, std::uint32_t, Family) {
  const auto info = read_info<xt_ecn_info>(bytes);
  if (!info || (info->operation & XT_ECN_OP_MATCH_MASK) != 0)
    return std::nullopt;
  const auto is = [&](int flag) { return (info->operation & flag) != 0; };
  std::vector<Option> options;
  if (is(XT_ECN_OP_MATCH_IP))
    options.push_back(option("ecn-ip-ect", {std::to_string(info->ip_ect)},
                             (info->invert & XT_ECN_OP_MATCH_IP) != 0));
  if (is(XT_ECN_OP_MATCH_ECE))
    options.push_back(option("ecn-tcp-ece", {}, (info->invert & XT_ECN_OP_MATCH_ECE) != 0));
  if (is(XT_ECN_OP_MATCH_CWR))
    options.push_back(option("ecn-tcp-cwr", {}, (info->invert & XT_ECN_OP_MATCH_CWR) != 0));
  return options;
}

}  // namespace quay::xt
