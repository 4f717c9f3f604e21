#include <cstddef>
#include <utility>

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_state.h>

#include "language/xt_info_matches.h"

namespace quay::xt {
namespace {

struct BitName {
  std::uint32_t bit;
  const char* name;
};

// nullopt when none or others than those are set.
template <std::size_t size>
std::optional<std::string> names_of(std::uint32_t bits, const BitName (&names)[size]) {
  std::vector<std::string> words;
  for (const auto& [bit, name] : names) {
    if ((bits & bit) != 0)
      words.emplace_back(name);
    bits &= ~bit;
  }
  if (bits != 0 || words.empty())
    return std::nullopt;
  return join(words, ",");
}

constexpr BitName kStateBits[] = {
    {XT_CONNTRACK_STATE_INVALID, "INVALID"},
    {XT_CONNTRACK_STATE_BIT(IP_CT_NEW), "NEW"},
    {XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED), "ESTABLISHED"},
    {XT_CONNTRACK_STATE_BIT(IP_CT_RELATED), "RELATED"},
    {XT_CONNTRACK_STATE_UNTRACKED, "UNTRACKED"},
    {XT_CONNTRACK_STATE_SNAT, "SNAT"},
    {XT_CONNTRACK_STATE_DNAT, "DNAT"},
};

constexpr BitName kSimpleStateBits[] = {
    {XT_STATE_INVALID, "INVALID"},
    {XT_STATE_BIT(IP_CT_NEW), "NEW"},
    {XT_STATE_BIT(IP_CT_ESTABLISHED), "ESTABLISHED"},
    {XT_STATE_BIT(IP_CT_RELATED), "RELATED"},
    {XT_STATE_UNTRACKED, "UNTRACKED"},
};

constexpr BitName kStatusBits[] = {
    {IPS_EXPECTED, "EXPECTED"},
    {IPS_SEEN_REPLY, "SEEN_REPLY"},
    {IPS_ASSURED, "ASSURED"},
    {IPS_CONFIRMED, "CONFIRMED"},
};

using Info = xt_conntrack_mtinfo3;

// Older revisions have one port where the newest has ranges.
template <typename Older>
Info renewed(const Older& older) {
  Info info{};
  std::memcpy(&info, &older, offsetof(Older, match_flags));
  info.match_flags = older.match_flags;
  info.invert_flags = older.invert_flags;
  info.state_mask = older.state_mask;
  info.status_mask = older.status_mask;
  info.origsrc_port = info.origsrc_port_high = ntohs(older.origsrc_port);
  info.origdst_port = info.origdst_port_high = ntohs(older.origdst_port);
  info.replsrc_port = info.replsrc_port_high = ntohs(older.replsrc_port);
  info.repldst_port = info.repldst_port_high = ntohs(older.repldst_port);
  return info;
}

std::optional<Info> info_in(std::string_view bytes, std::uint32_t revision) {
  if (revision == 3)
    return read_info<Info>(bytes);
  if (revision == 2)
    if (const auto older = read_info<xt_conntrack_mtinfo2>(bytes))
      return renewed(*older);
  if (revision == 1)
    if (const auto older = read_info<xt_conntrack_mtinfo1>(bytes))
      return renewed(*older);
  return std::nullopt;
}

}  // namespace

Options conntrack_options(std::string_view bytes, std::uint32_t revision, Family family) {
  const auto info = info_in(bytes, revision);
  constexpr std::uint32_t known = (XT_CONNTRACK_STATE_ALIAS << 1) - 1;
  if (!info || (info->match_flags & ~known) != 0)
    return std::nullopt;
  std::vector<Option> options;
  const auto is = [&](std::uint32_t flag) { return (info->match_flags & flag) != 0; };
  const auto inverted = [&](std::uint32_t flag) { return (info->invert_flags & flag) != 0; };
  const auto add = [&](std::uint32_t flag, const char* name, std::string text) {
    if (is(flag))
      options.push_back(option(name, {std::move(text)}, inverted(flag)));
  };
  const auto address = [&](const nf_inet_addr& value, const nf_inet_addr& mask) {
    return address_text(value, family) + "/" + address_text(mask, family);
  };
  const auto states = names_of(info->state_mask, kStateBits);
  const auto status = names_of(info->status_mask, kStatusBits);
  if ((is(XT_CONNTRACK_STATE) && !states) || (is(XT_CONNTRACK_STATUS) && !status))
    return std::nullopt;
  add(XT_CONNTRACK_STATE, "ctstate", states.value_or(""));
  add(XT_CONNTRACK_PROTO, "ctproto", std::to_string(info->l4proto));
  add(XT_CONNTRACK_ORIGSRC, "ctorigsrc", address(info->origsrc_addr, info->origsrc_mask));
  add(XT_CONNTRACK_ORIGDST, "ctorigdst", address(info->origdst_addr, info->origdst_mask));
  add(XT_CONNTRACK_REPLSRC, "ctreplsrc", address(info->replsrc_addr, info->replsrc_mask));
  add(XT_CONNTRACK_REPLDST, "ctrepldst", address(info->repldst_addr, info->repldst_mask));
  add(XT_CONNTRACK_ORIGSRC_PORT, "ctorigsrcport",
      range_text(info->origsrc_port, info->origsrc_port_high));
  add(XT_CONNTRACK_ORIGDST_PORT, "ctorigdstport",
      range_text(info->origdst_port, info->origdst_port_high));
  add(XT_CONNTRACK_REPLSRC_PORT, "ctreplsrcport",
      range_text(info->replsrc_port, info->replsrc_port_high));
  add(XT_CONNTRACK_REPLDST_PORT, "ctrepldstport",
      range_text(info->repldst_port, info->repldst_port_high));
  add(XT_CONNTRACK_STATUS, "ctstatus", status.value_or(""));
  add(XT_CONNTRACK_EXPIRES, "ctexpire", range_text(info->expires_min, info->expires_max));
  if (is(XT_CONNTRACK_DIRECTION))
    options.push_back(option("ctdir", {inverted(XT_CONNTRACK_DIRECTION) ? "REPLY" : "ORIGINAL"}));
  return options;
}

Options state_options(std::string_view bytes, std::uint32_t, Family) {
  const auto info = read_info<xt_state_info>(bytes);
  const auto states = info ? names_of(info->statemask, kSimpleStateBits) : std::nullopt;
  if (!states)
    return std::nullopt;
  return std::vector{option("state", {*states})};
}

}  // namespace quay::xt
