#include "language/nft_rule_text.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>

#include "base/text.h"
#include "language/icmp_names.h"
#include "language/nft_match.h"
#include "model/address.h"
#include "model/port.h"
#include "model/protocol.h"
#include "model/rule.h"

namespace quay {
namespace {

using Text = std::optional<std::string>;

// Parts of keys, by nft's own numbers (nftables/datatype.h: enum datatypes), six bits each.
constexpr std::uint32_t kInetProtocol = 12;
constexpr std::uint32_t kInetService = 13;
constexpr std::uint32_t kInterfaceName = 41;
constexpr std::size_t kNameBytes = 16;  // IFNAMSIZ

struct KeyPart {
  std::uint32_t type = 0;
  std::size_t bytes = 0;  // in the key, padded to words
};

std::optional<std::vector<KeyPart>> key_parts(const nft::Set& set) {
  std::vector<KeyPart> parts;
  std::size_t bytes = 0;
  for (std::uint32_t rest = set.key_type; rest != 0; rest >>= 6) {
    const std::uint32_t type = rest & 63;
    if (type != kInetProtocol && type != kInetService && type != kInterfaceName)
      return std::nullopt;
    parts.insert(parts.begin(), {type, type == kInterfaceName ? kNameBytes : 4});
    bytes += parts.front().bytes;
  }
  // Ours are concatenations, whose parts are padded.
  if (parts.size() < 2 || bytes != set.key_length)
    return std::nullopt;
  return parts;
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes)
    number = number << 8 | static_cast<std::uint8_t>(byte);
  return number;
}

// A name that fills its bytes with zeros; nullopt where it would have to be escaped.
Text interface_text(std::string_view bytes) {
  const std::size_t end = bytes.find('\0');
  const std::string_view name = bytes.substr(0, end);
  const bool plain = std::ranges::all_of(
      name, [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '*'; });
  const bool padded = bytes.find_first_not_of('\0', name.size()) == std::string_view::npos;
  if (name.empty() || !plain || !padded)
    return std::nullopt;
  return fmt::format("\"{}\"", name);
}

// Whether a text can stand between quotes, on one line.
bool quotable(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return static_cast<std::uint8_t>(c) >= ' ' && c != '"' && c != '\\'; });
}

Text part_text(const KeyPart& part, std::string_view bytes) {
  if (part.type == kInterfaceName)
    return interface_text(bytes);
  const std::size_t size = part.type == kInetProtocol ? 1 : 2;
  if (bytes.find_first_not_of('\0', size) != std::string_view::npos)
    return std::nullopt;
  const std::uint64_t number = big_endian(bytes.substr(0, size));
  return part.type == kInetProtocol ? nft_protocol_name(static_cast<Protocol>(number))
                                    : std::to_string(number);
}

// Writes one rule, expression by expression.
class RuleWriter {
 public:
  explicit RuleWriter(const std::vector<nft::Set>& sets) : sets_(sets) {}

  Text write(const nft::Rule& rule) {
    for (std::size_t i = 0; i < rule.expressions.size(); ++i) {
      next_ = i + 1 < rule.expressions.size() ? &rule.expressions[i + 1] : nullptr;
      if (!std::visit(*this, rule.expressions[i]))
        return std::nullopt;
    }
    put_pending();
    if (!quotable(rule.comment))
      return std::nullopt;
    if (!rule.comment.empty())
      put(fmt::format("comment \"{}\"", rule.comment));
    return join(words_, " ");
  }

  bool operator()(const nft::Payload& load) { return keep(load.to, load, load.length); }
  bool operator()(const nft::Meta& load) { return keep(load.to, load, meta_bytes(load.key)); }
  bool operator()(const nft::Conntrack& load) {
    return load.key == NFT_CT_STATE && !load.direction && keep(load.to, load, 4);
  }
  bool operator()(const nft::Bitwise& mask) {
    const auto loaded = registers_.find(mask.from);
    if (loaded == registers_.end() || mask.from != mask.to || !loaded->second.mask.empty() ||
        mask.flip.find_first_not_of('\0') != std::string::npos)
      return false;
    loaded->second.mask = mask.mask;
    return true;
  }
  bool operator()(const nft::Byteorder& order) {
    const auto loaded = registers_.find(order.from);
    if (loaded == registers_.end() || order.from != order.to ||
        order.operation != NFT_BYTEORDER_HTON || order.length != 8 || order.size != 8 ||
        !is_meta(loaded->second, kMetaTime))
      return false;
    loaded->second.turned = true;
    return true;
  }
  bool operator()(const nft::Compare& compare);
  bool operator()(const nft::Lookup& lookup);
  bool operator()(const nft::Immediate& immediate) {
    const auto* verdict = std::get_if<nft::Verdict>(&immediate.data);
    const Text text = verdict == nullptr ? std::nullopt : nft_verdict_text(*verdict);
    if (text)
      put(*text);
    return text.has_value();
  }
  bool operator()(const nft::Counter&) { return put("counter"); }
  bool operator()(const nft::Limit& limit);
  bool operator()(const nft::Log& log) {
    if (!log.group || log.prefix.empty() || log.snapshot != 0 || log.threshold != 0 || log.level ||
        log.flags || !quotable(log.prefix))
      return false;
    return put(fmt::format("log prefix \"{}\" group {}", log.prefix, *log.group));
  }
  bool operator()(const nft::Reject& reject) {
    if (reject.type == NFT_REJECT_TCP_RST && protocol_ == Protocol::Tcp)
      return put("reject with tcp reset");
    return reject.type == NFT_REJECT_ICMPX_UNREACH &&
           reject.code == NFT_REJECT_ICMPX_PORT_UNREACH && put("reject");
  }
  bool operator()(const nft::DynamicSet& dynset) {
    const Text key = address_field(dynset.key);
    if (!key || dynset.data || dynset.timeout != 0 || dynset.inverted || !dynset.effects.empty() ||
        (dynset.operation != NFT_DYNSET_OP_ADD && dynset.operation != NFT_DYNSET_OP_UPDATE))
      return false;
    family_pending_ = false;
    return put(fmt::format("{} @{} {{ {} }}",
                           dynset.operation == NFT_DYNSET_OP_ADD ? "add" : "update", dynset.set,
                           *key));
  }
  bool operator()(const nft::ObjectReference& reference) {
    return reference.type == NFT_OBJECT_COUNTER &&
           put(fmt::format("counter name \"{}\"", reference.name));
  }
  template <typename Other>
  bool operator()(const Other&) {
    return false;
  }

 private:
  static constexpr std::uint32_t kMetaTime = NFT_META_TIME_NS;

  // What a register holds.
  using Load = std::variant<nft::Payload, nft::Meta, nft::Conntrack>;
  struct Loaded {
    Load load;
    nft::Register words = 1;
    nft::Bytes mask;      // empty: everything
    bool turned = false;  // into the network's byte order
  };

  static bool is_meta(const Loaded& loaded, std::uint32_t key) {
    const auto* meta = std::get_if<nft::Meta>(&loaded.load);
    return meta != nullptr && meta->key == key;
  }
  // At most: whatever may have been overwritten is no longer known.
  static std::uint32_t meta_bytes(std::uint32_t key) {
    return key == NFT_META_NFPROTO || key == NFT_META_L4PROTO ? 1 : key == kMetaTime ? 8 : 16;
  }
  bool keep(nft::Register to, const Load& load, std::uint32_t bytes) {
    const auto words = static_cast<nft::Register>((bytes + 3) / 4);
    std::erase_if(registers_, [&](const auto& known) {
      const auto& [at, loaded] = known;
      return at < to + words && to < at + loaded.words;
    });
    registers_.insert_or_assign(to, Loaded{.load = load, .words = words});
    return true;
  }
  bool put(std::string word) {
    put_pending();
    words_.push_back(std::move(word));
    return true;
  }
  // What was asked only to make sense of what follows is listed when nothing follows.
  void put_pending() {
    if (std::exchange(family_pending_, false))
      words_.emplace_back(family_ == Family::V4 ? "meta nfproto ipv4" : "meta nfproto ipv6");
    if (std::exchange(protocol_pending_, false) && protocol_)
      words_.push_back("meta l4proto " + nft_protocol_name(*protocol_));
  }

  bool compare_meta(const nft::Compare& compare, const Loaded& loaded, std::uint32_t key);
  bool compare_interface(const nft::Compare& compare, std::string_view key);
  bool compare_state(const nft::Compare& compare, const Loaded& loaded);
  bool compare_network(const nft::Compare& compare, const nft::Payload& load, nft::Bytes mask);
  bool compare_transport(const nft::Compare& compare, const nft::Payload& load);
  bool put_range(const nft::Compare& first, const nft::Payload& load, const std::string& field,
                 std::optional<Protocol> icmp = std::nullopt);
  Text address_field(nft::Register from) const;
  Text lookup_field(const KeyPart& part, const Loaded& loaded) const;

  const std::vector<nft::Set>& sets_;
  std::vector<std::string> words_;
  std::map<nft::Register, Loaded> registers_;
  std::optional<Family> family_;
  std::optional<Protocol> protocol_;
  bool family_pending_ = false;  // asked for and not yet listed
  bool protocol_pending_ = false;
  bool range_listed_ = false;              // its second half is still to come
  const nft::Expression* next_ = nullptr;  // after the one that is written
};

bool RuleWriter::operator()(const nft::Compare& compare) {
  const auto loaded = registers_.find(compare.from);
  if (loaded == registers_.end())
    return false;
  const Loaded& what = loaded->second;
  if (const auto* meta = std::get_if<nft::Meta>(&what.load))
    return compare_meta(compare, what, meta->key);
  if (std::holds_alternative<nft::Conntrack>(what.load))
    return compare_state(compare, what);
  const auto& load = std::get<nft::Payload>(what.load);
  if (compare.value.size() != load.length ||
      (!what.mask.empty() && what.mask.size() != load.length))
    return false;
  if (load.base == NFT_PAYLOAD_NETWORK_HEADER)
    return compare_network(compare, load, what.mask);
  return load.base == NFT_PAYLOAD_TRANSPORT_HEADER && what.mask.empty() &&
         compare_transport(compare, load);
}

bool RuleWriter::compare_meta(const nft::Compare& compare, const Loaded& loaded,
                              std::uint32_t key) {
  if (!loaded.mask.empty())
    return false;
  const bool equal = compare.operation == NFT_CMP_EQ;
  if (key == NFT_META_NFPROTO && equal && compare.value.size() == 1 && !family_) {
    const char number = compare.value.front();
    if (number != NFPROTO_IPV4 && number != NFPROTO_IPV6)
      return false;
    put_pending();
    family_ = number == NFPROTO_IPV4 ? Family::V4 : Family::V6;
    family_pending_ = true;
    return true;
  }
  if (key == NFT_META_L4PROTO && equal && compare.value.size() == 1 && !protocol_) {
    protocol_ = static_cast<Protocol>(compare.value.front());
    protocol_pending_ = true;
    return true;
  }
  if (key == NFT_META_IIFNAME)
    return compare_interface(compare, "iifname");
  if (key == NFT_META_OIFNAME)
    return compare_interface(compare, "oifname");
  constexpr std::uint64_t second = 1'000'000'000;
  if (key != kMetaTime || !loaded.turned || compare.operation != NFT_CMP_LT ||
      compare.value.size() != 8 || big_endian(compare.value) % second != 0)
    return false;
  return put(fmt::format("meta time < {}", big_endian(compare.value) / second));
}

bool RuleWriter::compare_interface(const nft::Compare& compare, std::string_view key) {
  if (compare.operation != NFT_CMP_EQ && compare.operation != NFT_CMP_NEQ)
    return false;
  Text name = interface_text(compare.value);
  const bool beginning = compare.value.size() < kNameBytes;  // of a name, any end
  if (!name || (beginning && compare.value.back() == '\0'))
    return false;
  if (beginning)
    name->insert(name->size() - 1, "*");
  return put(fmt::format("{} {}{}", key, compare.operation == NFT_CMP_NEQ ? "!= " : "", *name));
}

bool RuleWriter::compare_state(const nft::Compare& compare, const Loaded& loaded) {
  if (compare.operation != NFT_CMP_NEQ || loaded.mask.size() != 4 || compare.value.size() != 4 ||
      compare.value.find_first_not_of('\0') != std::string::npos)
    return false;
  std::uint32_t mask = 0;  // in the machine's own order
  std::copy_n(loaded.mask.data(), sizeof mask, reinterpret_cast<char*>(&mask));
  std::vector<std::string> names;
  // In the order of the bits: NF_CT_STATE_INVALID_BIT, then by enum ip_conntrack_info.
  for (const auto& [bit, name] : {std::pair{NF_CT_STATE_INVALID_BIT, "invalid"},
                                  {NF_CT_STATE_BIT(IP_CT_ESTABLISHED), "established"},
                                  {NF_CT_STATE_BIT(IP_CT_RELATED), "related"},
                                  {NF_CT_STATE_BIT(IP_CT_NEW), "new"},
                                  {NF_CT_STATE_UNTRACKED_BIT, "untracked"}}) {
    if ((mask & static_cast<std::uint32_t>(bit)) != 0)
      names.emplace_back(name);
    mask &= ~static_cast<std::uint32_t>(bit);
  }
  return mask == 0 && !names.empty() && put("ct state " + join(names, ","));
}

// Where addresses lie in an IP header.
struct AddressField {
  Family family;
  std::uint32_t offset;
  std::string_view text;
};
constexpr std::array<AddressField, 4> kAddressFields{{{Family::V4, 12, "ip saddr"},
                                                      {Family::V4, 16, "ip daddr"},
                                                      {Family::V6, 8, "ip6 saddr"},
                                                      {Family::V6, 24, "ip6 daddr"}}};

// The number of leading ones; nullopt for a mask with holes.
std::optional<int> prefix_length(std::string_view mask) {
  int length = 0;
  bool ended = false;
  for (const char byte : mask)
    for (int bit = 7; bit >= 0; --bit) {
      const bool one = (static_cast<std::uint8_t>(byte) >> bit & 1) != 0;
      if (one && ended)
        return std::nullopt;
      ended = !one;
      length += one ? 1 : 0;
    }
  return length;
}

// An address is compared as far as its prefix has whole bytes; two that lie side by side are
// compared as one.
bool RuleWriter::compare_network(const nft::Compare& compare, const nft::Payload& load,
                                 nft::Bytes mask) {
  if (!family_ || compare.operation != NFT_CMP_EQ)
    return false;
  if (mask.empty())
    mask.assign(load.length, '\xff');
  std::vector<std::string> texts;
  std::uint32_t at = load.offset;
  const std::uint32_t end = load.offset + load.length;
  for (const AddressField& field : kAddressFields) {
    const std::uint32_t whole = static_cast<std::uint32_t>(address_width(field.family)) / 8;
    if (field.family != family_ || field.offset != at || at >= end)
      continue;
    const std::uint32_t bytes = std::min(whole, end - at);
    const auto length = prefix_length(mask.substr(at - load.offset, bytes));
    if (!length)
      return false;
    Prefix prefix{{field.family, 0}, *length};
    for (std::uint32_t i = 0; i < whole; ++i)
      prefix.address.bits =
          prefix.address.bits << 8 |
          (i < bytes ? static_cast<std::uint8_t>(compare.value[at - load.offset + i]) : 0U);
    texts.push_back(fmt::format("{} {}", field.text, to_text(prefix)));
    at += bytes;
  }
  if (at != end || texts.empty())
    return false;
  family_pending_ = false;
  return put(join(texts, " "));
}

bool RuleWriter::put_range(const nft::Compare& first, const nft::Payload& load,
                           const std::string& field, std::optional<Protocol> icmp) {
  const auto* last = next_ == nullptr ? nullptr : std::get_if<nft::Compare>(next_);
  if (first.operation == NFT_CMP_EQ) {
    const std::uint64_t value = big_endian(first.value);
    return put(fmt::format(
        "{} {}", field,
        icmp ? icmp_type_name(*icmp, static_cast<std::uint8_t>(value)) : std::to_string(value)));
  }
  // The second half of a range was listed with the first.
  if (first.operation == NFT_CMP_LTE)
    return std::exchange(range_listed_, false);
  if (first.operation != NFT_CMP_GTE || last == nullptr || last->operation != NFT_CMP_LTE ||
      last->from != first.from || last->value.size() != load.length)
    return false;
  range_listed_ = true;
  return put(fmt::format("{} {}-{}", field, big_endian(first.value), big_endian(last->value)));
}

bool RuleWriter::compare_transport(const nft::Compare& compare, const nft::Payload& load) {
  if (!protocol_)
    return false;
  const std::string name = to_text(*protocol_);
  if (*protocol_ == Protocol::Icmp || *protocol_ == Protocol::Icmpv6) {
    const Family family = *protocol_ == Protocol::Icmp ? Family::V4 : Family::V6;
    if (load.offset != 0 || load.length != 1 || family_ != family)
      return false;
    family_pending_ = protocol_pending_ = false;
    return put_range(compare, load, name + " type", protocol_);
  }
  if (!has_ports(*protocol_))
    return false;
  protocol_pending_ = false;
  if (load.offset == 0 && load.length == 4 && compare.operation == NFT_CMP_EQ)
    return put(fmt::format("{0} sport {1} {0} dport {2}", name,
                           big_endian(compare.value.substr(0, 2)),
                           big_endian(compare.value.substr(2))));
  if (load.length != 2 || (load.offset != 0 && load.offset != 2))
    return false;
  return put_range(compare, load, name + (load.offset == 0 ? " sport" : " dport"));
}

// A whole source address, as dynamic sets hold.
Text RuleWriter::address_field(nft::Register from) const {
  const auto loaded = registers_.find(from);
  const auto* load =
      loaded == registers_.end() ? nullptr : std::get_if<nft::Payload>(&loaded->second.load);
  if (load == nullptr || !loaded->second.mask.empty() || load->base != NFT_PAYLOAD_NETWORK_HEADER)
    return std::nullopt;
  for (const AddressField& field : kAddressFields)
    if (field.family == family_ && field.offset == load->offset &&
        static_cast<std::uint32_t>(address_width(field.family)) == load->length * 8)
      return std::string(field.text);
  return std::nullopt;
}

Text RuleWriter::lookup_field(const KeyPart& part, const Loaded& loaded) const {
  if (!loaded.mask.empty() || loaded.turned)
    return std::nullopt;
  if (part.type == kInterfaceName && is_meta(loaded, NFT_META_IIFNAME))
    return "iifname";
  if (part.type == kInterfaceName && is_meta(loaded, NFT_META_OIFNAME))
    return "oifname";
  if (part.type == kInetProtocol && is_meta(loaded, NFT_META_L4PROTO))
    return "meta l4proto";
  const auto* load = std::get_if<nft::Payload>(&loaded.load);
  if (part.type != kInetService || load == nullptr || load->base != NFT_PAYLOAD_TRANSPORT_HEADER ||
      load->length != 2 || (load->offset != 0 && load->offset != 2))
    return std::nullopt;
  return load->offset == 0 ? "th sport" : "th dport";
}

bool RuleWriter::operator()(const nft::Lookup& lookup) {
  if (lookup.to)
    return false;
  if (!lookup.to_verdict) {  // the memory of a limit
    const Text key = address_field(lookup.from);
    if (!key || !lookup.inverted)
      return false;
    family_pending_ = false;
    return put(fmt::format("{} != @{}", *key, lookup.set));
  }
  const auto set = std::ranges::find(sets_, lookup.set, &nft::Set::name);
  const auto parts = set == sets_.end() ? std::nullopt : key_parts(*set);
  if (!parts || lookup.inverted)
    return false;
  std::vector<std::string> fields;
  nft::Register at = lookup.from;
  for (const KeyPart& part : *parts) {
    const auto loaded = registers_.find(at);
    const Text field =
        loaded == registers_.end() ? std::nullopt : lookup_field(part, loaded->second);
    if (!field)
      return false;
    fields.push_back(*field);
    at = static_cast<nft::Register>(at + part.bytes / 4);
  }
  return put(fmt::format("{} vmap @{}", join(fields, " . "), lookup.set));
}

bool RuleWriter::operator()(const nft::Limit& limit) {
  constexpr std::array<std::pair<std::uint64_t, std::string_view>, 4> units{
      {{1, "second"}, {60, "minute"}, {3600, "hour"}, {86400, "day"}}};
  const auto unit = std::ranges::find(units, limit.unit, [](const auto& u) { return u.first; });
  if (unit == units.end() || limit.bytes || limit.over)
    return false;
  return put(
      fmt::format("limit rate {}/{} burst {} packets", limit.rate, unit->second, limit.burst));
}

}  // namespace

std::optional<std::string> nft_rule_text(const nft::Rule& rule, const std::vector<nft::Set>& sets) {
  return RuleWriter(sets).write(rule);
}

std::optional<std::string> nft_verdict_text(const nft::Verdict& verdict) {
  switch (verdict.code) {
    case NF_ACCEPT:
      return "accept";
    case NF_DROP:
      return "drop";
    case NFT_RETURN:
      return "return";
    case NFT_JUMP:
      return "jump " + verdict.chain;
    case NFT_GOTO:
      return "goto " + verdict.chain;
    default:
      return std::nullopt;
  }
}

std::optional<std::string> nft_key_text(const nft::Set& set, const nft::Bytes& key) {
  const auto parts = key_parts(set);
  if (!parts || key.size() != set.key_length)
    return std::nullopt;
  std::vector<std::string> texts;
  std::size_t at = 0;
  for (const KeyPart& part : *parts) {
    const Text text = part_text(part, std::string_view(key).substr(at, part.bytes));
    if (!text)
      return std::nullopt;
    texts.push_back(*text);
    at += part.bytes;
  }
  return join(texts, " . ");
}

std::optional<std::string> nft_key_type_text(const nft::Set& set) {
  const auto parts = key_parts(set);
  if (!parts)
    return std::nullopt;
  std::vector<std::string> names;
  for (const KeyPart& part : *parts)
    names.emplace_back(part.type == kInterfaceName  ? "ifname"
                       : part.type == kInetProtocol ? "inet_proto"
                                                    : "inet_service");
  return join(names, " . ");
}

}  // namespace quay
