#include "language/nft_expressions.h"

#include <map>
#include <utility>

#include <fmt/format.h>
#include <linux/netfilter/nf_tables.h>

#include "language/nft_attributes.h"
#include "language/nft_statements.h"

namespace quay {

std::optional<nft::Register> NftAttributes::nft_register(std::optional<std::uint32_t> number) {
  if (!number || *number == NFT_REG_VERDICT)
    return std::nullopt;
  if (*number <= NFT_REG_4)
    return static_cast<nft::Register>((*number - NFT_REG_1) * 4);
  if (*number >= NFT_REG32_00 && *number <= NFT_REG32_15)
    return static_cast<nft::Register>(*number - NFT_REG32_00);
  return std::nullopt;
}

std::optional<nft::Data> read_nft_data(std::string_view bytes) {
  NftAttributes in(bytes);
  std::optional<nft::Data> data;
  if (const auto value = in.bytes(NFTA_DATA_VALUE)) {
    data = nft::Bytes(*value);
  } else if (const auto verdict = in.bytes(NFTA_DATA_VERDICT)) {
    NftAttributes fields(*verdict);
    const auto code = fields.word(NFTA_VERDICT_CODE);
    nft::Verdict result{.code = static_cast<std::int32_t>(code.value_or(0)),
                        .chain = fields.text(NFTA_VERDICT_CHAIN)};
    if (!code || fields.rest())
      return std::nullopt;
    data = std::move(result);
  }
  return in.rest() ? std::nullopt : data;
}

std::optional<nft::Bytes> read_nft_bytes(std::optional<std::string_view> bytes) {
  auto data = bytes ? read_nft_data(*bytes) : std::nullopt;
  if (!data || !std::holds_alternative<nft::Bytes>(*data))
    return std::nullopt;
  return std::get<nft::Bytes>(std::move(*data));
}

namespace {

using Reading = NftReading;

Reading read_payload(NftAttributes& in) {
  const auto to = in.reg(NFTA_PAYLOAD_DREG);
  const auto from = in.reg(NFTA_PAYLOAD_SREG);
  const auto base = in.word(NFTA_PAYLOAD_BASE);
  const auto offset = in.word(NFTA_PAYLOAD_OFFSET);
  const auto length = in.word(NFTA_PAYLOAD_LEN);
  if (to.has_value() == from.has_value() || !base || !offset || !length)
    return std::nullopt;
  if (to)
    return nft::Payload{*base, *offset, *length, *to};
  // Checksums are kept right; no packet is judged by them.
  in.ignore({NFTA_PAYLOAD_CSUM_TYPE, NFTA_PAYLOAD_CSUM_OFFSET, NFTA_PAYLOAD_CSUM_FLAGS});
  return nft::PayloadWrite{*base, *offset, *length, *from};
}

Reading read_meta(NftAttributes& in) {
  const auto key = in.word(NFTA_META_KEY);
  const auto to = in.reg(NFTA_META_DREG);
  const auto from = in.reg(NFTA_META_SREG);
  if (!key || to.has_value() == from.has_value())
    return std::nullopt;
  if (to)
    return nft::Meta{*key, *to};
  return nft::MetaWrite{*key, *from};
}

Reading read_conntrack(NftAttributes& in) {
  const auto key = in.word(NFTA_CT_KEY);
  const auto to = in.reg(NFTA_CT_DREG);
  const auto from = in.reg(NFTA_CT_SREG);
  const auto direction = in.number<std::uint8_t>(NFTA_CT_DIRECTION);
  if (!key || to.has_value() == from.has_value())
    return std::nullopt;
  if (to)
    return nft::Conntrack{*key, direction, *to};
  return nft::ConntrackWrite{*key, direction, *from};
}

Reading read_route(NftAttributes& in) {
  const auto key = in.word(NFTA_RT_KEY);
  const auto to = in.reg(NFTA_RT_DREG);
  if (!key || !to)
    return std::nullopt;
  return nft::Route{*key, *to};
}

Reading read_fib(NftAttributes& in) {
  const auto result = in.word(NFTA_FIB_RESULT);
  const auto flags = in.word(NFTA_FIB_FLAGS);
  const auto to = in.reg(NFTA_FIB_DREG);
  constexpr std::uint32_t known = NFTA_FIB_F_SADDR | NFTA_FIB_F_DADDR | NFTA_FIB_F_MARK |
                                  NFTA_FIB_F_IIF | NFTA_FIB_F_OIF | NFTA_FIB_F_PRESENT;
  if (!result || !flags || !to || (*flags & ~known) != 0)
    return std::nullopt;
  return nft::Fib{*result, *flags, *to};
}

Reading read_socket(NftAttributes& in) {
  const auto key = in.word(NFTA_SOCKET_KEY);
  const auto to = in.reg(NFTA_SOCKET_DREG);
  const auto level = in.word(NFTA_SOCKET_LEVEL);
  if (!key || !to)
    return std::nullopt;
  return nft::Socket{*key, level.value_or(0), *to};
}

Reading read_extension_header(NftAttributes& in) {
  const auto type = in.number<std::uint8_t>(NFTA_EXTHDR_TYPE);
  const auto operation = in.word(NFTA_EXTHDR_OP).value_or(NFT_EXTHDR_OP_IPV6);
  const auto to = in.reg(NFTA_EXTHDR_DREG);
  const auto from = in.reg(NFTA_EXTHDR_SREG);
  const auto offset = in.word(NFTA_EXTHDR_OFFSET);
  const auto length = in.word(NFTA_EXTHDR_LEN);
  const auto flags = in.word(NFTA_EXTHDR_FLAGS).value_or(0);
  if (!type || (to && from) || (flags & ~std::uint32_t{NFT_EXTHDR_F_PRESENT}) != 0)
    return std::nullopt;
  if (!to)  // written, or with no register at all taken away
    return nft::ExtensionHeaderWrite{operation, *type};
  if (!offset || !length)
    return std::nullopt;
  return nft::ExtensionHeader{operation, *type, *offset, *length, flags != 0, *to};
}

Reading read_compare(NftAttributes& in) {
  const auto from = in.reg(NFTA_CMP_SREG);
  const auto operation = in.word(NFTA_CMP_OP);
  auto value = read_nft_bytes(in.bytes(NFTA_CMP_DATA));
  if (!from || !operation || !value)
    return std::nullopt;
  return nft::Compare{*operation, *from, std::move(*value)};
}

Reading read_range(NftAttributes& in) {
  const auto from = in.reg(NFTA_RANGE_SREG);
  const auto operation = in.word(NFTA_RANGE_OP);
  auto first = read_nft_bytes(in.bytes(NFTA_RANGE_FROM_DATA));
  auto last = read_nft_bytes(in.bytes(NFTA_RANGE_TO_DATA));
  if (!from || !operation || !first || !last || first->size() != last->size())
    return std::nullopt;
  return nft::Range{*operation, *from, std::move(*first), std::move(*last)};
}

Reading read_bitwise(NftAttributes& in) {
  const auto from = in.reg(NFTA_BITWISE_SREG);
  const auto to = in.reg(NFTA_BITWISE_DREG);
  const auto length = in.word(NFTA_BITWISE_LEN);
  const auto operation = in.word(NFTA_BITWISE_OP).value_or(NFT_BITWISE_BOOL);
  if (!from || !to || !length)
    return std::nullopt;
  if (operation == NFT_BITWISE_LSHIFT || operation == NFT_BITWISE_RSHIFT) {
    const auto value = read_nft_bytes(in.bytes(NFTA_BITWISE_DATA));
    std::uint32_t bits = 0;  // in the machine's own order
    if (!value || value->size() != sizeof bits)
      return std::nullopt;
    value->copy(reinterpret_cast<char*>(&bits), sizeof bits);
    return nft::Shift{*from, *to, operation, *length, bits};
  }
  auto mask = read_nft_bytes(in.bytes(NFTA_BITWISE_MASK));
  auto flip = read_nft_bytes(in.bytes(NFTA_BITWISE_XOR));
  // Two registers, since Linux 6.13, are other operations.
  if (!mask || !flip || operation != NFT_BITWISE_BOOL || mask->size() != *length ||
      flip->size() != *length)
    return std::nullopt;
  return nft::Bitwise{*from, *to, std::move(*mask), std::move(*flip)};
}

Reading read_byteorder(NftAttributes& in) {
  const auto from = in.reg(NFTA_BYTEORDER_SREG);
  const auto to = in.reg(NFTA_BYTEORDER_DREG);
  const auto operation = in.word(NFTA_BYTEORDER_OP);
  const auto length = in.word(NFTA_BYTEORDER_LEN);
  const auto size = in.word(NFTA_BYTEORDER_SIZE);
  if (!from || !to || !operation || !length || !size)
    return std::nullopt;
  return nft::Byteorder{*from, *to, *operation, *length, *size};
}

Reading read_immediate(NftAttributes& in) {
  const auto number = in.word(NFTA_IMMEDIATE_DREG);
  const auto bytes = in.bytes(NFTA_IMMEDIATE_DATA);
  auto data = bytes ? read_nft_data(*bytes) : std::nullopt;
  const bool to_verdict = number == std::uint32_t{NFT_REG_VERDICT};
  const auto to = NftAttributes::nft_register(number);
  if (!data || (!to && !to_verdict) || to_verdict != std::holds_alternative<nft::Verdict>(*data))
    return std::nullopt;
  return nft::Immediate{to, std::move(*data)};
}

Reading read_lookup(NftAttributes& in) {
  nft::Lookup lookup{.set = in.text(NFTA_LOOKUP_SET)};
  const auto from = in.reg(NFTA_LOOKUP_SREG);
  const auto to = in.word(NFTA_LOOKUP_DREG);
  const auto flags = in.word(NFTA_LOOKUP_FLAGS).value_or(0);
  in.ignore({NFTA_LOOKUP_SET_ID});
  if (!from || lookup.set.empty() || (flags & ~std::uint32_t{NFT_LOOKUP_F_INV}) != 0)
    return std::nullopt;
  lookup.from = *from;
  lookup.inverted = flags != 0;
  lookup.to_verdict = to == std::uint32_t{NFT_REG_VERDICT};
  lookup.to = NftAttributes::nft_register(to);
  if (to && !lookup.to_verdict && !lookup.to)
    return std::nullopt;
  return lookup;
}

using Readers = std::map<std::string, NftReading (*)(NftAttributes&), std::less<>>;

const Readers& readers() {
  static const Readers all = [] {
    Readers known{{"payload", read_payload},
                  {"meta", read_meta},
                  {"ct", read_conntrack},
                  {"rt", read_route},
                  {"fib", read_fib},
                  {"socket", read_socket},
                  {"exthdr", read_extension_header},
                  {"cmp", read_compare},
                  {"range", read_range},
                  {"bitwise", read_bitwise},
                  {"byteorder", read_byteorder},
                  {"immediate", read_immediate},
                  {"lookup", read_lookup}};
    for (const auto& [name, reader] : nft_statement_readers())
      known.emplace(name, reader);
    return known;
  }();
  return all;
}

}  // namespace

nft::Expression read_nft_expression(std::string_view bytes) {
  NftAttributes in(bytes);
  const std::string name = in.text(NFTA_EXPR_NAME);
  const auto data = in.bytes(NFTA_EXPR_DATA);
  const auto reader = readers().find(name);
  if (reader == readers().end() || in.rest())
    return nft::Unknown{"expression " + name};
  NftAttributes fields(data.value_or(std::string_view()));
  auto expression = reader->second(fields);
  if (const auto rest = fields.rest())
    return nft::Unknown{fmt::format("expression {}, {}", name, *rest)};
  if (!expression)
    return nft::Unknown{fmt::format("expression {}, a value", name)};
  return std::move(*expression);
}

}  // namespace quay
