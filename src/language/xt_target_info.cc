#include <algorithm>
#include <array>
#include <utility>

#include <arpa/inet.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_CLASSIFY.h>
#include <linux/netfilter/xt_CONNMARK.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_DSCP.h>
#include <linux/netfilter/xt_MARK.h>
#include <linux/netfilter/xt_set.h>
#include <linux/netfilter_ipv4/ipt_TTL.h>

#include "language/xt_info.h"
#include "language/xt_info_reader.h"

namespace quay::xt {
namespace {

using Bytes = std::string_view;

// newmark = (mark & ~mask) ^ value
Options mark_options(Bytes bytes, std::uint32_t revision, Family) {
  const auto info = read_info<xt_mark_tginfo2>(bytes);
  if (revision != 2 || !info)
    return std::nullopt;
  return std::vector{option("set-xmark", {hex(info->mark) + "/" + hex(info->mask)})};
}

// Shifted marks are as good as unknown: they are "saved".
Options connmark_options(Bytes bytes, std::uint32_t revision, Family) {
  const auto options = [](const auto& info, bool shifted) -> Options {
    if (!info || info->mode > XT_CONNMARK_RESTORE)
      return std::nullopt;
    if (info->mode == XT_CONNMARK_RESTORE)
      return std::vector{option("restore-mark", {})};
    if (info->mode == XT_CONNMARK_SAVE || shifted)
      return std::vector{option("save-mark", {})};
    return std::vector{option("set-xmark", {hex(info->ctmark) + "/" + hex(info->ctmask)})};
  };
  if (revision == 1)
    return options(read_info<xt_connmark_tginfo1>(bytes), false);
  const auto info = read_info<xt_connmark_tginfo2>(bytes);
  if (revision != 2 || !info)
    return std::nullopt;
  return options(info, info->shift_bits != 0);
}

Options assignment_options(std::uint16_t flags, std::uint16_t zone) {
  if ((flags & ~(XT_CT_MASK)) != 0)
    return std::nullopt;
  std::vector<Option> options;
  if ((flags & (XT_CT_NOTRACK | XT_CT_NOTRACK_ALIAS)) != 0)
    options.push_back(option("notrack", {}));
  if ((flags & XT_CT_ZONE_MARK) != 0)
    options.push_back(option("zone", {"mark"}));
  else if ((flags & (XT_CT_ZONE_DIR_ORIG | XT_CT_ZONE_DIR_REPL)) != 0)
    options.push_back(option("zone-orig", {std::to_string(zone)}));
  else if (zone != 0)
    options.push_back(option("zone", {std::to_string(zone)}));
  return options;
}

Options ct_options(Bytes bytes, std::uint32_t revision, Family) {
  if (revision == 0) {
    const auto info = read_info<xt_ct_target_info>(bytes);
    return info ? assignment_options(info->flags, info->zone) : std::nullopt;
  }
  const auto info = read_info<xt_ct_target_info_v1>(bytes);
  if (revision > 2 || !info)
    return std::nullopt;
  return assignment_options(info->flags, info->zone);
}

// A range of addresses and ports, whatever structure it was in.
struct NatRange {
  std::uint32_t flags = 0;
  Address first;
  Address last;
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 0;
};

NatRange range_of(const nf_nat_range& info, Family family) {
  return {info.flags, address_in(info.min_addr, family), address_in(info.max_addr, family),
          ntohs(info.min_proto.all), ntohs(info.max_proto.all)};
}

std::optional<NatRange> nat_range(Bytes bytes, Family family) {
  if (const auto info = read_info<nf_nat_range2>(bytes)) {
    nf_nat_range plain{};
    std::memcpy(&plain, &*info, sizeof plain);
    return range_of(plain, family);
  }
  if (const auto info = read_info<nf_nat_range>(bytes))
    return range_of(*info, family);
  if (const auto info = read_info<nf_nat_ipv4_multi_range_compat>(bytes)) {
    const nf_nat_ipv4_range& range = info->range[0];
    if (info->rangesize != 1 || family != Family::V4)
      return std::nullopt;
    return NatRange{range.flags, Address{Family::V4, ntohl(range.min_ip)},
                    Address{Family::V4, ntohl(range.max_ip)}, ntohs(range.min.all),
                    ntohs(range.max.all)};
  }
  return std::nullopt;
}

// "1.2.3.4", "1.2.3.4-1.2.3.9", "?" for what no words tell; empty: they stay.
std::string addresses_text(const NatRange& range) {
  if ((range.flags & NF_NAT_RANGE_MAP_IPS) == 0)
    return {};
  if ((range.flags & NF_NAT_RANGE_NETMAP) != 0)
    return "?";
  std::string text = to_text(range.first);
  if (range.first != range.last)
    text += "-" + to_text(range.last);
  return text;
}

std::string ports_text(const NatRange& range) {
  if ((range.flags & NF_NAT_RANGE_PROTO_SPECIFIED) == 0)
    return {};
  if ((range.flags & (NF_NAT_RANGE_PROTO_RANDOM_ALL | NF_NAT_RANGE_PROTO_OFFSET)) != 0)
    return "?";
  return range_text(range.first_port, range.last_port, '-');
}

Options place_options(Bytes bytes, Family family, const char* name) {
  const auto range = nat_range(bytes, family);
  if (!range || (range->flags & ~std::uint32_t{NF_NAT_RANGE_MASK}) != 0)
    return std::nullopt;
  std::string text = addresses_text(*range);
  const std::string ports = ports_text(*range);
  if (family == Family::V6 && !text.empty())
    text = "[" + text + "]";
  if (!ports.empty())
    text += ":" + ports;
  if (text.empty())  // nothing but flags
    text = "?";
  return std::vector{option(name, {text})};
}

Options dnat_options(Bytes bytes, std::uint32_t, Family family) {
  return place_options(bytes, family, "to-destination");
}

Options snat_options(Bytes bytes, std::uint32_t, Family family) {
  return place_options(bytes, family, "to-source");
}

// MASQUERADE and REDIRECT.
Options ports_options(Bytes bytes, std::uint32_t, Family family) {
  const auto range = nat_range(bytes, family);
  if (!range || (range->flags & ~std::uint32_t{NF_NAT_RANGE_MASK}) != 0)
    return std::nullopt;
  const std::string ports = ports_text(*range);
  if (ports.empty())
    return std::vector<Option>{};
  return std::vector{option("to-ports", {ports})};
}

// The old value of what is not masked stays: (tos & ~mask) ^ value.
Options tos_options(Bytes bytes, std::uint32_t revision, Family) {
  const auto info = read_info<xt_tos_target_info>(bytes);
  if (revision > 1 || !info)
    return std::nullopt;
  return std::vector{option("set-tos", {hex(info->tos_value) + "/" + hex(info->tos_mask)})};
}

Options dscp_options(Bytes bytes, std::uint32_t, Family) {
  const auto info = read_info<xt_DSCP_info>(bytes);
  if (!info)
    return std::nullopt;
  return std::vector{option("set-dscp", {hex(info->dscp)})};
}

// TTL and HL, which are alike.
Options ttl_options(Bytes bytes, std::uint32_t, Family family) {
  const auto info = read_info<ipt_TTL_info>(bytes);
  constexpr std::array<const char*, 3> verbs{"-set", "-inc", "-dec"};
  if (!info || info->mode >= verbs.size())
    return std::nullopt;
  return std::vector{
      option((family == Family::V4 ? "ttl" : "hl") + std::string(verbs.at(info->mode)),
             {std::to_string(info->ttl)})};
}

Options classify_options(Bytes bytes, std::uint32_t, Family) {
  const auto info = read_info<xt_classify_target_info>(bytes);
  if (!info)
    return std::nullopt;
  return std::vector{option(
      "set-class", {fmt::format("{:x}:{:x}", info->priority >> 16, info->priority & 0xffff)})};
}

// Sets are known by their numbers alone: "#3".
Options set_options(Bytes bytes, std::uint32_t revision, Family) {
  std::vector<Option> options;
  const auto add = [&](const char* name, const xt_set_info& set) {
    if (set.index != IPSET_INVALID_ID)
      options.push_back(option(name, {fmt::format("#{}", set.index), "src"}));
  };
  const auto add_both = [&](const auto& info) -> Options {
    if (!info)
      return std::nullopt;
    add("add-set", info->add_set);
    add("del-set", info->del_set);
    return options;
  };
  switch (revision) {
    case 1:
      return add_both(read_info<xt_set_info_target_v1>(bytes));
    case 2:
      return add_both(read_info<xt_set_info_target_v2>(bytes));
    case 3:
      break;
    default:
      return std::nullopt;
  }
  const auto info = read_info<xt_set_info_target_v3>(bytes);
  if (!info)
    return std::nullopt;
  add("map-set", info->map_set);
  return add_both(info);
}

// What the name says is all that the model takes from it.
Options no_options(Bytes, std::uint32_t, Family) {
  return std::vector<Option>{};
}

// How the sender is told: linux/netfilter_ipv4/ipt_REJECT.h, netfilter_ipv6/ip6t_REJECT.h.
Options reject_options(Bytes bytes, std::uint32_t, Family family) {
  static constexpr std::array<std::string_view, 9> v4{"icmp-net-unreachable",
                                                      "icmp-host-unreachable",
                                                      "icmp-proto-unreachable",
                                                      "icmp-port-unreachable",
                                                      "echo-reply",
                                                      "icmp-net-prohibited",
                                                      "icmp-host-prohibited",
                                                      "tcp-reset",
                                                      "icmp-admin-prohibited"};
  static constexpr std::array<std::string_view, 9> v6{"icmp6-no-route",
                                                      "icmp6-adm-prohibited",
                                                      "icmp6-not-neighbour",
                                                      "icmp6-addr-unreachable",
                                                      "icmp6-port-unreachable",
                                                      "echo-reply",
                                                      "tcp-reset",
                                                      "icmp6-policy-fail",
                                                      "icmp6-reject-route"};
  const auto& names = family == Family::V4 ? v4 : v6;
  const auto with = read_info<std::uint32_t>(bytes);
  if (!with || *with >= names.size())
    return std::nullopt;
  return std::vector{option("reject-with", {std::string(names.at(*with))})};
}

using Reader = Options (*)(Bytes, std::uint32_t, Family);

constexpr std::pair<std::string_view, Reader> kTargetInfoReaders[] = {
    {"AUDIT", no_options},
    {"CHECKSUM", no_options},
    {"CLASSIFY", classify_options},
    {"CONNMARK", connmark_options},
    {"CONNSECMARK", no_options},
    {"CT", ct_options},
    {"DNAT", dnat_options},
    {"DSCP", dscp_options},
    {"ECN", no_options},
    {"HL", ttl_options},
    {"HMARK", no_options},
    {"IDLETIMER", no_options},
    {"LED", no_options},
    {"LOG", no_options},
    {"MARK", mark_options},
    {"MASQUERADE", ports_options},
    {"NETMAP", no_options},
    {"NFLOG", no_options},
    {"NFQUEUE", no_options},
    {"NOTRACK", no_options},
    {"RATEEST", no_options},
    {"REDIRECT", ports_options},
    {"REJECT", reject_options},
    {"SECMARK", no_options},
    {"SET", set_options},
    {"SNAT", snat_options},
    {"TCPMSS", no_options},
    {"TCPOPTSTRIP", no_options},
    {"TEE", no_options},
    {"TOS", tos_options},
    {"TRACE", no_options},
    {"TTL", ttl_options},
};

}  // namespace

Module module_of(const nft::XtTarget& target, Family family) {
  Module module{.name = target.name};
  const auto* reader = std::ranges::find(kTargetInfoReaders, target.name,
                                         [](const auto& pair) { return pair.first; });
  auto options = reader == std::end(kTargetInfoReaders)
                     ? std::nullopt
                     : reader->second(target.info, target.revision, family);
  if (options)
    module.options = std::move(*options);
  else
    module.strange = fmt::format("target {} rev {}", target.name, target.revision);
  return module;
}

}  // namespace quay::xt
