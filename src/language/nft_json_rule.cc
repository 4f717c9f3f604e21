#include "language/nft_json_rule.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "language/nft_json_effect.h"
#include "language/nft_json_losses.h"
#include "language/nft_json_match.h"
#include "language/nft_json_text.h"
#include "language/nft_json_verdict.h"
#include "model/packet.h"

namespace quay::nft_json {
namespace {

using filter::Assign;
using filter::Condition;
using filter::Kind;
using filter::Rule;
using filter::TableFamily;
using filter::Values;

bool one_of(std::string_view tag, std::initializer_list<std::string_view> tags) {
  return std::ranges::find(tags, tag) != tags.end();
}

class RuleReader {
 public:
  RuleReader(const Context& context, const std::string& place) : context_(context), place_(place) {}

  void read(const Json& statement);
  std::vector<Rule> take();

 private:
  bool read_condition(std::string_view tag, const Json& statement, const Json& value);
  bool read_effect(std::string_view tag, const Json& value);
  bool read_end(std::string_view tag, const Json& statement, const Json& value);
  void read_reject(const Json& value);
  void read_update(const Json& statement, const Json& value);
  void read_xt(const Json& statement, const Json& value);
  void not_tracked();
  void require(Meaning meaning);
  void assign(std::vector<Assign> assigns);
  void unknown(std::string what);
  void follow_itself();
  void forget(const filter::Field& field);

  const Context& context_;
  const std::string& place_;
  std::vector<Rule> earlier_;  // what the rule has changed before it matches again
  Rule rule_;
};

// The rest of the rule is a rule of its own: conditions come before assignments.
void RuleReader::follow_itself() {
  earlier_.push_back(rule_);
  for (const Assign& one : rule_.assigns)
    forget(one.field);
  rule_.assigns.clear();
}

// What the rule asked of a field that it has changed since cannot be asked again.
void RuleReader::forget(const filter::Field& field) {
  for (Condition& condition : rule_.conditions) {
    if (!asks_for(condition, field))
      continue;
    Meaning again = stateful("what the rule matched before it changed it");
    condition = std::move(again.conditions.front());
    rule_.unknown.push_back(std::move(again.unknown.front()));
  }
}

void RuleReader::require(Meaning meaning) {
  if (!rule_.assigns.empty() && !meaning.conditions.empty())
    follow_itself();
  for (Condition& condition : meaning.conditions) {
    const bool test = std::holds_alternative<filter::Test>(condition);
    if (!test || std::ranges::find(rule_.conditions, condition) == rule_.conditions.end())
      rule_.conditions.push_back(std::move(condition));
  }
  std::ranges::move(meaning.unknown, std::back_inserter(rule_.unknown));
}

void RuleReader::assign(std::vector<Assign> assigns) {
  std::ranges::move(assigns, std::back_inserter(rule_.assigns));
}

void RuleReader::unknown(std::string what) {
  rule_.verdict = {.kind = filter::Verdict::Kind::Unknown, .chain = {}};
  rule_.map.reset();
  rule_.unknown.push_back(std::move(what));
}

void RuleReader::read_reject(const Json& value) {
  const std::string_view type = text_member(value, "type");
  Question needs;
  if (type == "tcp reset")
    needs.implied.push_back(values_of(Kind::Protocol, 6));
  const bool both = context_.family != TableFamily::Ip && context_.family != TableFamily::Ip6;
  if (both && (type == "icmp" || type == "icmpv6"))
    needs.implied.push_back(values_of(Kind::Family, type == "icmp" ? 0 : 1));
  require({.conditions = implied_conditions(needs.implied), .unknown = {}});
  rule_.verdict = {
      .kind = filter::Verdict::Kind::Reject, .chain = {}, .with = boost::json::serialize(value)};
}

// The kernel breaks off when the set is full, or when a limit of the element says so.
void RuleReader::read_update(const Json& statement, const Json& value) {
  for (const std::string_view name : {"elem", "key", "data"}) {
    const Json* read = member(value, name);
    const auto key = read == nullptr ? std::nullopt : key_of(bare(*read), context_.family);
    if (key)
      require({.conditions = implied_conditions(implied(*key)), .unknown = {}});
  }
  require(stateful(statement_text(statement)));
  std::string_view name = text_member(value, member(value, "map") != nullptr ? "map" : "set");
  name.remove_prefix(name.starts_with('@') ? 1 : 0);
  assign({{filter::elements_of(std::string(name)), std::nullopt}});
}

// What is iptables' own stands in JSON without its parameters.
void RuleReader::read_xt(const Json& statement, const Json& value) {
  const std::string_view type = text_member(value, "type");
  if (type == "match" && text_member(value, "name") == "comment")
    return;
  const std::string text = fmt::format("{} (parameters not shown by nft) at {}, {}",
                                       statement_text(statement), place_, rule_.unknown.size() + 1);
  Meaning hidden = stateful(text);
  std::get<filter::Atom>(hidden.conditions.front()).elsewhere = filter::Atom::Elsewhere::Other;
  require(std::move(hidden));
  if (type != "match")
    unknown(statement_text(statement));
}

// Packets that conntrack knows already stay as they are; those that it has found invalid it does
// not know. Those that the host sends to itself have met it when they come in.
void RuleReader::not_tracked() {
  const filter::Field state{.kind = Kind::State, .name = {}};
  if (!context_.reached.before_conntrack) {
    const auto invalid = static_cast<filter::Number>(State::Invalid);
    Values unknown_flow{.field = state, .numbers = filter::Numbers({{invalid, invalid}})};
    Rule late = rule_;
    late.conditions.emplace_back(filter::Test{.boxes = {{std::move(unknown_flow)}}});
    late.assigns.push_back({state, static_cast<filter::Number>(State::Untracked)});
    earlier_.push_back(std::move(late));
    return forget(state);
  }
  if (context_.reached.after_conntrack)
    return assign({{state, std::nullopt}});
  Values loopback{.field = {.kind = Kind::InInterface}, .numbers = {}, .names = {"lo"}};
  Rule own = rule_;
  own.conditions.emplace_back(filter::Test{.boxes = {{loopback}}});
  own.assigns.push_back({state, std::nullopt});
  earlier_.push_back(std::move(own));
  Rule others = rule_;
  others.conditions.emplace_back(filter::Test{.boxes = {{std::move(loopback)}}, .inverted = true});
  others.assigns.push_back({state, static_cast<filter::Number>(State::Untracked)});
  earlier_.push_back(std::move(others));
  forget(state);
}

bool RuleReader::read_condition(std::string_view tag, const Json& statement, const Json& value) {
  if (tag == "match")
    require(meaning_of_match(value, context_));
  else if (one_of(tag, {"limit", "quota", "ct count", "flow", "ct expectation", "tproxy"})) {
    Meaning asked = stateful(statement_text(statement));
    // What an object of that name limits is not told here.
    if (value.is_string() || member(value, "map") != nullptr)
      std::get<filter::Atom>(asked.conditions.front()).elsewhere = filter::Atom::Elsewhere::Other;
    require(std::move(asked));
  } else if (one_of(tag, {"set", "map", "meter"}))
    read_update(statement, value);
  else if (tag == "xt")
    read_xt(statement, value);
  else
    return false;
  return true;
}

bool RuleReader::read_effect(std::string_view tag, const Json& value) {
  if (tag == "notrack") {
    not_tracked();
  } else if (tag == "mangle") {
    auto effect = mangling(value, context_);
    if (!effect)
      return false;
    require(std::move(effect->needs));
    assign(std::move(effect->assigns));
  } else if (one_of(tag, {"snat", "dnat", "masquerade", "redirect"})) {
    Effect effect = translation(tag, value, context_);
    require(std::move(effect.needs));
    assign(std::move(effect.assigns));
    rule_.verdict.kind = filter::Verdict::Kind::Accept;
  } else if (tag == "reset") {
    require(stateful("reset " + expression_text(value)));
    if (const auto question = question_of(value, context_.family))
      assign({{question->field, std::nullopt}});
  } else {
    return false;
  }
  return true;
}

bool RuleReader::read_end(std::string_view tag, const Json& statement, const Json& value) {
  if (tag == "reject") {
    read_reject(value);
  } else if (tag == "queue") {
    rule_.verdict.kind = filter::Verdict::Kind::Queue;
  } else if (tag == "vmap") {
    auto choice = verdict_choice(value, context_);
    require(std::move(choice.needs));
    rule_.map = std::move(choice.map);
    if (!rule_.map)
      unknown(statement_text(statement, context_.sets));
  } else if (auto verdict = verdict_of(statement)) {
    rule_.verdict = *std::move(verdict);
  } else {
    return false;
  }
  return true;
}

void RuleReader::read(const Json& statement) {
  const auto [tag, value] = tagged(statement);
  const bool neutral = one_of(
      tag, {"counter", "log", "last", "comment", "dup", "ct helper", "ct timeout", "secmark"});
  if (neutral && member(*value, "map") == nullptr)
    return;
  if (rule_.verdict.kind == filter::Verdict::Kind::Unknown)
    return;
  const bool ended = rule_.map || rule_.verdict.kind != filter::Verdict::Kind::Continue;
  if (ended)
    return unknown("after the verdict: " + statement_text(statement));
  if (neutral)  // an object for each of some keys: other packets go no further
    return require(map_needs(*member(*value, "map"), context_));
  if (tag.empty() || (!read_condition(tag, statement, *value) && !read_effect(tag, *value) &&
                      !read_end(tag, statement, *value)))
    unknown(statement_text(statement));
}

std::vector<Rule> RuleReader::take() {
  const bool idle =
      rule_.verdict.kind == filter::Verdict::Kind::Continue && !rule_.map && rule_.assigns.empty();
  if (idle) {  // whether it matches changes nothing
    std::erase_if(rule_.conditions, [](const Condition& condition) {
      return std::holds_alternative<filter::Atom>(condition);
    });
    rule_.unknown.clear();
  }
  if (!idle || earlier_.empty())
    earlier_.push_back(std::move(rule_));
  for (Rule& rule : earlier_)
    rule = settled(std::move(rule));
  return std::move(earlier_);
}

std::string rule_text(const Json& statements) {
  std::string text;
  if (const auto* array = statements.if_array())
    for (const Json& statement : *array) {
      const std::string one = statement_text(statement);
      text.append(text.empty() || one.empty() ? "" : " ").append(one);
    }
  return text;
}

}  // namespace

std::vector<Rule> rules_of(const Json& rule, const Context& context, const std::string& place) {
  RuleReader reader(context, place);
  const Json* statements = member(rule, "expr");
  if (const auto* array = statements == nullptr ? nullptr : statements->if_array())
    for (const Json& statement : *array)
      reader.read(statement);
  std::vector<Rule> rules = reader.take();
  std::string text = statements == nullptr ? std::string() : rule_text(*statements);
  if (const std::string_view comment = text_member(rule, "comment"); !comment.empty())
    text += fmt::format(" comment \"{}\"", comment);
  for (Rule& one : rules) {
    one.place = place;
    one.text = text;
  }
  return rules;
}

}  // namespace quay::nft_json
