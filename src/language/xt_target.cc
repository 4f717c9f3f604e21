#include "language/xt_target.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "language/masked_numbers.h"
#include "language/xt_match.h"
#include "language/xt_nat_target.h"

namespace quay::xt {

using filter::Assign;
using filter::Kind;
using filter::Number;

namespace {

using TargetReader = Read<Outcome> (*)(const Module&, const Context&);

Outcome going_on(std::vector<Assign> assigns) {
  return {.verdict = {}, .assigns = std::move(assigns), .unknown = {}};
}

Outcome ending(filter::Verdict::Kind kind) {
  return {.verdict = {.kind = kind}, .assigns = {}, .unknown = {}};
}

std::string in_family(std::string_view name, const Context& context) {
  return fmt::format("{} {}", context.family == Family::V4 ? "ip" : "ip6", name);
}

constexpr std::uint32_t kAll = 0xffffffff;

// (old & ~mask) ^ value, or | value: known where every old bit goes.
std::optional<Number> marked(const Option& option, const Masked& read) {
  if (option.name == "set-xmark" && read.mask == kAll)
    return read.value;
  if (option.name == "set-mark" && (read.mask | read.value) == kAll)
    return read.value;
  if (option.name == "and-mark" && read.value == 0)
    return 0;
  if (option.name == "or-mark" && read.value == kAll)
    return kAll;
  return std::nullopt;
}

Read<Outcome> mark_target(const Module& target, const Context&) {
  const filter::Field mark = target.name == "MARK" ? field(Kind::Mark) : other_field("ct mark", 32);
  Outcome outcome;
  for (const Option& option : target.options) {
    if (option.name == "restore-mark")
      outcome.assigns.push_back({field(Kind::Mark), std::nullopt});
    else if (option.name == "save-mark")
      outcome.assigns.push_back({mark, std::nullopt});
    if (!option.name.ends_with("-mark") && option.name != "set-xmark")
      continue;
    if (option.values.empty() || option.name.find("shift") != std::string::npos)
      continue;
    const auto read = read_masked(option.values[0]);
    if (!read)
      return refuse(fmt::format("`{}` is not a mark", option.values[0]));
    outcome.assigns.push_back({mark, marked(option, *read)});
  }
  return outcome;
}

Read<Outcome> ct_target(const Module& target, const Context&) {
  Outcome outcome;
  outcome.untracked = target.name == "NOTRACK" || find(target.options, "notrack") != nullptr;
  for (const Option& option : target.options) {
    if (!option.name.starts_with("zone"))
      continue;
    const auto zone = parse_c_number(option.values[0], 65535);
    outcome.assigns.push_back({other_field("ct zone", 16), zone && option.name == "zone"
                                                               ? std::optional<Number>(*zone)
                                                               : std::nullopt});
  }
  return outcome;
}

// A part of the byte: unchanged, known or not.
void assign_part(Outcome& outcome, filter::Field part, std::uint32_t value, std::uint32_t mask,
                 std::uint32_t whole) {
  if (value == 0 && mask == 0)
    return;
  outcome.assigns.push_back(
      {std::move(part), mask == whole ? std::optional<Number>(value & whole) : std::nullopt});
}

Read<Outcome> tos_target(const Module& target, const Context& context) {
  Outcome outcome;
  Masked tos{0xff, 0};  // --and-tos and its like: all may change
  if (const Option* option = find(target.options, "set-tos")) {
    const auto read = read_tos(option->values[0]);
    if (!read)
      return std::unexpected(read.error());
    tos = *read;
  }
  assign_part(outcome, other_field(in_family("dscp", context), 6), tos.value >> 2, tos.mask >> 2,
              63);
  assign_part(outcome, other_field(in_family("ecn", context), 2), tos.value & 3, tos.mask & 3, 3);
  return outcome;
}

Read<Outcome> dscp_target(const Module& target, const Context& context) {
  const auto dscp = target.options.empty() || target.options[0].values.empty()
                        ? std::nullopt
                        : parse_dscp_class(target.options[0].values[0]);
  if (!dscp)
    return refuse("DSCP needs --set-dscp or --set-dscp-class");
  return going_on({{other_field(in_family("dscp", context), 6), *dscp}});
}

Read<Outcome> ttl_target(const Module& target, const Context&) {
  if (target.options.size() != 1)
    return refuse(fmt::format("{} takes one option", target.name));
  const auto number = parse_c_number(target.options[0].values[0], 255);
  if (!number)
    return refuse(fmt::format("`{}` is not a number from 0 to 255", target.options[0].values[0]));
  const bool set = target.options[0].name.ends_with("-set");
  return going_on(
      {{target.name == "TTL" ? other_field("ip ttl", 8) : other_field("ip6 hoplimit", 8),
        set ? std::optional<Number>(*number) : std::nullopt}});
}

Read<Outcome> classify_target(const Module& target, const Context&) {
  const Option* option = find(target.options, "set-class");
  const std::string text = option == nullptr ? "" : option->values[0];
  const std::size_t colon = text.find(':');
  const auto major = parse_c_number("0x" + text.substr(0, colon), 0xffff);
  const auto minor = colon == std::string::npos
                         ? std::nullopt
                         : parse_c_number("0x" + text.substr(colon + 1), 0xffff);
  if (!major || !minor)
    return refuse("CLASSIFY needs --set-class major:minor");
  return going_on({{other_field("meta priority", 32), *major << 16 | *minor}});
}

Read<Outcome> segment_target(const Module&, const Context&) {
  return going_on({{other_field("tcp option maxseg exists", 1), std::nullopt},
                   {other_field("tcp option maxseg size", 16), std::nullopt}});
}

Read<Outcome> ecn_target(const Module&, const Context&) {
  return going_on(
      {{field(Kind::TcpFlags), std::nullopt}, {other_field("ip ecn", 2), std::nullopt}});
}

Read<Outcome> hmark_target(const Module&, const Context&) {
  return going_on({{field(Kind::Mark), std::nullopt}});
}

Read<Outcome> set_target(const Module& target, const Context&) {
  std::vector<filter::Assign> assigns;
  for (const char* changes : {"add-set", "del-set"})
    if (const Option* option = find(target.options, changes))
      assigns.push_back({filter::elements_of(option->values[0]), std::nullopt});
  if (find(target.options, "map-set") != nullptr) {
    assigns.push_back({field(Kind::Mark), std::nullopt});
    assigns.push_back({other_field("meta priority", 32), std::nullopt});
  }
  return going_on(std::move(assigns));
}

constexpr std::pair<std::string_view, TargetReader> kTargetReaders[] = {
    {"CLASSIFY", classify_target},
    {"CONNMARK", mark_target},
    {"CT", ct_target},
    {"DNAT", dnat_target},
    {"DSCP", dscp_target},
    {"ECN", ecn_target},
    {"HL", ttl_target},
    {"HMARK", hmark_target},
    {"MARK", mark_target},
    {"MASQUERADE", snat_target},
    {"NETMAP", netmap_target},
    {"NOTRACK", ct_target},
    {"REDIRECT", dnat_target},
    {"SAME", snat_target},
    {"SET", set_target},
    {"SNAT", snat_target},
    {"TCPMSS", segment_target},
    {"TCPOPTSTRIP", segment_target},
    {"TOS", tos_target},
    {"TTL", ttl_target},
};

constexpr std::pair<std::string_view, filter::Verdict::Kind> kVerdicts[] = {
    {"ACCEPT", filter::Verdict::Kind::Accept}, {"DROP", filter::Verdict::Kind::Drop},
    {"NFQUEUE", filter::Verdict::Kind::Queue}, {"QUEUE", filter::Verdict::Kind::Queue},
    {"REJECT", filter::Verdict::Kind::Reject}, {"RETURN", filter::Verdict::Kind::Return},
};

// These leave the packet and its way as they are.
constexpr std::string_view kNeutral[] = {"AUDIT",   "CHECKSUM", "CONNSECMARK", "IDLETIMER",
                                         "LED",     "LOG",      "NFLOG",       "RATEEST",
                                         "SECMARK", "TEE",      "TRACE",       "ULOG"};

// What we have heard of, and do not model.
constexpr std::string_view kStrange[] = {
    "ACCOUNT",  "BALANCE", "CHAOS",       "CLUSTERIP", "DELUDE",  "DHCPMAC", "DNETMAP",
    "ECHO",     "DNPT",    "FLOWOFFLOAD", "IMQ",       "SNPT",    "IPMARK",  "LOGMARK",
    "MIRROR",   "NDPI",    "PROTO",       "RAWDNAT",   "RAWSNAT", "ROUTE",   "STEAL",
    "SYNPROXY", "SYSRQ",   "TARPIT",      "TPROXY",    "XOR"};

}  // namespace

bool is_target(std::string_view name) {
  const auto has = [&](const auto& pairs) {
    return std::ranges::find(pairs, name, [](const auto& pair) { return pair.first; }) !=
           std::end(pairs);
  };
  return has(kTargetReaders) || has(kVerdicts) ||
         std::ranges::find(kNeutral, name) != std::end(kNeutral) ||
         std::ranges::find(kStrange, name) != std::end(kStrange);
}

Read<Outcome> outcome_of(const Module& target, const Context& context) {
  if (std::ranges::find(kNeutral, target.name) != std::end(kNeutral))
    return Outcome{};
  const auto is_name = [&](const auto& pair) { return pair.first == target.name; };
  if (target.strange.empty()) {
    if (const auto* found = std::ranges::find_if(kTargetReaders, is_name);
        found != std::end(kTargetReaders))
      return found->second(target, context);
    if (const auto* found = std::ranges::find_if(kVerdicts, is_name);
        found != std::end(kVerdicts)) {
      Outcome outcome = ending(found->second);
      if (const Option* with = find(target.options, "reject-with"))
        outcome.verdict.with = with->values.front();
      return outcome;
    }
  }
  Outcome outcome = ending(filter::Verdict::Kind::Unknown);
  outcome.unknown.push_back(
      is_target(target.name) && !target.strange.empty() ? target.strange : "target " + target.name);
  return outcome;
}

}  // namespace quay::xt
