// Reads the expressions of one rule, one by one. For nft_rule.cc and nft_rule_actions.cc alone.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>

#include "language/nft_effect.h"
#include "language/nft_rule_state.h"
#include "language/nft_written.h"
#include "language/xt_meaning.h"

namespace quay::nft {

// What leaves packets and their way as they are.
inline bool is_neutral(const Expression& expression) {
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
    if (write.operation != NFT_EXTHDR_OP_TCPOPT || write.type != maxseg)
      return state_.decide_unknown("expression exthdr, a change");
    // nft_exthdr_tcp_set_eval(): the rule breaks off without TCP, and goes on without the option.
    state_.ask({.boxes = {{{.field = {.kind = filter::Kind::Protocol},
                            .numbers = filter::Numbers({{IPPROTO_TCP, IPPROTO_TCP}})}}}});
    state_.assign(segment_size(), std::nullopt);
  }
  void operator()(const Notrack&) { state_.untrack(); }

  void operator()(const Reject& reject) {
    state_.decide({.kind = filter::Verdict::Kind::Reject,
                   .chain = {},
                   .with = fmt::format("type {} code {}", reject.type, reject.code)});
  }
  void operator()(const Queue&) { state_.decide({.kind = filter::Verdict::Kind::Queue}); }
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
  std::optional<std::vector<filter::Box>> keys_of(const SetContent& content, const Key& key) const;
  void look_up_verdict(const SetContent& content, const Key& key, const std::string& text);
  void effect(const Effect& effect, const std::string& name);
  void translate_destination(const Translation& translation);

  RuleState state_;
  bool goes_on_ = false;  // after a map, for some packets
};

}  // namespace quay::nft
