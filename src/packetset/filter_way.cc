#include "packetset/filter_way.h"

#include <algorithm>
#include <array>
#include <ranges>
#include <string_view>
#include <utility>

#include "model/packet.h"
#include "model/protocol.h"

namespace quay::filter {
namespace {

// linux/netfilter_ipv4.h: NF_IP_PRI_CONNTRACK.
constexpr std::int32_t kConntrack = -200;
constexpr std::int32_t kTranslateDestination = -100;  // NF_IP_PRI_NAT_DST
constexpr std::int32_t kTranslateSource = 100;        // NF_IP_PRI_NAT_SRC

constexpr std::string_view kBeforeRouting = " before routing";
constexpr std::string_view kAtEgress = " at egress";
constexpr std::string_view kLeaving = " where it leaves";

// Of incoming packets: a route and, by early demultiplexing, a socket (ip_rcv_finish_core()); and
// what ip_forward() sets.
constexpr std::array<std::string_view, 8> kByRouting{
    "rt ",         "meta rtclassid", "meta skuid",    "meta skgid",
    "meta cgroup", "socket ",        "meta priority", "ip checksum"};
constexpr std::array<std::string_view, 4> kBySending{"meta length", "ether ", "vlan ", "@ll,"};
constexpr std::string_view kDeviceType = "meta iiftype";
constexpr std::array<std::string_view, 3> kByRoute{"rt ", "meta rtclassid", "meta oif"};

bool begins_with_any(std::string_view name, std::span<const std::string_view> beginnings) {
  return std::ranges::any_of(
      beginnings, [&](std::string_view beginning) { return name.starts_with(beginning); });
}

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

bool meets_conntrack(Hook hook) {
  return hook == Hook::Prerouting || hook == Hook::Output;
}

bool is_of_conntrack(const Field& field) {
  return field.kind == Kind::State || field.name.starts_with("ct ") || field == translated(true) ||
         field == translated(false);
}

bool uses_conntrack(const Rule& rule) {
  // To leave packets untracked takes no conntrack.
  if (std::ranges::find(rule.assigns, Field{.kind = Kind::State}, &Assign::field) !=
      rule.assigns.end())
    return false;
  bool uses = std::ranges::any_of(rule.assigns, is_of_conntrack, &Assign::field) ||
              std::ranges::any_of(rule.conditions, [](const Condition& condition) {
                const auto* atom = std::get_if<Atom>(&condition);
                return atom != nullptr && atom->text.starts_with("ct ");
              });
  for_each_asked(rule, [&](const Field& field) { uses = uses || is_of_conntrack(field); });
  return uses;
}

// What asks or writes conntrack turns it on, for the families of its table (nf_ct_netns_get()).
bool uses_conntrack(const Ruleset& ruleset, Family family) {
  for (const Table& table : ruleset.tables)
    if (table.family != TableFamily::Netdev && meets(table.family, family))
      for (const Chain& chain : table.chains)
        if (std::ranges::any_of(chain.rules, [](const Rule& rule) { return uses_conntrack(rule); }))
          return true;
  return false;
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
  const auto translates = [](const Stop& stop) { return stop.base->nat; };
  if (std::ranges::any_of(way, translates) && !uses_conntrack(ruleset, family))
    for (Stop& stop : way)
      stop.unsure = stop.base->nat;
  return way;
}

bool share_a_place(const Base& a, const Base& b) {
  if (a.hook != b.hook || turn_of(a) != turn_of(b) || (a.nat && b.nat && a.priority != b.priority))
    return false;
  return a.devices.empty() || std::ranges::find_first_of(a.devices, b.devices) != a.devices.end();
}

bool hides_in_interface(const Stop& stop) {
  return stop.direction == Direction::Out && stop.base->hook == Hook::Postrouting;
}

std::optional<Field> other_form(const Field& field) {
  if (field.kind != Kind::Other && field.kind != Kind::SourceMac)
    return std::nullopt;
  if (field.name.ends_with(kBeforeRouting) || field.name.ends_with(kAtEgress) ||
      field.name.ends_with(kLeaving))
    return std::nullopt;
  Field other = field;
  if (begins_with_any(field.name, kByRouting))
    other.name += kBeforeRouting;
  else if (field.kind == Kind::SourceMac || begins_with_any(field.name, kBySending))
    other.name += kAtEgress;
  else if (field.name == kDeviceType)
    other.name += kLeaving;
  else
    return std::nullopt;
  return other;
}

Field as_asked(const Field& field, const Stop& stop) {
  auto other = other_form(field);
  if (!other)
    return field;
  const bool there = other->name.ends_with(kBeforeRouting) ? stop.before_routing()
                     : other->name.ends_with(kLeaving)     ? is_leaving(stop)
                                                           : stop.base->hook == Hook::Egress;
  return there ? *std::move(other) : field;
}

const Field& is_on_device() {
  static const Field field{
      .kind = Kind::Other, .name = std::string(kDeviceType) + " exists", .bits = 1};
  return field;
}

bool is_leaving(const Stop& stop) {
  return stop.base->hook == Hook::Postrouting || stop.base->hook == Hook::Egress;
}

bool reroutes(const Field& field) {
  return field == rerouted() || leads_elsewhere(field);
}

bool follows_route(const Field& field) {
  return field.kind == Kind::OutInterface || begins_with_any(field.name, kByRoute);
}

const Field& rerouted() {
  static const Field field{.kind = Kind::Other, .name = "rerouted", .bits = 1};
  return field;
}

namespace {

bool is_forgotten(const Field& field, const Stop& before, const Stop& now) {
  if (counts_hops(field) && now.sent_on() && !before.sent_on())
    return true;
  if (as_asked(field, before) != as_asked(field, now))
    return true;
  return field.name.starts_with("ct ") && is_before_conntrack(*before.base) &&
         !is_before_conntrack(*now.base);
}

}  // namespace

bool loses_route(const Assigned& assigned, std::span<const Stop> way, std::size_t stop) {
  return stop > 0 && way[stop - 1].base->hook == Hook::Output &&
         way[stop].base->hook != Hook::Output &&
         std::ranges::any_of(assigned | std::views::keys, reroutes);
}

void settle(Assigned& assigned, std::span<const Stop> way, std::size_t stop) {
  if (way[stop].base->hook != Hook::Output)
    assigned.erase(rerouted());
  if (stop == 0)
    return;
  for (auto& [field, value] : assigned)
    if (is_forgotten(field, way[stop - 1], way[stop]))
      value.reset();
}

bool is_before_conntrack(const Base& base) {
  return base.hook == Hook::Ingress || (meets_conntrack(base.hook) && base.priority < kConntrack);
}

bool is_beside_conntrack(const Base& base) {
  return meets_conntrack(base.hook) && !base.nat && base.priority == kConntrack;
}

Values may_leave_tracked() {
  constexpr auto related = static_cast<Number>(State::Related);
  return {.field = {.kind = Kind::State}, .numbers = Numbers({{related, related}}), .names = {}};
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
