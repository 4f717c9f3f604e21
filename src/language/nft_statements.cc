#include "language/nft_statements.h"

#include <array>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#include "language/nft_expressions.h"

namespace quay {
namespace {

using Reading = NftReading;

Reading read_counter(NftAttributes& in) {
  in.ignore({NFTA_COUNTER_BYTES, NFTA_COUNTER_PACKETS, NFTA_COUNTER_PAD});
  return nft::Counter{};
}

Reading read_last(NftAttributes& in) {
  in.ignore({NFTA_LAST_SET, NFTA_LAST_MSECS, NFTA_LAST_PAD});
  return nft::Last{};
}

Reading read_limit(NftAttributes& in) {
  const auto rate = in.number<std::uint64_t>(NFTA_LIMIT_RATE);
  const auto unit = in.number<std::uint64_t>(NFTA_LIMIT_UNIT);
  const auto burst = in.word(NFTA_LIMIT_BURST);
  const auto type = in.word(NFTA_LIMIT_TYPE);
  const auto flags = in.word(NFTA_LIMIT_FLAGS).value_or(0);
  in.ignore({NFTA_LIMIT_PAD});
  if (!rate || !unit || !burst || type > std::uint32_t{NFT_LIMIT_PKT_BYTES} ||
      (flags & ~std::uint32_t{NFT_LIMIT_F_INV}) != 0)
    return std::nullopt;
  return nft::Limit{*rate, *unit, *burst, type == std::uint32_t{NFT_LIMIT_PKT_BYTES}, flags != 0};
}

Reading read_quota(NftAttributes& in) {
  const auto bytes = in.number<std::uint64_t>(NFTA_QUOTA_BYTES);
  const auto flags = in.word(NFTA_QUOTA_FLAGS).value_or(0);
  in.ignore({NFTA_QUOTA_PAD, NFTA_QUOTA_CONSUMED});
  if (!bytes || (flags & ~std::uint32_t{NFT_QUOTA_F_INV | NFT_QUOTA_F_DEPLETED}) != 0)
    return std::nullopt;
  return nft::Quota{*bytes, (flags & NFT_QUOTA_F_INV) != 0};
}

Reading read_connection_limit(NftAttributes& in) {
  const auto count = in.word(NFTA_CONNLIMIT_COUNT);
  const auto flags = in.word(NFTA_CONNLIMIT_FLAGS).value_or(0);
  if (!count || (flags & ~std::uint32_t{NFT_CONNLIMIT_F_INV}) != 0)
    return std::nullopt;
  return nft::ConnectionLimit{*count, flags != 0};
}

Reading read_log(NftAttributes& in) {
  nft::Log log{.prefix = in.text(NFTA_LOG_PREFIX)};
  log.group = in.number<std::uint16_t>(NFTA_LOG_GROUP);
  log.snapshot = in.word(NFTA_LOG_SNAPLEN).value_or(0);
  log.threshold = in.number<std::uint16_t>(NFTA_LOG_QTHRESHOLD).value_or(0);
  log.level = in.word(NFTA_LOG_LEVEL);
  log.flags = in.word(NFTA_LOG_FLAGS);
  return log;
}

Reading read_reject(NftAttributes& in) {
  const auto type = in.word(NFTA_REJECT_TYPE);
  const auto code = in.number<std::uint8_t>(NFTA_REJECT_ICMP_CODE);
  if (!type)
    return std::nullopt;
  return nft::Reject{*type, code.value_or(0)};
}

Reading read_queue(NftAttributes& in) {
  in.ignore({NFTA_QUEUE_NUM, NFTA_QUEUE_TOTAL, NFTA_QUEUE_FLAGS, NFTA_QUEUE_SREG_QNUM});
  return nft::Queue{};
}

Reading read_notrack(NftAttributes&) {
  return nft::Notrack{};
}

Reading read_nat(NftAttributes& in) {
  const auto type = in.word(NFTA_NAT_TYPE);
  const auto family = in.word(NFTA_NAT_FAMILY);
  if (!type || *type > NFT_NAT_DNAT || !family)
    return std::nullopt;
  nft::Translation nat{.kind = *type == NFT_NAT_DNAT ? nft::Translation::Kind::Destination
                                                     : nft::Translation::Kind::Source,
                       .family = *family};
  nat.address = in.reg(NFTA_NAT_REG_ADDR_MIN);
  nat.last_address = in.reg(NFTA_NAT_REG_ADDR_MAX);
  nat.port = in.reg(NFTA_NAT_REG_PROTO_MIN);
  nat.last_port = in.reg(NFTA_NAT_REG_PROTO_MAX);
  nat.flags = in.word(NFTA_NAT_FLAGS).value_or(0);
  return nat;
}

Reading read_masquerade(NftAttributes& in) {
  nft::Translation nat{.kind = nft::Translation::Kind::Masquerade};
  nat.port = in.reg(NFTA_MASQ_REG_PROTO_MIN);
  nat.last_port = in.reg(NFTA_MASQ_REG_PROTO_MAX);
  nat.flags = in.word(NFTA_MASQ_FLAGS).value_or(0);
  return nat;
}

Reading read_redirect(NftAttributes& in) {
  nft::Translation nat{.kind = nft::Translation::Kind::Redirect};
  nat.port = in.reg(NFTA_REDIR_REG_PROTO_MIN);
  nat.last_port = in.reg(NFTA_REDIR_REG_PROTO_MAX);
  nat.flags = in.word(NFTA_REDIR_FLAGS).value_or(0);
  return nat;
}

Reading read_tproxy(NftAttributes& in) {
  in.ignore({NFTA_TPROXY_FAMILY, NFTA_TPROXY_REG_ADDR, NFTA_TPROXY_REG_PORT});
  return nft::TransparentProxy{};
}

Reading read_synproxy(NftAttributes& in) {
  in.ignore({NFTA_SYNPROXY_MSS, NFTA_SYNPROXY_WSCALE, NFTA_SYNPROXY_FLAGS});
  return nft::SynProxy{};
}

Reading read_forward(NftAttributes& in) {
  in.ignore({NFTA_FWD_SREG_DEV, NFTA_FWD_SREG_ADDR, NFTA_FWD_NFPROTO});
  return nft::Forward{};
}

Reading read_duplicate(NftAttributes& in) {
  in.ignore({NFTA_DUP_SREG_ADDR, NFTA_DUP_SREG_DEV});
  return nft::Duplicate{};
}

Reading read_offload(NftAttributes& in) {
  return nft::Offload{in.text(NFTA_FLOW_TABLE_NAME)};
}

Reading read_dynset(NftAttributes& in) {
  nft::DynamicSet dynset{.set = in.text(NFTA_DYNSET_SET_NAME)};
  const auto operation = in.word(NFTA_DYNSET_OP);
  const auto key = in.reg(NFTA_DYNSET_SREG_KEY);
  const auto flags = in.word(NFTA_DYNSET_FLAGS).value_or(0);
  dynset.data = in.reg(NFTA_DYNSET_SREG_DATA);
  dynset.timeout = in.number<std::uint64_t>(NFTA_DYNSET_TIMEOUT).value_or(0);
  in.ignore({NFTA_DYNSET_SET_ID, NFTA_DYNSET_PAD});
  if (!operation || *operation > NFT_DYNSET_OP_DELETE || !key || dynset.set.empty() ||
      (flags & ~std::uint32_t{NFT_DYNSET_F_INV | NFT_DYNSET_F_EXPR}) != 0)
    return std::nullopt;
  if (const auto effect = in.bytes(NFTA_DYNSET_EXPR))
    dynset.effects.push_back(read_nft_effect(*effect));
  if (const auto effects = in.bytes(NFTA_DYNSET_EXPRESSIONS)) {
    NftAttributes list(*effects);
    for (const std::string_view one : list.all(NFTA_LIST_ELEM))
      dynset.effects.push_back(read_nft_effect(one));
    if (list.rest())
      return std::nullopt;
  }
  dynset.inverted = (flags & NFT_DYNSET_F_INV) != 0;
  dynset.operation = *operation;
  dynset.key = *key;
  return dynset;
}

Reading read_object_reference(NftAttributes& in) {
  const auto type = in.word(NFTA_OBJREF_IMM_TYPE);
  const auto from = in.reg(NFTA_OBJREF_SET_SREG);
  std::string name = in.text(NFTA_OBJREF_IMM_NAME);
  std::string set = in.text(NFTA_OBJREF_SET_NAME);
  in.ignore({NFTA_OBJREF_SET_ID});
  if (from && !set.empty() && !type && name.empty())
    return nft::ObjectLookup{std::move(set), *from};
  if (!type || name.empty() || from || !set.empty())
    return std::nullopt;
  return nft::ObjectReference{*type, std::move(name)};
}

Reading read_number_generator(NftAttributes& in) {
  const auto to = in.reg(NFTA_NG_DREG);
  const auto modulus = in.word(NFTA_NG_MODULUS);
  const auto type = in.word(NFTA_NG_TYPE);
  const auto offset = in.word(NFTA_NG_OFFSET).value_or(0);
  if (!to || !modulus || !type || *type > NFT_NG_RANDOM)
    return std::nullopt;
  return nft::Computed{
      .what = fmt::format("numgen {} mod {} offset {}", *type == NFT_NG_RANDOM ? "random" : "inc",
                          *modulus, offset),
      .random = true,
      .to = *to};
}

Reading read_hash(NftAttributes& in) {
  const auto to = in.reg(NFTA_HASH_DREG);
  const auto from = in.reg(NFTA_HASH_SREG);
  const auto length = in.word(NFTA_HASH_LEN);
  const auto modulus = in.word(NFTA_HASH_MODULUS);
  const auto seed = in.word(NFTA_HASH_SEED).value_or(0);
  const auto offset = in.word(NFTA_HASH_OFFSET).value_or(0);
  const auto type = in.word(NFTA_HASH_TYPE).value_or(NFT_HASH_JENKINS);
  if (!to || !modulus || type > NFT_HASH_SYM)
    return std::nullopt;
  if (type == NFT_HASH_SYM)
    return nft::Computed{.what = fmt::format("symhash mod {} offset {}", *modulus, offset),
                         .to = *to};
  if (!from || !length)
    return std::nullopt;
  return nft::Computed{
      .what = fmt::format("jhash mod {} seed {:#x} offset {}", *modulus, seed, offset),
      .from = from,
      .from_length = *length,
      .to = *to};
}

Reading read_fingerprint(NftAttributes& in) {
  const auto to = in.reg(NFTA_OSF_DREG);
  const auto ttl = in.number<std::uint8_t>(NFTA_OSF_TTL).value_or(0);
  const auto flags = in.word(NFTA_OSF_FLAGS).value_or(0);
  if (!to || (flags & ~std::uint32_t{NFT_OSF_F_VERSION}) != 0)
    return std::nullopt;
  return nft::Computed{.what = fmt::format("osf ttl {} {}", ttl, flags != 0 ? "version" : "name"),
                       .length = NFT_OSF_MAXGENRELEN,
                       .to = *to};
}

Reading read_tunnel(NftAttributes& in) {
  const auto to = in.reg(NFTA_TUNNEL_DREG);
  const auto key = in.word(NFTA_TUNNEL_KEY);
  const auto mode = in.word(NFTA_TUNNEL_MODE).value_or(0);
  if (!to || !key || *key > NFT_TUNNEL_ID)
    return std::nullopt;
  const bool path = *key == NFT_TUNNEL_PATH;
  return nft::Computed{.what = fmt::format("tunnel {} mode {}", path ? "path" : "id", mode),
                       .length = path ? 1U : 4U,
                       .to = *to};
}

Reading read_xfrm(NftAttributes& in) {
  const auto to = in.reg(NFTA_XFRM_DREG);
  const auto key = in.word(NFTA_XFRM_KEY);
  const auto direction = in.number<std::uint8_t>(NFTA_XFRM_DIR);
  const auto number = in.word(NFTA_XFRM_SPNUM).value_or(0);
  if (!to || !key || !direction)
    return std::nullopt;
  const bool v6 = *key == NFT_XFRM_KEY_DADDR_IP6 || *key == NFT_XFRM_KEY_SADDR_IP6;
  return nft::Computed{
      .what = fmt::format("ipsec {} spnum {} key {}", *direction == 0 ? "in" : "out", number, *key),
      .length = v6 ? 16U : 4U,
      .to = *to};
}

Reading read_match(NftAttributes& in) {
  nft::XtMatch match{.name = in.text(NFTA_MATCH_NAME)};
  const auto revision = in.word(NFTA_MATCH_REV);
  const auto info = in.bytes(NFTA_MATCH_INFO);
  if (match.name.empty() || !revision || !info)
    return std::nullopt;
  match.revision = *revision;
  match.info = *info;
  return match;
}

Reading read_target(NftAttributes& in) {
  nft::XtTarget target{.name = in.text(NFTA_TARGET_NAME)};
  const auto revision = in.word(NFTA_TARGET_REV);
  const auto info = in.bytes(NFTA_TARGET_INFO);
  if (target.name.empty() || !revision || !info)
    return std::nullopt;
  target.revision = *revision;
  target.info = *info;
  return target;
}

}  // namespace

std::vector<std::pair<std::string_view, NftReading (*)(NftAttributes&)>> nft_statement_readers() {
  return {{"connlimit", read_connection_limit},
          {"counter", read_counter},
          {"dup", read_duplicate},
          {"dynset", read_dynset},
          {"flow_offload", read_offload},
          {"fwd", read_forward},
          {"hash", read_hash},
          {"last", read_last},
          {"limit", read_limit},
          {"log", read_log},
          {"masq", read_masquerade},
          {"match", read_match},
          {"nat", read_nat},
          {"notrack", read_notrack},
          {"numgen", read_number_generator},
          {"objref", read_object_reference},
          {"osf", read_fingerprint},
          {"queue", read_queue},
          {"quota", read_quota},
          {"redir", read_redirect},
          {"reject", read_reject},
          {"synproxy", read_synproxy},
          {"target", read_target},
          {"tproxy", read_tproxy},
          {"tunnel", read_tunnel},
          {"xfrm", read_xfrm}};
}

namespace {

// nullopt for expressions that elements do not have.
struct EffectOf {
  template <typename Other>
  nft::Effect operator()(const Other&) const {
    return nft::Unknown{"an expression"};
  }
  nft::Effect operator()(const nft::Counter& effect) const { return effect; }
  nft::Effect operator()(const nft::Last& effect) const { return effect; }
  nft::Effect operator()(const nft::Limit& effect) const { return effect; }
  nft::Effect operator()(const nft::Quota& effect) const { return effect; }
  nft::Effect operator()(const nft::ConnectionLimit& effect) const { return effect; }
  nft::Effect operator()(const nft::Unknown& effect) const { return effect; }
};

}  // namespace

nft::Effect read_nft_effect(std::string_view bytes) {
  return std::visit(EffectOf{}, read_nft_expression(bytes));
}

nft::Effect read_nft_object(std::uint32_t type, std::string_view data) {
  NftAttributes in(data);
  NftReading reading;
  switch (type) {
    case NFT_OBJECT_COUNTER:
      reading = read_counter(in);
      break;
    case NFT_OBJECT_QUOTA:
      reading = read_quota(in);
      break;
    case NFT_OBJECT_LIMIT:
      reading = read_limit(in);
      break;
    case NFT_OBJECT_CONNLIMIT:
      reading = read_connection_limit(in);
      break;
    default:
      break;
  }
  if (!reading || in.rest())
    return nft::Unknown{fmt::format("object of type {}", type)};
  return std::visit(EffectOf{}, *reading);
}

}  // namespace quay
