#include "language/nft_messages.h"

#include <algorithm>
#include <cstring>
#include <map>

#include <endian.h>
#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

namespace quay {
namespace {

// Attributes that are younger than this header.
constexpr int kSetType = 19;   // NFTA_SET_TYPE, Linux 6.15: how the set is stored
constexpr int kSetCount = 20;  // NFTA_SET_COUNT, Linux 6.16: how many elements it holds

// The attributes of one object. Each is asked for once; what nobody asked for is unknown.
class Attributes {
 public:
  explicit Attributes(std::string_view bytes) {
    while (bytes.size() >= sizeof(nlattr)) {
      nlattr header{};
      std::memcpy(&header, bytes.data(), sizeof header);
      if (header.nla_len < sizeof header || header.nla_len > bytes.size())
        break;
      values_.push_back({header.nla_type & NLA_TYPE_MASK,
                         bytes.substr(sizeof header, header.nla_len - sizeof header)});
      bytes.remove_prefix(std::min<std::size_t>(NLA_ALIGN(header.nla_len), bytes.size()));
    }
    if (!bytes.empty())
      fault_ = "bytes that are no attribute";
  }

  std::optional<std::string_view> bytes(int type) {
    const auto found = std::ranges::find(values_, type, &Value::type);
    if (found == values_.end())
      return std::nullopt;
    const std::string_view value = found->value;
    values_.erase(found);
    return value;
  }
  template <typename Number>
  std::optional<Number> number(int type) {
    const auto value = bytes(type);
    if (!value)
      return std::nullopt;
    if (value->size() != sizeof(Number)) {
      fault_ = fmt::format("attribute {} of {} bytes", type, value->size());
      return std::nullopt;
    }
    Number big_endian = 0;
    value->copy(reinterpret_cast<char*>(&big_endian), sizeof big_endian);
    if constexpr (sizeof(Number) == 8)
      return be64toh(big_endian);
    if constexpr (sizeof(Number) == 4)
      return be32toh(big_endian);
    if constexpr (sizeof(Number) == 2)
      return be16toh(big_endian);
    return big_endian;
  }
  // A text that ends with a zero byte.
  std::string text(int type) {
    std::string_view value = bytes(type).value_or(std::string_view());
    value = value.substr(0, value.find('\0'));
    return std::string(value);
  }
  // Every attribute of that type, in order.
  std::vector<std::string_view> all(int type) {
    std::vector<std::string_view> found;
    while (const auto value = bytes(type))
      found.push_back(*value);
    return found;
  }
  // What does not change what packets meet: handles, counts, padding.
  void ignore(std::initializer_list<int> types) {
    std::erase_if(values_, [&](const Value& value) {
      return std::ranges::find(types, value.type) != types.end();
    });
  }
  // nullopt when all was read; else what was not.
  std::optional<std::string> rest() const {
    if (!fault_.empty())
      return fault_;
    if (!values_.empty())
      return fmt::format("attribute {}", values_.front().type);
    return std::nullopt;
  }

 private:
  struct Value {
    int type = 0;
    std::string_view value;
  };
  std::vector<Value> values_;
  std::string fault_;
};

// A register's first word; nullopt when there is no such register.
std::optional<nft::Register> word_of(std::optional<std::uint32_t> number) {
  if (!number || *number == NFT_REG_VERDICT)
    return std::nullopt;
  if (*number <= NFT_REG_4)
    return static_cast<nft::Register>((*number - NFT_REG_1) * 4);
  if (*number >= NFT_REG32_00 && *number <= NFT_REG32_15)
    return static_cast<nft::Register>(*number - NFT_REG32_00);
  return std::nullopt;
}

std::optional<nft::Data> read_data(std::string_view bytes) {
  Attributes in(bytes);
  std::optional<nft::Data> data;
  if (const auto value = in.bytes(NFTA_DATA_VALUE)) {
    data = nft::Bytes(*value);
  } else if (const auto verdict = in.bytes(NFTA_DATA_VERDICT)) {
    Attributes fields(*verdict);
    const auto code = fields.number<std::uint32_t>(NFTA_VERDICT_CODE);
    nft::Verdict result{.code = static_cast<std::int32_t>(code.value_or(0)),
                        .chain = fields.text(NFTA_VERDICT_CHAIN)};
    if (!code || fields.rest())
      return std::nullopt;
    data = std::move(result);
  }
  return in.rest() ? std::nullopt : data;
}

std::optional<nft::Bytes> read_bytes(std::optional<std::string_view> bytes) {
  auto data = bytes ? read_data(*bytes) : std::nullopt;
  if (!data || !std::holds_alternative<nft::Bytes>(*data))
    return std::nullopt;
  return std::get<nft::Bytes>(std::move(*data));
}

using Reading = std::optional<nft::Expression>;  // nullopt: something that is not known

Reading read_payload(Attributes& in) {
  const auto to = word_of(in.number<std::uint32_t>(NFTA_PAYLOAD_DREG));
  const auto base = in.number<std::uint32_t>(NFTA_PAYLOAD_BASE);
  const auto offset = in.number<std::uint32_t>(NFTA_PAYLOAD_OFFSET);
  const auto length = in.number<std::uint32_t>(NFTA_PAYLOAD_LEN);
  if (!to || !base || !offset || !length)
    return std::nullopt;
  return nft::Payload{*base, *offset, *length, *to};
}

Reading read_meta(Attributes& in) {
  const auto key = in.number<std::uint32_t>(NFTA_META_KEY);
  const auto to = word_of(in.number<std::uint32_t>(NFTA_META_DREG));
  if (!key || !to)
    return std::nullopt;
  return nft::Meta{*key, *to};
}

Reading read_conntrack(Attributes& in) {
  const auto key = in.number<std::uint32_t>(NFTA_CT_KEY);
  const auto to = word_of(in.number<std::uint32_t>(NFTA_CT_DREG));
  const auto direction = in.number<std::uint8_t>(NFTA_CT_DIRECTION);
  if (!key || !to)
    return std::nullopt;
  return nft::Conntrack{*key, direction, *to};
}

Reading read_compare(Attributes& in) {
  const auto from = word_of(in.number<std::uint32_t>(NFTA_CMP_SREG));
  const auto operation = in.number<std::uint32_t>(NFTA_CMP_OP);
  auto value = read_bytes(in.bytes(NFTA_CMP_DATA));
  if (!from || !operation || !value)
    return std::nullopt;
  return nft::Compare{*operation, *from, std::move(*value)};
}

Reading read_bitwise(Attributes& in) {
  const auto from = word_of(in.number<std::uint32_t>(NFTA_BITWISE_SREG));
  const auto to = word_of(in.number<std::uint32_t>(NFTA_BITWISE_DREG));
  const auto length = in.number<std::uint32_t>(NFTA_BITWISE_LEN);
  const auto operation = in.number<std::uint32_t>(NFTA_BITWISE_OP);
  auto mask = read_bytes(in.bytes(NFTA_BITWISE_MASK));
  auto flip = read_bytes(in.bytes(NFTA_BITWISE_XOR));
  // Shifts, and since Linux 6.13 two registers, are other operations.
  if (!from || !to || !length || !mask || !flip || operation.value_or(0) != 0 ||
      mask->size() != *length || flip->size() != *length)
    return std::nullopt;
  return nft::Bitwise{*from, *to, std::move(*mask), std::move(*flip)};
}

Reading read_byteorder(Attributes& in) {
  const auto from = word_of(in.number<std::uint32_t>(NFTA_BYTEORDER_SREG));
  const auto to = word_of(in.number<std::uint32_t>(NFTA_BYTEORDER_DREG));
  const auto operation = in.number<std::uint32_t>(NFTA_BYTEORDER_OP);
  const auto length = in.number<std::uint32_t>(NFTA_BYTEORDER_LEN);
  const auto size = in.number<std::uint32_t>(NFTA_BYTEORDER_SIZE);
  if (!from || !to || !operation || !length || !size)
    return std::nullopt;
  return nft::Byteorder{*from, *to, *operation, *length, *size};
}

Reading read_immediate(Attributes& in) {
  const auto number = in.number<std::uint32_t>(NFTA_IMMEDIATE_DREG);
  const auto bytes = in.bytes(NFTA_IMMEDIATE_DATA);
  auto data = bytes ? read_data(*bytes) : std::nullopt;
  const bool to_verdict = number == std::uint32_t{NFT_REG_VERDICT};
  const auto to = word_of(number);
  if (!data || (!to && !to_verdict) || to_verdict != std::holds_alternative<nft::Verdict>(*data))
    return std::nullopt;
  return nft::Immediate{to, std::move(*data)};
}

Reading read_lookup(Attributes& in) {
  nft::Lookup lookup{.set = in.text(NFTA_LOOKUP_SET)};
  const auto from = word_of(in.number<std::uint32_t>(NFTA_LOOKUP_SREG));
  const auto to = in.number<std::uint32_t>(NFTA_LOOKUP_DREG);
  const auto flags = in.number<std::uint32_t>(NFTA_LOOKUP_FLAGS).value_or(0);
  in.ignore({NFTA_LOOKUP_SET_ID});
  if (!from || lookup.set.empty() || (flags & ~std::uint32_t{NFT_LOOKUP_F_INV}) != 0)
    return std::nullopt;
  lookup.from = *from;
  lookup.inverted = flags != 0;
  lookup.to_verdict = to == std::uint32_t{NFT_REG_VERDICT};
  lookup.to = word_of(to);
  if (to && !lookup.to_verdict && !lookup.to)
    return std::nullopt;
  return lookup;
}

Reading read_counter(Attributes& in) {
  in.ignore({NFTA_COUNTER_BYTES, NFTA_COUNTER_PACKETS, NFTA_COUNTER_PAD});
  return nft::Counter{};
}

Reading read_limit(Attributes& in) {
  const auto rate = in.number<std::uint64_t>(NFTA_LIMIT_RATE);
  const auto unit = in.number<std::uint64_t>(NFTA_LIMIT_UNIT);
  const auto burst = in.number<std::uint32_t>(NFTA_LIMIT_BURST);
  const auto type = in.number<std::uint32_t>(NFTA_LIMIT_TYPE);
  const auto flags = in.number<std::uint32_t>(NFTA_LIMIT_FLAGS).value_or(0);
  in.ignore({NFTA_LIMIT_PAD});
  if (!rate || !unit || !burst || type > std::uint32_t{NFT_LIMIT_PKT_BYTES} ||
      (flags & ~std::uint32_t{NFT_LIMIT_F_INV}) != 0)
    return std::nullopt;
  return nft::Limit{*rate, *unit, *burst, type == std::uint32_t{NFT_LIMIT_PKT_BYTES}, flags != 0};
}

Reading read_log(Attributes& in) {
  nft::Log log{.prefix = in.text(NFTA_LOG_PREFIX)};
  log.group = in.number<std::uint16_t>(NFTA_LOG_GROUP);
  log.snapshot = in.number<std::uint32_t>(NFTA_LOG_SNAPLEN).value_or(0);
  log.threshold = in.number<std::uint16_t>(NFTA_LOG_QTHRESHOLD).value_or(0);
  return log;
}

Reading read_reject(Attributes& in) {
  const auto type = in.number<std::uint32_t>(NFTA_REJECT_TYPE);
  const auto code = in.number<std::uint8_t>(NFTA_REJECT_ICMP_CODE);
  if (!type)
    return std::nullopt;
  return nft::Reject{*type, code.value_or(0)};
}

Reading read_dynset(Attributes& in) {
  nft::DynamicSet dynset{.set = in.text(NFTA_DYNSET_SET_NAME)};
  const auto operation = in.number<std::uint32_t>(NFTA_DYNSET_OP);
  const auto key = word_of(in.number<std::uint32_t>(NFTA_DYNSET_SREG_KEY));
  const auto timeout = in.number<std::uint64_t>(NFTA_DYNSET_TIMEOUT).value_or(0);
  const auto flags = in.number<std::uint32_t>(NFTA_DYNSET_FLAGS).value_or(0);
  in.ignore({NFTA_DYNSET_SET_ID, NFTA_DYNSET_PAD});
  if (!operation || !key || timeout != 0 || flags != 0)
    return std::nullopt;
  dynset.operation = *operation;
  dynset.key = *key;
  return dynset;
}

Reading read_objref(Attributes& in) {
  const auto type = in.number<std::uint32_t>(NFTA_OBJREF_IMM_TYPE);
  std::string name = in.text(NFTA_OBJREF_IMM_NAME);
  if (!type || name.empty())
    return std::nullopt;
  return nft::ObjectReference{*type, std::move(name)};
}

nft::Expression read_expression(std::string_view bytes) {
  static const std::map<std::string, Reading (*)(Attributes&), std::less<>> readers{
      {"bitwise", read_bitwise},     {"byteorder", read_byteorder}, {"cmp", read_compare},
      {"counter", read_counter},     {"ct", read_conntrack},        {"dynset", read_dynset},
      {"immediate", read_immediate}, {"limit", read_limit},         {"log", read_log},
      {"lookup", read_lookup},       {"meta", read_meta},           {"objref", read_objref},
      {"payload", read_payload},     {"reject", read_reject}};
  Attributes in(bytes);
  const std::string name = in.text(NFTA_EXPR_NAME);
  const auto data = in.bytes(NFTA_EXPR_DATA);
  const auto reader = readers.find(name);
  if (reader == readers.end() || in.rest())
    return nft::Unknown{"expression " + name};
  Attributes fields(data.value_or(std::string_view()));
  auto expression = reader->second(fields);
  if (const auto rest = fields.rest())
    return nft::Unknown{fmt::format("expression {}, {}", name, *rest)};
  if (!expression)
    return nft::Unknown{fmt::format("expression {}, a value", name)};
  return std::move(*expression);
}

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

// Reads the messages of one table.
class MessageReader {
 public:
  explicit MessageReader(nft::Table& table) : table_(table) {}

  bool read(std::string_view messages) {
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

 private:
  bool read_message(std::uint16_t type, std::string_view body);
  void read_table(Attributes& in);
  void read_chain(Attributes& in);
  void read_rule(Attributes& in);
  void read_set(Attributes& in);
  void read_elements(Attributes& in);
  void read_element(std::string_view bytes, nft::Set& set);
  void read_object(Attributes& in);
  void finish(const Attributes& in, std::string_view what, std::string_view name) {
    if (const auto rest = in.rest())
      unknown(what, name, *rest);
  }
  void unknown(std::string_view what, std::string_view name, std::string_view why) {
    table_.unknown.push_back(fmt::format("{} {}, {}", what, name, why));
  }

  nft::Table& table_;
};

bool MessageReader::read_message(std::uint16_t type, std::string_view body) {
  nfgenmsg header{};
  if (NFNL_SUBSYS_ID(type) != NFNL_SUBSYS_NFTABLES || body.size() < sizeof header)
    return false;
  std::memcpy(&header, body.data(), sizeof header);
  body.remove_prefix(NLMSG_ALIGN(sizeof header));
  Attributes in(body);
  // Attribute 1 is the table's name in every message (NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, ...).
  if (in.text(NFTA_TABLE_NAME) != table_.name || header.nfgen_family != table_.family)
    return true;
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
    default:
      table_.unknown.push_back(fmt::format("message {}", NFNL_MSG_TYPE(type)));
  }
  return true;
}

void MessageReader::read_table(Attributes& in) {
  table_.flags = in.number<std::uint32_t>(NFTA_TABLE_FLAGS).value_or(0);
  in.ignore({NFTA_TABLE_USE, NFTA_TABLE_HANDLE, NFTA_TABLE_PAD, NFTA_TABLE_USERDATA});
  finish(in, "table", table_.name);
}

void MessageReader::read_chain(Attributes& in) {
  nft::Chain chain{.name = in.text(NFTA_CHAIN_NAME), .hook = std::nullopt};
  const auto policy = in.number<std::uint32_t>(NFTA_CHAIN_POLICY);
  const std::string type = in.text(NFTA_CHAIN_TYPE);
  const std::uint32_t flags = in.number<std::uint32_t>(NFTA_CHAIN_FLAGS).value_or(0);
  if (const auto hook = in.bytes(NFTA_CHAIN_HOOK)) {
    Attributes fields(*hook);
    chain.hook = nft::Hook{.type = type,
                           .number = fields.number<std::uint32_t>(NFTA_HOOK_HOOKNUM).value_or(0),
                           .priority = static_cast<std::int32_t>(
                               fields.number<std::uint32_t>(NFTA_HOOK_PRIORITY).value_or(0)),
                           .policy = policy.value_or(NF_ACCEPT)};
    finish(fields, "chain", chain.name);
  }
  if ((flags & ~std::uint32_t{NFT_CHAIN_BASE}) != 0)
    unknown("chain", chain.name, fmt::format("flags {}", flags));
  in.ignore({NFTA_CHAIN_HANDLE, NFTA_CHAIN_USE, NFTA_CHAIN_COUNTERS, NFTA_CHAIN_PAD,
             NFTA_CHAIN_USERDATA});
  finish(in, "chain", chain.name);
  table_.chains.push_back(std::move(chain));
}

void MessageReader::read_rule(Attributes& in) {
  nft::Rule rule{.chain = in.text(NFTA_RULE_CHAIN),
                 .handle = in.number<std::uint64_t>(NFTA_RULE_HANDLE).value_or(0)};
  rule.comment = comment_in(in.bytes(NFTA_RULE_USERDATA).value_or(std::string_view()));
  Attributes list(in.bytes(NFTA_RULE_EXPRESSIONS).value_or(std::string_view()));
  for (const std::string_view one : list.all(NFTA_LIST_ELEM))
    rule.expressions.push_back(read_expression(one));
  in.ignore({NFTA_RULE_POSITION, NFTA_RULE_PAD});
  const std::string name = fmt::format("{} handle {}", rule.chain, rule.handle);
  finish(list, "rule", name);
  finish(in, "rule", name);
  table_.rules.push_back(std::move(rule));
}

void MessageReader::read_set(Attributes& in) {
  nft::Set set{.name = in.text(NFTA_SET_NAME)};
  set.flags = in.number<std::uint32_t>(NFTA_SET_FLAGS).value_or(0);
  set.key_type = in.number<std::uint32_t>(NFTA_SET_KEY_TYPE).value_or(0);
  set.key_length = in.number<std::uint32_t>(NFTA_SET_KEY_LEN).value_or(0);
  set.data_type = in.number<std::uint32_t>(NFTA_SET_DATA_TYPE).value_or(0);
  set.timeout = in.number<std::uint64_t>(NFTA_SET_TIMEOUT).value_or(0);
  if (const auto description = in.bytes(NFTA_SET_DESC)) {
    Attributes fields(*description);
    set.size = fields.number<std::uint32_t>(NFTA_SET_DESC_SIZE).value_or(0);
    fields.ignore({NFTA_SET_DESC_CONCAT});
    finish(fields, "set", set.name);
  }
  in.ignore({NFTA_SET_DATA_LEN, NFTA_SET_POLICY, NFTA_SET_GC_INTERVAL, NFTA_SET_USERDATA,
             NFTA_SET_HANDLE, NFTA_SET_PAD, kSetType, kSetCount});
  finish(in, "set", set.name);
  table_.sets.push_back(std::move(set));
}

void MessageReader::read_elements(Attributes& in) {
  const std::string name = in.text(NFTA_SET_ELEM_LIST_SET);
  const auto set = std::ranges::find(table_.sets, name, &nft::Set::name);
  Attributes list(in.bytes(NFTA_SET_ELEM_LIST_ELEMENTS).value_or(std::string_view()));
  if (set == table_.sets.end())
    return unknown("set", name, "elements without it");
  for (const std::string_view one : list.all(NFTA_LIST_ELEM))
    read_element(one, *set);
  finish(list, "set", name);
  finish(in, "set", name);
}

void MessageReader::read_element(std::string_view bytes, nft::Set& set) {
  Attributes in(bytes);
  auto key = read_bytes(in.bytes(NFTA_SET_ELEM_KEY));
  nft::Element element{.key = key.value_or(nft::Bytes()), .data = std::nullopt};
  bool known = key.has_value();
  if (const auto data = in.bytes(NFTA_SET_ELEM_DATA)) {
    element.data = read_data(*data);
    known = known && element.data;
  }
  in.ignore({NFTA_SET_ELEM_USERDATA, NFTA_SET_ELEM_PAD});
  if (!known)
    unknown("set", set.name, "an element's value");
  finish(in, "set", fmt::format("{}, an element", set.name));
  set.elements.push_back(std::move(element));
}

void MessageReader::read_object(Attributes& in) {
  nft::Object object{.name = in.text(NFTA_OBJ_NAME),
                     .type = in.number<std::uint32_t>(NFTA_OBJ_TYPE).value_or(0)};
  // What counters hold is no rule; what limits and quotas hold is.
  if (object.type == NFT_OBJECT_COUNTER)
    in.ignore({NFTA_OBJ_DATA});
  in.ignore({NFTA_OBJ_USE, NFTA_OBJ_HANDLE, NFTA_OBJ_PAD, NFTA_OBJ_USERDATA});
  finish(in, "object", object.name);
  table_.objects.push_back(std::move(object));
}

}  // namespace

bool read_nft_messages(std::string_view messages, nft::Table& table) {
  return MessageReader(table).read(messages);
}

}  // namespace quay
