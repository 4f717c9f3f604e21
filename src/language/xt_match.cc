#include "language/xt_match.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace quay::xt {
namespace {

using MatchReader = Read<Meaning> (*)(const Module&, const Context&);

constexpr std::pair<std::string_view, MatchReader> kMatchReaders[] = {
    {"addrtype", addrtype_match},
    {"ah", spi_match},
    {"cgroup", cgroup_match},
    {"connmark", connmark_match},
    {"conntrack", conntrack_match},
    {"cpu", cpu_match},
    {"dccp", ports_match},
    {"devgroup", group_match},
    {"dscp", dscp_match},
    {"ecn", ecn_match},
    {"esp", spi_match},
    {"helper", helper_match},
    {"hl", ttl_match},
    {"icmp", icmp_match},
    {"icmp6", icmp_match},
    {"ipcomp", spi_match},
    {"iprange", iprange_match},
    {"length", length_match},
    {"mac", mac_match},
    {"mark", mark_match},
    {"multiport", multiport_match},
    {"owner", owner_match},
    {"pkttype", pkttype_match},
    {"realm", group_match},
    {"sctp", ports_match},
    {"state", conntrack_match},
    {"tcp", tcp_match},
    {"tcpmss", tcpmss_match},
    {"time", time_match},
    {"tos", tos_match},
    {"ttl", ttl_match},
    {"udp", ports_match},
    {"udplite", ports_match},
};

// Matches that stand as atoms.
constexpr std::pair<std::string_view, Lasting> kAtoms[] = {
    {"bpf", Lasting::Never},        {"cluster", Lasting::OneTable},  {"connbytes", Lasting::Never},
    {"connlabel", Lasting::Never},  {"connlimit", Lasting::Never},   {"dst", Lasting::Always},
    {"eui64", Lasting::OneTable},   {"frag", Lasting::Always},       {"hashlimit", Lasting::Never},
    {"hbh", Lasting::Always},       {"ipv6header", Lasting::Always}, {"ipvs", Lasting::OneTable},
    {"mh", Lasting::Always},        {"nfacct", Lasting::Never},      {"osf", Lasting::OneTable},
    {"physdev", Lasting::OneTable}, {"policy", Lasting::OneTable},   {"quota", Lasting::Never},
    {"rateest", Lasting::Never},    {"rpfilter", Lasting::Always},   {"rt", Lasting::Always},
    {"socket", Lasting::OneTable},  {"statistic", Lasting::Never},   {"string", Lasting::OneTable},
    {"u32", Lasting::OneTable},
};

// `! -m` of these is exactly the opposite, so that the atom itself can be inverted.
constexpr std::string_view kOpposites[] = {"set", "string", "u32"};

// The match without its `!`, where that is exactly the opposite: then both ask the same question.
std::optional<Module> opposite_of(const Module& match) {
  Module plain = match;
  const auto inverted = std::ranges::find(plain.options, true, &Option::inverted);
  if (std::ranges::find(kOpposites, match.name) == std::end(kOpposites) ||
      inverted == plain.options.end() ||
      std::ranges::count(plain.options, true, &Option::inverted) != 1)
    return std::nullopt;
  inverted->inverted = false;
  return plain;
}

Read<Meaning> as_atom(const Module& match, Lasting lasting, const Context& context) {
  const auto opposite = opposite_of(match);
  Meaning meaning = atom_of(opposite.value_or(match), lasting, context);
  std::get<filter::Atom>(meaning.conditions[0]).inverted = opposite.has_value();
  // The mark may change even where the rule does not match as a whole.
  if (find(match.options, "restore-skmark") != nullptr)
    meaning.assigns.push_back({.field = field(filter::Kind::Mark), .value = std::nullopt});
  return meaning;
}

// A limit in nft's words, because iptables-nft makes one of nft's of it. nullopt without a rate
// that iptables would take.
std::optional<std::string> limit_text(const Module& match) {
  constexpr std::string_view units[] = {"second", "minute", "hour", "day"};
  const Option* limit = find(match.options, "limit");
  const Option* burst = find(match.options, "limit-burst");
  if (limit == nullptr)
    return std::nullopt;
  const std::string_view rate = limit->values[0];
  const std::size_t slash = rate.find('/');
  const std::string_view unit = slash == rate.npos ? "second" : rate.substr(slash + 1);
  const auto found = std::ranges::find_if(
      units, [&](std::string_view one) { return !unit.empty() && one.starts_with(unit); });
  const auto count = parse_c_number(rate.substr(0, slash), 10'000);
  const auto most = parse_c_number(burst == nullptr ? "5" : burst->values[0], 10'000);
  if (found == std::end(units) || !count || !most)
    return std::nullopt;
  return fmt::format("limit rate {}/{} burst {} packets", *count, *found, *most);
}

Read<Meaning> limit_match(const Module& match, const Context& context) {
  Meaning meaning = atom_of(match, Lasting::Never, context);
  if (auto text = limit_text(match))
    std::get<filter::Atom>(meaning.conditions[0]).text = *std::move(text);
  return meaning;
}

// `--set` puts the sender into a list, and matches; inverted, it never does.
Read<Meaning> recent_match(const Module& match, const Context& context) {
  const Option* set = find(match.options, "set");
  Read<Meaning> meaning = set == nullptr ? atom_of(match, Lasting::Never, context) : Meaning{};
  if (set != nullptr && set->inverted)
    meaning->conditions.emplace_back(filter::Test{});
  const Option* name = find(match.options, "name");
  if (meaning && find(match.options, "rcheck") == nullptr)
    meaning->assigns.push_back(
        {filter::elements_of(name == nullptr ? "DEFAULT" : name->values[0]), std::nullopt});
  return meaning;
}

Read<Meaning> set_match(const Module& match, const Context& context) {
  const Option* option = find(match.options, "match-set");
  if (option == nullptr)
    return refuse("set needs --match-set");
  const bool changes = context.changing_sets->contains(option->values[0]);
  const bool plain = match.options.size() == 1;
  return as_atom(match, changes || !plain ? Lasting::Never : Lasting::OneTable, context);
}

Read<Meaning> read_match(const Module& match, const Context& context) {
  if (match.name == "comment")
    return Meaning{};
  if (match.name == "recent")
    return recent_match(match, context);
  if (match.name == "set")
    return set_match(match, context);
  if (match.name == "limit")
    return limit_match(match, context);
  const auto* function =
      std::ranges::find(kMatchReaders, match.name, [](const auto& pair) { return pair.first; });
  if (function != std::end(kMatchReaders))
    return function->second(match, context);
  if (find(match.options, "validmark") != nullptr)  // rpfilter by marks, which are set on the way
    return as_atom(match, Lasting::Never, context);
  const auto* atom =
      std::ranges::find(kAtoms, match.name, [](const auto& pair) { return pair.first; });
  return as_atom(match, atom == std::end(kAtoms) ? Lasting::Never : atom->second, context);
}

}  // namespace

Read<Meaning> meaning_of(const Module& match, const Context& context) {
  if (!match.strange.empty()) {
    Meaning meaning = atom_of(match, Lasting::Never, context);
    meaning.unknown = {match.strange};
    return meaning;
  }
  auto meaning = read_match(match, context);
  if (!meaning && meaning.error().opaque) {
    Meaning atom = atom_of(match, Lasting::OneTable, context);
    atom.unknown[0] += ", " + meaning.error().reason;
    return atom;
  }
  return meaning;
}

}  // namespace quay::xt
