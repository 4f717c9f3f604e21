// What rules do with packets, and what they ask for besides the packet's bytes.
#include <utility>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>

#include "language/nft_rule_reader.h"
#include "language/xt_info.h"
#include "language/xt_match.h"
#include "language/xt_target.h"

namespace quay::nft {

using filter::Kind;
using filter::Number;
using Decision = filter::Verdict::Kind;

namespace {

std::optional<Family> xt_family(filter::TableFamily table) {
  if (table == filter::TableFamily::Ip)
    return Family::V4;
  if (table == filter::TableFamily::Ip6)
    return Family::V6;
  return std::nullopt;
}

}  // namespace

void RuleReader::operator()(const DynamicSet& dynset) {
  if (dynset.operation == NFT_DYNSET_OP_DELETE)
    return state_.assign(filter::elements_of(dynset.set), std::nullopt);
  const SetContent* set = state_.around().sets.find(dynset.set);
  const std::string key =
      set == nullptr ? "a key" : whole_key(dynset.key, set->set->key_length).text;
  std::string effects;
  for (const Effect& one : dynset.effects)
    effects += " " + to_text(one);
  // No match when there is no room, and when the element's own limit says no.
  state_.ask_stateful(
      fmt::format("{} @{} {{ {}{} }}", dynset.operation == NFT_DYNSET_OP_ADD ? "add" : "update",
                  dynset.set, key, effects),
      dynset.inverted);
  state_.assign(filter::elements_of(dynset.set), std::nullopt);
}

void RuleReader::effect(const Effect& effect, const std::string& name) {
  if (std::holds_alternative<Counter>(effect) || std::holds_alternative<Last>(effect))
    return;
  if (std::holds_alternative<Unknown>(effect))
    return state_.decide_unknown(name);
  state_.ask_stateful(fmt::format("{} ({})", name, to_text(effect)));
}

void RuleReader::operator()(const ObjectReference& reference) {
  const std::string name = fmt::format("object {} of type {}", reference.name, reference.type);
  switch (reference.type) {
    case NFT_OBJECT_COUNTER:
    case NFT_OBJECT_CT_HELPER:
    case NFT_OBJECT_CT_TIMEOUT:
    case NFT_OBJECT_SECMARK:
    case NFT_OBJECT_TUNNEL:
      return;
    case NFT_OBJECT_CT_EXPECT:  // breaks off where the flow cannot expect another
      return state_.ask_stateful(name);
    case NFT_OBJECT_QUOTA:
    case NFT_OBJECT_LIMIT:
    case NFT_OBJECT_CONNLIMIT: {
      const auto object = state_.around().objects.find(reference.name);
      if (object != state_.around().objects.end())
        return effect(object->second->effect, name);
      return state_.ask_stateful(name);
    }
    default:
      state_.decide_unknown(name);
  }
}

void RuleReader::operator()(const ObjectLookup& lookup) {
  const SetContent* content = state_.around().sets.find(lookup.set);
  if (content == nullptr)
    return state_.decide_unknown(fmt::format("set {}, which is not there", lookup.set));
  const Key key = state_.key(lookup.from, content->parts);
  const std::string text = fmt::format("object of {} @{}", key.text, lookup.set);
  switch (content->set->object_type) {
    case NFT_OBJECT_COUNTER:
    case NFT_OBJECT_QUOTA:
    case NFT_OBJECT_LIMIT:
    case NFT_OBJECT_CONNLIMIT:
    case NFT_OBJECT_CT_HELPER:
    case NFT_OBJECT_CT_TIMEOUT:
    case NFT_OBJECT_CT_EXPECT:
    case NFT_OBJECT_SECMARK:
    case NFT_OBJECT_TUNNEL:
      // No match for keys that have none, nor where the object says no.
      return state_.ask_stateful(text);
    default:
      state_.decide_unknown(text);
  }
}

namespace {

// A register's number, when it is one: the first and, if there is one, the last of a range.
std::optional<Number> fixed(const RuleState& state, std::optional<Register> first,
                            std::optional<Register> last, std::size_t bytes) {
  const auto value = first ? state.constant(*first, bytes) : std::nullopt;
  if (!value || (last && state.constant(*last, bytes) != value))
    return std::nullopt;
  Number number = 0;
  for (const char byte : *value)
    number = number << 8 | static_cast<std::uint8_t>(byte);
  return number;
}

}  // namespace

void RuleReader::translate_destination(const Translation& translation) {
  constexpr std::uint32_t plain = NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED;
  const bool exact = (translation.flags & ~plain) == 0;
  const std::size_t width = translation.family == NFPROTO_IPV6 ? 16 : 4;
  const auto address = fixed(state_, translation.address, translation.last_address, width);
  const auto port = fixed(state_, translation.port, translation.last_port, 2);
  // `redirect` is to an address of the host's own.
  if (translation.address || translation.kind == Translation::Kind::Redirect)
    state_.assign({.kind = Kind::Destination}, exact ? address : std::nullopt);
  if (translation.port)
    state_.assign({.kind = Kind::DestinationPort}, exact ? port : std::nullopt);
}

// In tables of both families, addresses are of one: the rule is not there for packets of the other.
void RuleReader::operator()(const Translation& translation) {
  if (translation.family == NFPROTO_IPV4 || translation.family == NFPROTO_IPV6)
    state_.ask_family(translation.family == NFPROTO_IPV4 ? Family::V4 : Family::V6);
  state_.assign({.kind = Kind::Other, .name = "ct status", .bits = 32}, std::nullopt);
  const bool destination = translation.kind == Translation::Kind::Destination ||
                           translation.kind == Translation::Kind::Redirect;
  state_.assign(filter::translated(destination), 1);
  if (destination) {
    translate_destination(translation);
  } else {  // ports may change as well, where they are taken
    state_.assign({.kind = Kind::Source}, std::nullopt);
    state_.assign({.kind = Kind::SourcePort}, std::nullopt);
  }
  state_.decide({.kind = Decision::Accept});
}

// iptables' own matches and targets stand in tables of one family alone.
xt::Context RuleReader::xt_context() const {
  static const PortNames no_names;
  const auto protocol = state_.protocol();
  return {.family = xt_family(state_.around().family).value_or(Family::V4),
          .table = state_.around().table,
          .protocol = protocol ? std::optional(static_cast<std::uint8_t>(*protocol)) : std::nullopt,
          .ports = &no_names,
          .changing_sets = &state_.around().written.ipsets};
}

void RuleReader::operator()(const XtMatch& match) {
  const auto family = xt_family(state_.around().family);
  const xt::Module module = xt::module_of(match, family.value_or(Family::V4));
  auto meaning = xt::meaning_of(module, xt_context());
  if (!family || !meaning) {
    state_.unknown("match " + match.name);
    return state_.ask_stateful(xt::to_text(module));
  }
  for (filter::Assign& assign : meaning->assigns)
    state_.assign(std::move(assign.field), assign.value);
  for (std::string& what : meaning->unknown)
    state_.unknown(std::move(what));
  for (filter::Condition& condition : meaning->conditions)
    std::visit([this](auto& one) { state_.ask(std::move(one)); }, condition);
}

void RuleReader::operator()(const XtTarget& target) {
  const auto family = xt_family(state_.around().family);
  const xt::Module module = xt::module_of(target, family.value_or(Family::V4));
  auto outcome = xt::outcome_of(module, xt_context());
  if (!family || !outcome)
    return state_.decide_unknown("target " + target.name);
  for (std::string& what : outcome->unknown)
    state_.unknown(std::move(what));
  if (outcome->untracked)
    state_.untrack();
  for (filter::Assign& assign : outcome->assigns)
    state_.assign(std::move(assign.field), assign.value);
  if (outcome->verdict.kind != Decision::Continue)
    state_.decide(std::move(outcome->verdict));
}

}  // namespace quay::nft
