#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <arpa/inet.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_cgroup.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_cpu.h>
#include <linux/netfilter/xt_devgroup.h>
#include <linux/netfilter/xt_helper.h>
#include <linux/netfilter/xt_mac.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_owner.h>
#include <linux/netfilter/xt_pkttype.h>
#include <linux/netfilter/xt_realm.h>
#include <linux/netfilter/xt_recent.h>
#include <linux/netfilter/xt_set.h>
#include <linux/netfilter/xt_socket.h>
#include <linux/netfilter/xt_time.h>

#include "language/xt_info.h"
#include "language/xt_info_matches.h"

namespace quay::xt {
namespace {

using Bytes = std::string_view;

Options addrtype_options(Bytes bytes, std::uint32_t revision, Family) {
  constexpr std::array<std::string_view, 12> names{
      "UNSPEC",    "UNICAST",     "LOCAL",    "BROADCAST", "ANYCAST", "MULTICAST",
      "BLACKHOLE", "UNREACHABLE", "PROHIBIT", "THROW",     "NAT",     "XRESOLVE"};
  const auto info = read_info<xt_addrtype_info_v1>(bytes);
  constexpr std::uint32_t known = XT_ADDRTYPE_INVERT_SOURCE | XT_ADDRTYPE_INVERT_DEST |
                                  XT_ADDRTYPE_LIMIT_IFACE_IN | XT_ADDRTYPE_LIMIT_IFACE_OUT;
  if (revision != 1 || !info || (info->flags & ~known) != 0 ||
      ((info->source | info->dest) >> names.size()) != 0)
    return std::nullopt;
  std::vector<Option> options;
  const auto add = [&](const char* name, std::uint16_t types, bool inverted) {
    std::vector<std::string> words;
    for (std::size_t i = 0; i < names.size(); ++i)
      if ((types >> i & 1) != 0)
        words.emplace_back(names.at(i));
    if (types != 0)
      options.push_back(option(name, {join(words, ",")}, inverted));
  };
  add("src-type", info->source, (info->flags & XT_ADDRTYPE_INVERT_SOURCE) != 0);
  add("dst-type", info->dest, (info->flags & XT_ADDRTYPE_INVERT_DEST) != 0);
  if ((info->flags & XT_ADDRTYPE_LIMIT_IFACE_IN) != 0)
    options.push_back(option("limit-iface-in", {}));
  if ((info->flags & XT_ADDRTYPE_LIMIT_IFACE_OUT) != 0)
    options.push_back(option("limit-iface-out", {}));
  return options;
}

Options mac_options(Bytes bytes, std::uint32_t, Family) {
  const auto info = read_info<xt_mac_info>(bytes);
  if (!info)
    return std::nullopt;
  std::vector<std::string> parts;
  for (const unsigned char byte : info->srcaddr)
    parts.push_back(fmt::format("{:02x}", byte));
  return std::vector{option("mac-source", {join(parts, ":")}, info->invert != 0)};
}

// Of mark and connmark, which are alike.
Options mark_options(Bytes bytes, std::uint32_t revision, Family) {
  const auto info = read_info<xt_mark_mtinfo1>(bytes);
  if (revision != 1 || !info)
    return std::nullopt;
  return std::vector{option("mark", {masked_text(info->mark, info->mask)}, info->invert != 0)};
}

Options owner_options(Bytes bytes, std::uint32_t revision, Family) {
  const auto info = read_info<xt_owner_match_info>(bytes);
  if (revision != 1 || !info || (info->match & ~XT_OWNER_MASK) != 0)
    return std::nullopt;
  const auto is = [&](std::uint8_t flag) { return (info->match & flag) != 0; };
  const auto inverted = [&](std::uint8_t flag) { return (info->invert & flag) != 0; };
  std::vector<Option> options;
  if (is(XT_OWNER_UID))
    options.push_back(option("uid-owner", {range_text(info->uid_min, info->uid_max, '-')},
                             inverted(XT_OWNER_UID)));
  if (is(XT_OWNER_GID))
    options.push_back(option("gid-owner", {range_text(info->gid_min, info->gid_max, '-')},
                             inverted(XT_OWNER_GID)));
  if (is(XT_OWNER_SOCKET))
    options.push_back(option("socket-exists", {}, inverted(XT_OWNER_SOCKET)));
  if (is(XT_OWNER_SUPPL_GROUPS))
    options.push_back(option("suppl-groups", {}));
  return options;
}

Options pkttype_options(Bytes bytes, std::uint32_t, Family) {
  constexpr std::array<const char*, 3> names{"unicast", "broadcast", "multicast"};
  const auto info = read_info<xt_pkttype_info>(bytes);
  if (!info || info->pkttype < 0 || static_cast<std::size_t>(info->pkttype) >= names.size())
    return std::nullopt;
  return std::vector{
      option("pkt-type", {names.at(static_cast<std::size_t>(info->pkttype))}, info->invert != 0)};
}

Options helper_options(Bytes bytes, std::uint32_t, Family) {
  const auto info = read_info<xt_helper_info>(bytes);
  const auto name = info ? text_in(info->name) : std::nullopt;
  if (!name)
    return std::nullopt;
  return std::vector{option("helper", {*name}, info->invert != 0)};
}

Options cpu_options(Bytes bytes, std::uint32_t, Family) {
  const auto info = read_info<xt_cpu_info>(bytes);
  if (!info)
    return std::nullopt;
  return std::vector{option("cpu", {std::to_string(info->cpu)}, info->invert != 0)};
}

Options cgroup_options(Bytes bytes, std::uint32_t revision, Family) {
  const auto by_class = [](std::uint32_t number, bool inverted) {
    return std::vector{option("cgroup", {std::to_string(number)}, inverted)};
  };
  const auto first = read_info<xt_cgroup_info_v0>(bytes);
  if (revision == 0 && first)
    return by_class(first->id, first->invert != 0);
  // A path is the kernel's to explain.
  const auto second = read_info<xt_cgroup_info_v1>(bytes);
  if (revision == 1 && second && second->has_path == 0 && second->has_classid != 0)
    return by_class(second->classid, second->invert_classid != 0);
  const auto third = read_info<xt_cgroup_info_v2>(bytes);
  if (revision == 2 && third && third->has_path == 0 && third->has_classid != 0)
    return by_class(third->classid, third->invert_classid != 0);
  return std::nullopt;
}

Options realm_options(Bytes bytes, std::uint32_t, Family) {
  const auto info = read_info<xt_realm_info>(bytes);
  if (!info)
    return std::nullopt;
  return std::vector{option("realm", {masked_text(info->id, info->mask)}, info->invert != 0)};
}

Options devgroup_options(Bytes bytes, std::uint32_t, Family) {
  const auto info = read_info<xt_devgroup_info>(bytes);
  if (!info)
    return std::nullopt;
  std::vector<Option> options;
  if ((info->flags & XT_DEVGROUP_MATCH_SRC) != 0)
    options.push_back(option("src-group", {masked_text(info->src_group, info->src_mask)},
                             (info->flags & XT_DEVGROUP_INVERT_SRC) != 0));
  if ((info->flags & XT_DEVGROUP_MATCH_DST) != 0)
    options.push_back(option("dst-group", {masked_text(info->dst_group, info->dst_mask)},
                             (info->flags & XT_DEVGROUP_INVERT_DST) != 0));
  return options;
}

// A set is known by its number alone: "#3".
Options set_options(Bytes bytes, std::uint32_t revision, Family) {
  const auto info = read_info<xt_set_info_match_v4>(bytes);
  const auto simple = read_info<xt_set_info_match_v1>(bytes);
  const bool counters = revision == 4 && info &&
                        (info->packets.op != IPSET_COUNTER_NONE ||
                         info->bytes.op != IPSET_COUNTER_NONE || info->flags != 0);
  const xt_set_info* found = nullptr;
  if (revision == 4 && info && !counters)
    found = &info->match_set;
  else if (revision == 1 && simple)
    found = &simple->match_set;
  if (found == nullptr)
    return std::nullopt;
  const xt_set_info& set = *found;
  if (set.dim > IPSET_DIM_MAX || (set.flags & IPSET_RETURN_NOMATCH) != 0)
    return std::nullopt;
  std::vector<std::string> sides;
  for (int i = 1; i <= set.dim; ++i)
    sides.emplace_back((set.flags >> i & 1) != 0 ? "src" : "dst");
  return std::vector{option("match-set", {fmt::format("#{}", set.index), join(sides, ",")},
                            (set.flags & IPSET_INV_MATCH) != 0)};
}

// `--set` alone is told from the others.
// What both revisions have.
template <typename Info>
std::vector<Option> recent_options(const Info& info) {
  const auto is = [&info](int flag) { return (info.check_set & flag) != 0; };
  const char* verb = is(XT_RECENT_SET)      ? "set"
                     : is(XT_RECENT_CHECK)  ? "rcheck"
                     : is(XT_RECENT_UPDATE) ? "update"
                                            : "remove";
  std::vector<Option> options{option(verb, {}, info.invert != 0),
                              option("name", {text_in(info.name).value_or("?")}),
                              option(info.side == XT_RECENT_DEST ? "rdest" : "rsource", {})};
  if (info.seconds != 0)
    options.push_back(option("seconds", {std::to_string(info.seconds)}));
  if (info.hit_count != 0)
    options.push_back(option("hitcount", {std::to_string(info.hit_count)}));
  if (is(XT_RECENT_TTL))
    options.push_back(option("rttl", {}));
  if (is(XT_RECENT_REAP))
    options.push_back(option("reap", {}));
  return options;
}

Options recent_options(Bytes bytes, std::uint32_t revision, Family family) {
  const auto older = read_info<xt_recent_mtinfo>(bytes);
  if (revision == 0 && older)
    return recent_options(*older);
  const auto info = read_info<xt_recent_mtinfo_v1>(bytes);
  if (revision != 1 || !info)
    return std::nullopt;
  auto options = recent_options(*info);
  options.push_back(option("mask", {address_text(info->mask, family)}));
  return options;
}

Options socket_options(Bytes bytes, std::uint32_t revision, Family) {
  const auto info = read_info<xt_socket_mtinfo1>(bytes);
  if (revision == 0)
    return std::vector<Option>{};
  if (revision > 3 || !info || (info->flags & ~XT_SOCKET_FLAGS_V3) != 0)
    return std::nullopt;
  std::vector<Option> options;
  for (const auto& [flag, name] : {std::pair{XT_SOCKET_TRANSPARENT, "transparent"},
                                   std::pair{XT_SOCKET_NOWILDCARD, "nowildcard"},
                                   std::pair{XT_SOCKET_RESTORESKMARK, "restore-skmark"}})
    if ((info->flags & flag) != 0)
      options.push_back(option(name, {}));
  return options;
}

std::string date_text(std::uint32_t seconds) {
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

// The numbers of the days that are set in a mask.
std::string days_text(std::uint32_t mask, int last) {
  std::vector<std::string> days;
  for (int day = 1; day <= last; ++day)
    if ((mask >> day & 1) != 0)
      days.push_back(std::to_string(day));
  return join(days, ",");
}

Options time_options(Bytes bytes, std::uint32_t, Family) {
  constexpr std::uint32_t last_date = 0x7fffffff;  // iptables' default
  const auto info = read_info<xt_time_info>(bytes);
  if (!info || (info->flags & ~XT_TIME_ALL_FLAGS) != 0 || info->date_start > last_date ||
      info->date_stop > last_date || info->daytime_start > XT_TIME_MAX_DAYTIME ||
      info->daytime_stop > XT_TIME_MAX_DAYTIME)
    return std::nullopt;
  const auto clock = [](std::uint32_t seconds) { return date_text(seconds).substr(11); };
  std::vector<Option> options;
  if (info->daytime_start != 0 || info->daytime_stop != XT_TIME_MAX_DAYTIME) {
    options.push_back(option("timestart", {clock(info->daytime_start)}));
    options.push_back(option("timestop", {clock(info->daytime_stop)}));
  }
  if (info->date_start != 0)
    options.push_back(option("datestart", {date_text(info->date_start)}));
  if (info->date_stop != 0)
    options.push_back(option("datestop", {date_text(info->date_stop)}));
  if (info->monthdays_match != XT_TIME_ALL_MONTHDAYS)
    options.push_back(option("monthdays", {days_text(info->monthdays_match, 31)}));
  const std::string days = days_text(info->weekdays_match, 7);
  if (days.empty())
    return std::nullopt;
  if (days != days_text(XT_TIME_ALL_WEEKDAYS, 7))
    options.push_back(option("weekdays", {days}));
  if ((info->flags & XT_TIME_LOCAL_TZ) != 0)
    options.push_back(option("kerneltz", {}));
  if ((info->flags & XT_TIME_CONTIGUOUS) != 0)
    options.push_back(option("contiguous", {}));
  return options;
}

// What holds for every packet, or says something else each time: nothing is read of it.
Options no_options(Bytes, std::uint32_t, Family) {
  return std::vector<Option>{};
}

// Equal bytes ask the same question. Long runs of zeros are told by their length.
Options as_bytes(Bytes bytes, std::uint32_t revision, Family) {
  std::string text = fmt::format("{}:", revision);
  while (!bytes.empty()) {
    const std::size_t zeros = std::min(bytes.find_first_not_of('\0'), bytes.size());
    text += zeros > 3 ? fmt::format("-{}-", zeros)
                      : fmt::format("{:02x}", static_cast<std::uint8_t>(bytes.front()));
    bytes.remove_prefix(zeros > 3 ? zeros : 1);
  }
  return std::vector{option("info", {text})};
}

using Reader = Options (*)(Bytes, std::uint32_t, Family);

constexpr std::pair<std::string_view, Reader> kMatchInfoReaders[] = {
    {"addrtype", addrtype_options},
    {"ah", ah_options},
    {"cgroup", cgroup_options},
    {"comment", no_options},
    {"connbytes", no_options},
    {"connlimit", no_options},
    {"connmark", mark_options},
    {"conntrack", conntrack_options},
    {"cpu", cpu_options},
    {"dccp", dccp_options},
    {"devgroup", devgroup_options},
    {"dscp", dscp_options},
    {"ecn", ecn_options},
    {"esp", esp_options},
    {"hashlimit", no_options},
    {"helper", helper_options},
    {"hl", ttl_options},
    {"icmp", icmp_options},
    {"icmp6", icmp_options},
    {"iprange", iprange_options},
    {"length", length_options},
    {"limit", no_options},
    {"mac", mac_options},
    {"mark", mark_options},
    {"multiport", multiport_options},
    {"nfacct", no_options},
    {"owner", owner_options},
    {"physdev", as_bytes},
    {"pkttype", pkttype_options},
    {"policy", as_bytes},
    {"quota", no_options},
    {"realm", realm_options},
    {"recent", recent_options},
    {"rpfilter", as_bytes},
    {"sctp", sctp_options},
    {"set", set_options},
    {"socket", socket_options},
    {"state", state_options},
    {"statistic", no_options},
    {"string", as_bytes},
    {"tcp", tcp_options},
    {"tcpmss", tcpmss_options},
    {"time", time_options},
    {"tos", tos_options},
    {"ttl", ttl_options},
    {"u32", as_bytes},
    {"udp", udp_options},
    {"udplite", udp_options},
};

}  // namespace

Module module_of(const nft::XtMatch& match, Family family) {
  Module module{.name = match.name};
  const auto* reader =
      std::ranges::find(kMatchInfoReaders, match.name, [](const auto& pair) { return pair.first; });
  auto options = reader == std::end(kMatchInfoReaders)
                     ? std::nullopt
                     : reader->second(match.info, match.revision, family);
  if (options)
    module.options = std::move(*options);
  else
    module.strange = fmt::format("match {} rev {}", match.name, match.revision);
  return module;
}

}  // namespace quay::xt
