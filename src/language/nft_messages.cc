#include "language/nft_messages.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "language/nft_attributes.h"
#include "language/nft_expressions.h"

namespace quay {
namespace {

// Attributes that are younger than this header.
constexpr int kSetType = 19;      // NFTA_SET_TYPE, Linux 6.15: how the set is stored
constexpr int kSetCount = 20;     // NFTA_SET_COUNT, Linux 6.16: how many elements it holds
constexpr int kDevicePrefix = 2;  // NFTA_DEVICE_PREFIX, Linux 6.16: of names

// The comment in what nft keeps beside a rule: pieces of a type, a length and bytes
// (libnftnl/udata.h: NFTNL_UDATA_RULE_COMMENT is type 0).
std::string comment_in(std::string_view userdata) {
  while (userdata.size() >= 2) {
    const auto type = static_cast<std::uint8_t>(userdata[0]);
    const auto size = static_cast<std::uint8_t>(userdata[1]);
    const std::string_view value = userdata.substr(2, size);
    if (type == 0)
      return std::string(value.substr(0, value.find('\0')));
    userdata.remove_prefix(std::min<std::size_t>(2U + size, userdata.size()));
  }
  return {};
}

// The devices of a chain: one alone in NFTA_HOOK_DEV, several in NFTA_HOOK_DEVS; the kernel tells
// one in both.
std::vector<std::string> devices_in(NftAttributes& hook) {
  std::vector<std::string> devices;
  if (std::string device = hook.text(NFTA_HOOK_DEV); !device.empty())
    devices.push_back(std::move(device));
  if (const auto list = hook.bytes(NFTA_HOOK_DEVS)) {
    NftAttributes names(*list);
    devices.clear();
    for (const std::string_view name : names.all(NFTA_DEVICE_NAME))
      devices.emplace_back(name.substr(0, name.find('\0')));
    for (const std::string_view prefix : names.all(kDevicePrefix))
      devices.push_back(std::string(prefix.substr(0, prefix.find('\0'))) + "*");
    if (names.rest())
      devices.emplace_back("*");
  }
  return devices;
}

// One or several effects, of a set or of an element.
void read_effects(NftAttributes& in, int one, int several, std::vector<nft::Effect>& effects) {
  if (const auto effect = in.bytes(one))
    effects.push_back(read_nft_effect(*effect));
  if (const auto list = in.bytes(several)) {
    NftAttributes all(*list);
    for (const std::string_view effect : all.all(NFTA_LIST_ELEM))
      effects.push_back(read_nft_effect(effect));
    if (const auto rest = all.rest())
      effects.emplace_back(nft::Unknown{*rest});
  }
}

void read_element(std::string_view bytes, nft::Set& set) {
  NftAttributes in(bytes);
  nft::Element element;
  element.flags = in.word(NFTA_SET_ELEM_FLAGS).value_or(0);
  const auto key = in.bytes(NFTA_SET_ELEM_KEY);
  const auto key_end = in.bytes(NFTA_SET_ELEM_KEY_END);
  const auto data = in.bytes(NFTA_SET_ELEM_DATA);
  element.key = read_nft_bytes(key).value_or(nft::Bytes());
  element.key_end = read_nft_bytes(key_end).value_or(nft::Bytes());
  if (data)
    element.data = read_nft_data(*data);
  element.object = in.text(NFTA_SET_ELEM_OBJREF);
  element.expires = in.bytes(NFTA_SET_ELEM_TIMEOUT).has_value();
  element.expires = in.bytes(NFTA_SET_ELEM_EXPIRATION).has_value() || element.expires;
  read_effects(in, NFTA_SET_ELEM_EXPR, NFTA_SET_ELEM_EXPRESSIONS, element.effects);
  in.ignore({NFTA_SET_ELEM_USERDATA, NFTA_SET_ELEM_PAD});
  const bool all = (element.flags & NFT_SET_ELEM_CATCHALL) != 0;
  constexpr std::uint32_t known = NFT_SET_ELEM_INTERVAL_END | NFT_SET_ELEM_CATCHALL;
  if ((element.key.empty() && !all) || (key_end && element.key_end.empty()) ||
      (data && !element.data) || (element.flags & ~known) != 0)
    set.unknown.emplace_back("an element's value");
  if (const auto rest = in.rest())
    set.unknown.push_back("an element, " + *rest);
  set.elements.push_back(std::move(element));
}

// The lengths of a concatenation's parts.
void read_parts(std::string_view bytes, nft::Set& set) {
  NftAttributes list(bytes);
  for (const std::string_view one : list.all(NFTA_LIST_ELEM)) {
    NftAttributes part(one);
    set.parts.push_back(part.word(NFTA_SET_FIELD_LEN).value_or(0));
    if (const auto rest = part.rest())
      set.unknown.push_back("a part, " + *rest);
  }
  if (const auto rest = list.rest())
    set.unknown.push_back("parts, " + *rest);
}

}  // namespace

NftMessages::NftMessages(nft::Ruleset& ruleset, bool others) : ruleset_(ruleset), others_(others) {
  for (std::size_t i = 0; i < ruleset_.tables.size(); ++i) {
    const nft::Table& table = ruleset_.tables[i];
    tables_.emplace(Key{table.family, table.name}, i);
    for (std::size_t j = 0; j < table.sets.size(); ++j)
      sets_.emplace(std::pair{i, table.sets[j].name}, j);
  }
}

bool NftMessages::read(std::string_view messages) {
  while (!messages.empty()) {
    nlmsghdr header{};
    if (messages.size() < sizeof header)
      return false;
    std::memcpy(&header, messages.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > messages.size())
      return false;
    if (header.nlmsg_type >= NLMSG_MIN_TYPE &&
        !read_message(header.nlmsg_type,
                      messages.substr(sizeof header, header.nlmsg_len - sizeof header)))
      return false;
    messages.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), messages.size()));
  }
  return true;
}

bool NftMessages::read_message(std::uint16_t type, std::string_view body) {
  nfgenmsg header{};
  if (NFNL_SUBSYS_ID(type) != NFNL_SUBSYS_NFTABLES || body.size() < sizeof header)
    return false;
  std::memcpy(&header, body.data(), sizeof header);
  body.remove_prefix(NLMSG_ALIGN(sizeof header));
  NftAttributes in(body);
  // Attribute 1 is the table's name in every message (NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, ...).
  Key key{header.nfgen_family, in.text(NFTA_TABLE_NAME)};
  auto found = tables_.find(key);
  if (found == tables_.end()) {
    if (!others_)
      return true;
    ruleset_.tables.push_back({.family = key.first, .name = key.second});
    found = tables_.emplace(std::move(key), ruleset_.tables.size() - 1).first;
  }
  at_ = found->second;
  table_ = &ruleset_.tables[at_];
  switch (NFNL_MSG_TYPE(type)) {
    case NFT_MSG_NEWTABLE:
      read_table(in);
      break;
    case NFT_MSG_NEWCHAIN:
      read_chain(in);
      break;
    case NFT_MSG_NEWRULE:
      read_rule(in);
      break;
    case NFT_MSG_NEWSET:
      read_set(in);
      break;
    case NFT_MSG_NEWSETELEM:
      read_elements(in);
      break;
    case NFT_MSG_NEWOBJ:
      read_object(in);
      break;
    case NFT_MSG_NEWFLOWTABLE:
      read_flowtable(in);
      break;
    default:
      table_->unknown.push_back(fmt::format("message {}", NFNL_MSG_TYPE(type)));
  }
  return true;
}

void NftMessages::finish(const NftAttributes& in, std::string_view what, std::string_view name) {
  if (const auto rest = in.rest())
    unknown(what, name, *rest);
}

void NftMessages::unknown(std::string_view what, std::string_view name, std::string_view why) {
  table_->unknown.push_back(fmt::format("{} {}, {}", what, name, why));
}

void NftMessages::read_table(NftAttributes& in) {
  table_->flags = in.word(NFTA_TABLE_FLAGS).value_or(0);
  in.ignore(
      {NFTA_TABLE_USE, NFTA_TABLE_HANDLE, NFTA_TABLE_PAD, NFTA_TABLE_USERDATA, NFTA_TABLE_OWNER});
  finish(in, "table", table_->name);
}

void NftMessages::read_chain(NftAttributes& in) {
  nft::Chain chain{.name = in.text(NFTA_CHAIN_NAME), .hook = std::nullopt};
  const auto policy = in.word(NFTA_CHAIN_POLICY);
  const std::string type = in.text(NFTA_CHAIN_TYPE);
  chain.flags = in.word(NFTA_CHAIN_FLAGS).value_or(0);
  if (const auto hook = in.bytes(NFTA_CHAIN_HOOK)) {
    NftAttributes fields(*hook);
    chain.hook = nft::Hook{
        .type = type,
        .number = fields.word(NFTA_HOOK_HOOKNUM).value_or(0),
        .priority = static_cast<std::int32_t>(fields.word(NFTA_HOOK_PRIORITY).value_or(0)),
        .policy = policy.value_or(NF_ACCEPT),
        .devices = devices_in(fields)};
    finish(fields, "chain", chain.name);
  }
  if ((chain.flags & ~std::uint32_t{NFT_CHAIN_FLAGS}) != 0)
    unknown("chain", chain.name, fmt::format("flags {}", chain.flags));
  in.ignore({NFTA_CHAIN_HANDLE, NFTA_CHAIN_USE, NFTA_CHAIN_COUNTERS, NFTA_CHAIN_PAD,
             NFTA_CHAIN_USERDATA});
  finish(in, "chain", chain.name);
  table_->chains.push_back(std::move(chain));
}

void NftMessages::read_rule(NftAttributes& in) {
  nft::Rule rule{.chain = in.text(NFTA_RULE_CHAIN),
                 .handle = in.number<std::uint64_t>(NFTA_RULE_HANDLE).value_or(0)};
  rule.comment = comment_in(in.bytes(NFTA_RULE_USERDATA).value_or(std::string_view()));
  NftAttributes list(in.bytes(NFTA_RULE_EXPRESSIONS).value_or(std::string_view()));
  const std::vector<std::string_view> expressions = list.all(NFTA_LIST_ELEM);
  rule.expressions.reserve(expressions.size());
  for (const std::string_view one : expressions)
    rule.expressions.push_back(read_nft_expression(one));
  in.ignore({NFTA_RULE_POSITION, NFTA_RULE_PAD});
  for (const NftAttributes* attributes : {&list, &in})
    if (const auto rest = attributes->rest()) {
      unknown("rule", fmt::format("{} handle {}", rule.chain, rule.handle), *rest);
      rule.expressions.emplace_back(nft::Unknown{"rule, " + *rest});
    }
  table_->rules.push_back(std::move(rule));
}

void NftMessages::read_set(NftAttributes& in) {
  nft::Set set{.name = in.text(NFTA_SET_NAME)};
  set.flags = in.word(NFTA_SET_FLAGS).value_or(0);
  set.key_type = in.word(NFTA_SET_KEY_TYPE).value_or(0);
  set.key_length = in.word(NFTA_SET_KEY_LEN).value_or(0);
  set.data_type = in.word(NFTA_SET_DATA_TYPE).value_or(0);
  set.object_type = in.word(NFTA_SET_OBJ_TYPE).value_or(0);
  set.timeout = in.number<std::uint64_t>(NFTA_SET_TIMEOUT).value_or(0);
  read_effects(in, NFTA_SET_EXPR, NFTA_SET_EXPRESSIONS, set.effects);
  if (const auto description = in.bytes(NFTA_SET_DESC)) {
    NftAttributes fields(*description);
    set.size = fields.word(NFTA_SET_DESC_SIZE).value_or(0);
    if (const auto parts = fields.bytes(NFTA_SET_DESC_CONCAT))
      read_parts(*parts, set);
    if (const auto rest = fields.rest())
      set.unknown.push_back(*rest);
  }
  in.ignore({NFTA_SET_DATA_LEN, NFTA_SET_POLICY, NFTA_SET_GC_INTERVAL, NFTA_SET_USERDATA,
             NFTA_SET_HANDLE, NFTA_SET_PAD, kSetType, kSetCount});
  if (const auto rest = in.rest())
    set.unknown.push_back(*rest);
  for (const std::string& why : set.unknown)
    unknown("set", set.name, why);
  sets_.insert_or_assign(std::pair{at_, set.name}, table_->sets.size());
  table_->sets.push_back(std::move(set));
}

void NftMessages::read_elements(NftAttributes& in) {
  const std::string name = in.text(NFTA_SET_ELEM_LIST_SET);
  const auto found = sets_.find({at_, name});
  if (found == sets_.end())
    return unknown("set", name, "elements without it");
  nft::Set& set = table_->sets[found->second];
  NftAttributes list(in.bytes(NFTA_SET_ELEM_LIST_ELEMENTS).value_or(std::string_view()));
  const std::size_t known = set.unknown.size();
  for (const std::string_view one : list.all(NFTA_LIST_ELEM))
    read_element(one, set);
  for (const NftAttributes* attributes : {&list, &in})
    if (const auto rest = attributes->rest())
      set.unknown.push_back("elements, " + *rest);
  for (std::size_t i = known; i < set.unknown.size(); ++i)
    unknown("set", name, set.unknown[i]);
}

void NftMessages::read_object(NftAttributes& in) {
  nft::Object object{.name = in.text(NFTA_OBJ_NAME), .type = in.word(NFTA_OBJ_TYPE).value_or(0)};
  const auto data = in.bytes(NFTA_OBJ_DATA);
  object.effect = read_nft_object(object.type, data.value_or(std::string_view()));
  in.ignore({NFTA_OBJ_USE, NFTA_OBJ_HANDLE, NFTA_OBJ_PAD, NFTA_OBJ_USERDATA});
  finish(in, "object", object.name);
  table_->objects.push_back(std::move(object));
}

void NftMessages::read_flowtable(NftAttributes& in) {
  table_->flowtables.push_back(in.text(NFTA_FLOWTABLE_NAME));
  in.ignore({NFTA_FLOWTABLE_HOOK, NFTA_FLOWTABLE_USE, NFTA_FLOWTABLE_HANDLE, NFTA_FLOWTABLE_PAD,
             NFTA_FLOWTABLE_FLAGS});
  finish(in, "flowtable", table_->flowtables.back());
}

bool read_nft_messages(std::string_view messages, nft::Table& table) {
  nft::Ruleset one{{std::move(table)}};
  const bool read = NftMessages(one, false).read(messages);
  table = std::move(one.tables.front());
  return read;
}

}  // namespace quay
