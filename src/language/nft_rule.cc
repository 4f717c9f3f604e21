#include "language/nft_rule.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>

#include "language/nft_effect.h"
#include "language/nft_rule_state.h"
#include "language/nft_written.h"
#include "language/xt_info.h"
#include "language/xt_match.h"
#include "language/xt_target.h"

namespace quay::nft {
namespace {

using filter::Box;
using filter::Field;
using filter::Kind;
using filter::Number;
using filter::Test;
using Boxes = std::vector<Box>;
using Decision = filter::Verdict::Kind;

std::string hex(std::string_view bytes) {
  std::string text = "0x";
  for (const char byte : bytes)
    text += fmt::format("{:02x}", static_cast<std::uint8_t>(byte));
  return text;
}

// nullopt for codes that rules do not have.
std::optional<filter::Verdict> verdict_of(const Verdict& verdict) {
  switch (verdict.code) {
    case NFT_CONTINUE:
    case NFT_BREAK:
      return filter::Verdict{};
    case NFT_JUMP:
      return filter::Verdict{Decision::Jump, verdict.chain};
    case NFT_GOTO:
      return filter::Verdict{Decision::Goto, verdict.chain};
    case NFT_RETURN:
      return filter::Verdict{Decision::Return, {}};
    default:
      break;
  }
  if (verdict.code < 0)
    return std::nullopt;
  switch (static_cast<std::uint32_t>(verdict.code) & NF_VERDICT_MASK) {
    case NF_ACCEPT:
      return filter::Verdict{Decision::Accept, {}};
    case NF_DROP:
      return filter::Verdict{Decision::Drop, {}};
    case NF_QUEUE:
      return filter::Verdict{Decision::Queue, {}};
    default:
      return std::nullopt;
  }
}

// The key after or before another in memcmp's order; nullopt beyond the ends.
std::optional<Bytes> neighbour(Bytes key, bool after) {
  for (auto byte = key.rbegin(); byte != key.rend(); ++byte) {
    const auto value = static_cast<std::uint8_t>(*byte);
    *byte = static_cast<char>(static_cast<std::uint8_t>(after ? value + 1 : value - 1));
    if (value != (after ? 0xff : 0))
      return key;
  }
  return std::nullopt;
}

// Rules may change these on the way.
bool may_change(const Boxes& boxes) {
  return std::ranges::any_of(boxes, [](const Box& box) {
    return std::ranges::any_of(box, [](const filter::Values& values) {
      const Kind kind = values.field.kind;
      return kind == Kind::Mark || kind == Kind::State || kind == Kind::Other;
    });
  });
}

std::optional<Family> xt_family(filter::TableFamily table) {
  if (table == filter::TableFamily::Ip)
    return Family::V4;
  if (table == filter::TableFamily::Ip6)
    return Family::V6;
  return std::nullopt;
}

bool goes_elsewhere(const filter::Verdict& verdict) {
  return verdict.kind == Decision::Jump;
}

bool is_neutral(const Expression& expression) {
  return std::holds_alternative<Counter>(expression) || std::holds_alternative<Last>(expression) ||
         std::holds_alternative<Log>(expression) || std::holds_alternative<Duplicate>(expression);
}

class RuleReader {
 public:
  RuleReader(const Rule& rule, const Surroundings& around) : state_(rule, around) {}

  std::vector<filter::Rule> read(const Rule& rule) {
    for (const Expression& expression : rule.expressions) {
      if (!state_.decided())
        std::visit(*this, expression);
      else if (goes_on_ && !is_neutral(expression))
        state_.decide_unknown("expressions behind a map with `continue`");
    }
    return state_.finish();
  }

  void operator()(const Payload& load) { state_.load(load); }
  void operator()(const Meta& load) { state_.load(load); }
  void operator()(const Conntrack& load) { state_.load(load); }
  void operator()(const Route& load) { state_.load(load); }
  void operator()(const Fib& load) { state_.load(load); }
  void operator()(const Socket& load) { state_.load(load); }
  void operator()(const ExtensionHeader& load) { state_.load(load); }
  void operator()(const Computed& load) {
    if (!load.from)
      return state_.load_nothing(load.to, load.what, load.length, load.random);
    const Key from = whole_key(*load.from, load.from_length);
    state_.load_nothing(load.to, load.what + " of " + from.text, load.length, from.unsteady);
  }
  void operator()(const Immediate& immediate);
  void operator()(const Bitwise& bitwise) {
    if (!state_.change(bitwise))
      state_.decide_unknown("expression bitwise, a value");
  }
  void operator()(const Shift& shift) {
    if (!state_.change(shift))
      state_.decide_unknown("expression bitwise, a shift");
  }
  void operator()(const Byteorder& order) {
    if (!state_.change(order))
      state_.decide_unknown("expression byteorder, a value");
  }
  void operator()(const Compare& compare);
  void operator()(const Range& range) {
    if (range.operation > NFT_RANGE_NEQ)
      return state_.decide_unknown("expression range, an operation");
    between(range.from, range.first, range.last, range.operation == NFT_RANGE_NEQ);
  }
  void operator()(const Lookup& lookup);

  // What only counts, tells or copies.
  void operator()(const Counter&) {}
  void operator()(const Last&) {}
  void operator()(const Log&) {}
  void operator()(const Duplicate&) {}

  void operator()(const Limit& limit) { state_.ask_stateful(to_text(limit)); }
  void operator()(const Quota& quota) { state_.ask_stateful(to_text(quota)); }
  void operator()(const ConnectionLimit& limit) { state_.ask_stateful(to_text(limit)); }
  void operator()(const DynamicSet& dynset);
  void operator()(const ObjectReference& reference);
  void operator()(const ObjectLookup& lookup);
  // The flow's later packets take another way; what follows here is for flows that cannot.
  void operator()(const Offload& offload) { state_.ask_stateful("flow add @" + offload.flowtable); }

  void operator()(const MetaWrite& write) {
    if (auto field = written_by(write)) {
      const int bits = filter::width(*field, Family::V4);
      state_.assign_machine(std::move(*field), bits, write.from);
    }
  }
  void operator()(const ConntrackWrite& write) {
    if (auto field = written_by(write)) {
      const int bits = field->bits;
      state_.assign_machine(std::move(*field), bits, write.from);
    }
  }
  void operator()(const PayloadWrite& write) { state_.assign_header(write); }
  void operator()(const ExtensionHeaderWrite& write) {
    constexpr std::uint8_t maxseg = 2;
    // The size of segments is changed for the neighbour; other options are not looked at here.
    if (write.operation == NFT_EXTHDR_OP_TCPOPT && write.type == maxseg)
      return state_.assign(segment_size(), std::nullopt);
    state_.decide_unknown("expression exthdr, a change");
  }
  void operator()(const Notrack&) { state_.untrack(); }

  void operator()(const Reject&) { state_.decide({.kind = Decision::Reject}); }
  void operator()(const Queue&) { state_.decide({.kind = Decision::Queue}); }
  void operator()(const Translation& translation);
  void operator()(const TransparentProxy&) { state_.decide_unknown("expression tproxy"); }
  void operator()(const SynProxy&) { state_.decide_unknown("expression synproxy"); }
  void operator()(const Forward&) { state_.decide_unknown("expression fwd"); }
  void operator()(const XtMatch& match);
  void operator()(const XtTarget& target);
  void operator()(const Unknown& unknown) { state_.decide_unknown(unknown.what); }

 private:
  Key whole_key(Register from, std::size_t bytes) const {
    const std::array parts{KeyPart{0, std::min<std::size_t>(bytes, 64)}};
    return state_.key(from, parts);
  }
  xt::Context xt_context() const;
  void between(Register from, const Bytes& first, const Bytes& last, bool inverted);
  // Every key of a set; nullopt: not expressible.
  std::optional<Boxes> keys_of(const SetContent& content, const Key& key) const;
  void look_up_verdict(const SetContent& content, const Key& key, const std::string& text);
  void effect(const Effect& effect, const std::string& name);

  RuleState state_;
  bool goes_on_ = false;  // after a map, for some packets
};

void RuleReader::operator()(const Immediate& immediate) {
  const auto* verdict = std::get_if<Verdict>(&immediate.data);
  if (verdict == nullptr)
    return state_.load_constant(immediate.to.value_or(0), std::get<Bytes>(immediate.data));
  auto decision = verdict_of(*verdict);
  if (!decision)
    return state_.decide_unknown(fmt::format("verdict {}", verdict->code));
  // `continue` is what happens anyhow.
  if (verdict->code != NFT_CONTINUE)
    state_.decide(std::move(*decision));
}

void RuleReader::between(Register from, const Bytes& first, const Bytes& last, bool inverted) {
  const Key key = whole_key(from, first.size());
  auto boxes = state_.boxes(key, first, last);
  if (boxes)
    return state_.ask(Test{std::move(*boxes), inverted});
  const std::string what = first == last ? hex(first) : hex(first) + "-" + hex(last);
  std::string text = fmt::format("{} {}", key.text, what);
  if (first == last && key.readings.size() == 1)
    text = state_.masked_text_of(key, first).value_or(text);
  state_.ask_unknown(key, std::move(text), inverted);
}

void RuleReader::operator()(const Compare& compare) {
  if (compare.value.empty() || compare.value.size() > 64 || compare.operation > NFT_CMP_GTE)
    return state_.decide_unknown("expression cmp, a value");
  const Bytes least(compare.value.size(), '\0');
  const Bytes most(compare.value.size(), '\xff');
  const Bytes& value = compare.value;
  const auto none = [this] { state_.ask(Test{}); };
  switch (compare.operation) {
    case NFT_CMP_LT: {
      const auto last = neighbour(value, false);
      return last ? between(compare.from, least, *last, false) : none();
    }
    case NFT_CMP_LTE:
      return between(compare.from, least, value, false);
    case NFT_CMP_GT: {
      const auto first = neighbour(value, true);
      return first ? between(compare.from, *first, most, false) : none();
    }
    case NFT_CMP_GTE:
      return between(compare.from, value, most, false);
    default:
      return between(compare.from, value, value, compare.operation == NFT_CMP_NEQ);
  }
}

std::optional<Boxes> RuleReader::keys_of(const SetContent& content, const Key& key) const {
  Boxes all;
  for (const Entry& entry : content.entries) {
    auto boxes = state_.boxes(key, entry.first, entry.last);
    if (!boxes)
      return std::nullopt;
    std::ranges::move(*boxes, std::back_inserter(all));
  }
  join_boxes(all);
  return all;
}

void RuleReader::operator()(const Lookup& lookup) {
  const SetContent* content = state_.around().sets.find(lookup.set);
  if (content == nullptr)
    return state_.decide_unknown(fmt::format("set {}, which is not there", lookup.set));
  const Key key = state_.key(lookup.from, content->parts);
  const std::string text = fmt::format("{} @{}", key.text, lookup.set);
  if (lookup.to_verdict)
    return look_up_verdict(*content, key, text);
  const auto keys =
      content->unknown.empty() && !content->changes ? keys_of(*content, key) : std::nullopt;
  if (content->others != nullptr && !content->changes)
    state_.ask(Test{{{}}, lookup.inverted});
  else if (content->changes)
    state_.ask_stateful(text, lookup.inverted);
  else if (keys)
    state_.ask(Test{*keys, lookup.inverted});
  else
    state_.ask_unknown(key, text, lookup.inverted);
  if (lookup.to)
    state_.load_nothing(*lookup.to, text, 64 - *lookup.to * std::size_t{4},
                        content->changes || key.unsteady);
}

namespace {

// Verdicts by what they are, each with its keys.
using Groups = std::vector<std::pair<filter::Verdict, Boxes>>;

Boxes& group_of(Groups& groups, const filter::Verdict& verdict) {
  const auto known = std::ranges::find(groups, verdict, &Groups::value_type::first);
  if (known != groups.end())
    return known->second;
  return groups.emplace_back(verdict, Boxes()).second;
}

std::optional<filter::Verdict> verdict_in(const Element& element) {
  const auto* verdict = element.data ? std::get_if<Verdict>(&*element.data) : nullptr;
  return verdict == nullptr ? std::nullopt : verdict_of(*verdict);
}

// "continue", in a map, is to go on with the rule itself.
bool goes_on(const Element& element) {
  const auto* verdict = element.data ? std::get_if<Verdict>(&*element.data) : nullptr;
  return verdict != nullptr && verdict->code == NFT_CONTINUE;
}

}  // namespace

void RuleReader::look_up_verdict(const SetContent& content, const Key& key,
                                 const std::string& text) {
  if (content.changes || !content.unknown.empty())
    return state_.decide_unknown(text);
  Groups groups;
  Boxes all;
  for (const Entry& entry : content.entries) {
    const auto boxes = state_.boxes(key, entry.first, entry.last);
    const auto verdict = verdict_in(*entry.element);
    goes_on_ = goes_on_ || goes_on(*entry.element);
    if (!boxes || !verdict)
      return state_.decide_unknown(text);
    std::ranges::copy(*boxes, std::back_inserter(group_of(groups, *verdict)));
    if (content.others != nullptr)
      std::ranges::copy(*boxes, std::back_inserter(all));
  }
  if (content.others != nullptr) {
    const auto others = verdict_in(*content.others);
    goes_on_ = goes_on_ || goes_on(*content.others);
    const bool elsewhere =
        std::ranges::any_of(groups, [](const auto& group) { return goes_elsewhere(group.first); });
    // What comes back from a chain as another packet would be asked for a second time.
    if (!others || (may_change(all) && (elsewhere || goes_elsewhere(*others))))
      return state_.decide_unknown(text);
    join_boxes(all);
    state_.decide_where(Test{std::move(all), true}, *others);
  }
  filter::VerdictMap map;
  for (auto& [verdict, boxes] : groups) {
    join_boxes(boxes);
    for (Box& box : boxes)
      map.emplace_back(std::move(box), verdict);
  }
  state_.decide(std::move(map));
}

void RuleReader::operator()(const DynamicSet& dynset) {
  if (dynset.operation == NFT_DYNSET_OP_DELETE)
    return;
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
    case NFT_OBJECT_CT_EXPECT:
    case NFT_OBJECT_SECMARK:
    case NFT_OBJECT_TUNNEL:
      return;
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

void RuleReader::operator()(const Translation& translation) {
  const auto number = [this](Register from, std::size_t bytes) -> std::optional<Number> {
    const auto constant = state_.constant(from, bytes);
    if (!constant)
      return std::nullopt;
    Number value = 0;
    for (const char byte : *constant)
      value = value << 8 | static_cast<std::uint8_t>(byte);
    return value;
  };
  // One value, when there is one.
  const auto fixed = [&](std::optional<Register> first, std::optional<Register> last,
                         std::size_t bytes) -> std::optional<Number> {
    const auto value = first ? number(*first, bytes) : std::nullopt;
    if (last && number(*last, bytes) != value)
      return std::nullopt;
    return value;
  };
  constexpr std::uint32_t plain = NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED;
  const bool exact = (translation.flags & ~plain) == 0;
  if (translation.family == NFPROTO_IPV4 || translation.family == NFPROTO_IPV6)
    state_.ask_family(translation.family == NFPROTO_IPV4 ? Family::V4 : Family::V6);
  const std::size_t width = translation.family == NFPROTO_IPV6 ? 16 : 4;
  switch (translation.kind) {
    case Translation::Kind::Source:
    case Translation::Kind::Masquerade:  // ports may change as well, where they are taken
      state_.assign({.kind = Kind::Source}, std::nullopt);
      state_.assign({.kind = Kind::SourcePort}, std::nullopt);
      break;
    case Translation::Kind::Redirect:  // to an address of the host's own
      state_.assign({.kind = Kind::Destination}, std::nullopt);
      break;
    case Translation::Kind::Destination:
      if (translation.address) {
        const auto address = fixed(translation.address, translation.last_address, width);
        state_.assign({.kind = Kind::Destination}, exact ? address : std::nullopt);
      }
      break;
  }
  const bool destination = translation.kind == Translation::Kind::Destination ||
                           translation.kind == Translation::Kind::Redirect;
  if (destination && translation.port) {
    const auto port = fixed(translation.port, translation.last_port, 2);
    state_.assign({.kind = Kind::DestinationPort}, exact ? port : std::nullopt);
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

}  // namespace

std::vector<filter::Rule> read_rule(const Rule& rule, const Surroundings& around) {
  return RuleReader(rule, around).read(rule);
}

}  // namespace quay::nft
