#include "packetset/filter_way.h"

#include <algorithm>
#include <utility>

#include "model/packet.h"
#include "model/protocol.h"

namespace quay::filter {
namespace {

// linux/netfilter_ipv4.h: NF_IP_PRI_CONNTRACK.
constexpr std::int32_t kConntrack = -200;
constexpr std::int32_t kTranslateDestination = -100;  // NF_IP_PRI_NAT_DST
constexpr std::int32_t kTranslateSource = 100;        // NF_IP_PRI_NAT_SRC

bool meets(TableFamily table, Family family) {
  return table == TableFamily::Inet || table == TableFamily::Netdev ||
         table == (family == Family::V4 ? TableFamily::Ip : TableFamily::Ip6);
}

// Chains for translation share one place, whatever their priorities, which order them there
// (nf_nat_register_fn).
std::int32_t turn_of(const Base& base) {
  if (!base.nat)
    return base.priority;
  return translates_destinations(base.hook) ? kTranslateDestination : kTranslateSource;
}

std::vector<Hook> hooks_of(Direction direction) {
  switch (direction) {
    case Direction::In:
      return {Hook::Ingress, Hook::Prerouting, Hook::Input};
    case Direction::Out:
      return {Hook::Output, Hook::Postrouting, Hook::Egress};
    case Direction::Forward:
      break;
  }
  return {Hook::Ingress, Hook::Prerouting, Hook::Forward, Hook::Postrouting, Hook::Egress};
}

}  // namespace

bool Stop::before_routing() const {
  return base->hook == Hook::Ingress || base->hook == Hook::Prerouting;
}

std::vector<Stop> way_of(const Ruleset& ruleset, Direction direction, Family family) {
  std::vector<Stop> way;
  for (const Hook hook : hooks_of(direction)) {
    std::vector<Stop> stops;
    for (const Table& table : ruleset.tables) {
      if (table.dormant || !meets(table.family, family))
        continue;
      for (const Chain& chain : table.chains) {
        if (!chain.base || chain.base->hook != hook)
          continue;
        stops.push_back({&table, &chain, &*chain.base, direction});
      }
    }
    // Of equal priorities the kernel asks the one that came last first (nf_hook_entries_grow).
    std::ranges::reverse(stops);
    std::ranges::stable_sort(stops, {}, [](const Stop& stop) {
      return std::pair(turn_of(*stop.base), stop.base->priority);
    });
    way.insert(way.end(), stops.begin(), stops.end());
  }
  return way;
}

bool is_forgotten(const Field& field, std::span<const Stop> way, std::size_t stop) {
  const Stop* before = stop == 0 ? nullptr : &way[stop - 1];
  const Stop& now = way[stop];
  if (counts_hops(field) && now.sent_on() && (before == nullptr || !before->sent_on()))
    return true;
  const bool tracked =
      before != nullptr && is_before_conntrack(*before->base) && !is_before_conntrack(*now.base);
  return tracked && field.name.starts_with("ct ");
}

bool is_before_conntrack(const Base& base) {
  return base.hook == Hook::Ingress ||
         ((base.hook == Hook::Prerouting || base.hook == Hook::Output) &&
          base.priority < kConntrack);
}

Values comes_tracked() {
  return {.field = {.kind = Kind::InInterface}, .numbers = {}, .names = {"lo"}};
}

std::vector<Box> past_translation(const Base& base) {
  constexpr auto related = static_cast<Number>(State::Related);
  constexpr auto icmp = static_cast<Number>(Protocol::Icmp);
  constexpr auto icmpv6 = static_cast<Number>(Protocol::Icmpv6);
  std::vector<Box> all{
      {{.field = {.kind = Kind::State}, .numbers = Numbers({{related, related}}), .names = {}},
       {.field = {.kind = Kind::Protocol},
        .numbers = Numbers({{icmp, icmp}, {icmpv6, icmpv6}}),
        .names = {}}}};
  if (base.hook == Hook::Prerouting || base.hook == Hook::Input)
    all.push_back({comes_tracked()});
  return all;
}

Numbers first_packets() {
  constexpr auto fresh = static_cast<Number>(State::New);
  constexpr auto related = static_cast<Number>(State::Related);
  return Numbers({{fresh, fresh}, {related, related}});
}

bool tells_in_interface(const Base& base) {
  return base.hook != Hook::Egress;
}

}  // namespace quay::filter
