// The reader of rules held against a machine that runs them: random expressions on random packets.
#include <algorithm>
#include <array>
#include <cstring>

#include <gtest/gtest.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <rapidcheck/gtest.h>

#include "language/nft_headers.h"
#include "language/nft_program.h"
#include "packetset/filter_walk.h"
#include "tests/support/filter_text.h"

namespace quay {
namespace {

using filter::Kind;
using filter::Number;
using nft::Bytes;
using nft::Expression;

// Headers of a packet, and its mark.
struct Raw {
  Family family = Family::V4;
  std::array<std::uint8_t, 40> network{};
  std::array<std::uint8_t, 20> transport{};
  std::uint32_t mark = 0;
};

// The kernel's own way: bytes in registers (net/netfilter/nft_bitwise.c, nft_cmp.c, ...).
class Machine {
 public:
  explicit Machine(const Raw& packet) : packet_(packet) {}

  bool matches(const std::vector<Expression>& expressions, const nft::Set& set) {
    set_ = &set;
    return std::ranges::all_of(expressions,
                               [this](const Expression& one) { return std::visit(*this, one); });
  }

  bool operator()(const nft::Payload& load) {
    const std::uint8_t* header =
        load.base == NFT_PAYLOAD_NETWORK_HEADER ? packet_.network.data() : packet_.transport.data();
    clear_words(load.to, load.length);
    std::memcpy(at(load.to), header + load.offset, load.length);
    return true;
  }
  bool operator()(const nft::Meta& load) {
    clear_words(load.to, 4);
    if (load.key == NFT_META_MARK)
      std::memcpy(at(load.to), &packet_.mark, 4);
    else
      *at(load.to) = packet_.family == Family::V4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
    return true;
  }
  bool operator()(const nft::Bitwise& bitwise) {
    const std::size_t size = bitwise.mask.size();
    std::array<std::uint8_t, 64> result{};
    for (std::size_t i = 0; i < size; ++i)
      result[i] = static_cast<std::uint8_t>((at(bitwise.from)[i] & bitwise.mask[i]) ^
                                            static_cast<std::uint8_t>(bitwise.flip[i]));
    clear_words(bitwise.to, size);
    std::memcpy(at(bitwise.to), result.data(), size);
    return true;
  }
  bool operator()(const nft::Shift& shift) {
    std::array<std::uint32_t, 16> words{};
    const std::size_t count = (shift.length + 3) / 4;
    std::memcpy(words.data(), at(shift.from), count * 4);
    std::uint32_t carry = 0;
    if (shift.operation == NFT_BITWISE_LSHIFT) {
      for (std::size_t i = count; i > 0; --i) {
        const std::uint32_t old = words[i - 1];
        words[i - 1] = old << shift.bits | carry;
        carry = old >> (32 - shift.bits);
      }
    } else {
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t old = words[i];
        words[i] = old >> shift.bits | carry;
        carry = old << (32 - shift.bits);
      }
    }
    std::memcpy(at(shift.to), words.data(), count * 4);
    return true;
  }
  bool operator()(const nft::Byteorder& order) {
    std::array<std::uint8_t, 64> result{};
    std::memcpy(result.data(), at(order.from), order.length);
    for (std::size_t i = 0; i < order.length; i += order.size)
      std::reverse(result.begin() + static_cast<std::ptrdiff_t>(i),
                   result.begin() + static_cast<std::ptrdiff_t>(i + order.size));
    clear_words(order.to, order.length);
    std::memcpy(at(order.to), result.data(), order.length);
    return true;
  }
  bool operator()(const nft::Compare& compare) {
    const int sign = std::memcmp(at(compare.from), compare.value.data(), compare.value.size());
    switch (compare.operation) {
      case NFT_CMP_EQ:
        return sign == 0;
      case NFT_CMP_NEQ:
        return sign != 0;
      case NFT_CMP_LT:
        return sign < 0;
      case NFT_CMP_LTE:
        return sign <= 0;
      case NFT_CMP_GT:
        return sign > 0;
      default:
        return sign >= 0;
    }
  }
  bool operator()(const nft::Range& range) {
    const bool inside = std::memcmp(at(range.from), range.first.data(), range.first.size()) >= 0 &&
                        std::memcmp(at(range.from), range.last.data(), range.last.size()) <= 0;
    return inside == (range.operation == NFT_RANGE_EQ);
  }
  // Of intervals: the nearest element below decides.
  bool operator()(const nft::Lookup& lookup) {
    const Bytes key(reinterpret_cast<const char*>(at(lookup.from)), set_->key_length);
    const nft::Element* nearest = nullptr;
    for (const nft::Element& element : set_->elements) {
      const bool end = (element.flags & NFT_SET_ELEM_INTERVAL_END) != 0;
      if (element.key <= key && (nearest == nullptr || element.key > nearest->key ||
                                 (element.key == nearest->key && !end)))
        nearest = &element;
    }
    const bool found = nearest != nullptr && (nearest->flags & NFT_SET_ELEM_INTERVAL_END) == 0;
    return found != lookup.inverted;
  }
  template <typename Other>
  bool operator()(const Other&) {
    return true;
  }

 private:
  std::uint8_t* at(nft::Register word) { return registers_.data() + word * std::size_t{4}; }
  void clear_words(nft::Register to, std::size_t bytes) {
    std::memset(at(to), 0, (bytes + 3) / 4 * 4);
  }

  const Raw& packet_;
  const nft::Set* set_ = nullptr;
  std::array<std::uint8_t, 128> registers_{};
};

Number bits_of(std::span<const std::uint8_t> bytes, int first, int count) {
  Number number = 0;
  for (int i = first; i < first + count; ++i)
    number = number << 1 | (bytes[static_cast<std::size_t>(i / 8)] >> (7 - i % 8) & 1U);
  return number;
}

filter::Point point_of(const Raw& raw) {
  filter::Point point{.direction = Direction::In, .family = raw.family};
  const auto add = [&point](std::span<const nft::HeaderField> fields,
                            std::span<const std::uint8_t> bytes) {
    for (const nft::HeaderField& field : fields)
      point.numbers[{.kind = field.kind,
                     .name = std::string(field.name),
                     .bits = field.kind == Kind::Other ? field.bits : 0}] =
          bits_of(bytes, field.first, field.bits);
  };
  add(nft::network_fields(raw.family), raw.network);
  add(nft::transport_fields(std::nullopt), raw.transport);
  point.numbers[{.kind = Kind::Mark}] = raw.mark;
  return point;
}

rc::Gen<Bytes> bytes_of(std::size_t size) {
  // Few different values, so that they meet.
  return rc::gen::container<Bytes>(
      size, rc::gen::oneOf(rc::gen::element<char>(0, 1, '\x7f', '\x80', '\xfe', '\xff'),
                           rc::gen::arbitrary<char>()));
}

// One number in the registers, however it came to be, and a question about it.
struct Program {
  std::vector<Expression> expressions;
  nft::Set set{.name = "s"};
};

void add_load(Program& program, nft::Register to, std::uint32_t length) {
  if (length == 4 && *rc::gen::inRange(0, 3) == 0) {
    program.expressions.emplace_back(nft::Meta{NFT_META_MARK, to});
    return;
  }
  const bool network = *rc::gen::arbitrary<bool>();
  const auto most = static_cast<int>(network ? 20 - length : 4 - std::min(4U, length));
  program.expressions.emplace_back(
      nft::Payload{network ? NFT_PAYLOAD_NETWORK_HEADER : NFT_PAYLOAD_TRANSPORT_HEADER,
                   static_cast<std::uint32_t>(*rc::gen::inRange(0, most + 1)),
                   network ? length : std::min(4U, length), to});
}

void add_change(Program& program, std::uint32_t length) {
  const auto words = (length + 3) / 4 * 4;
  switch (*rc::gen::inRange(0, 4)) {
    case 0:
      program.expressions.emplace_back(
          nft::Bitwise{0, 0, *bytes_of(length),
                       *rc::gen::oneOf(bytes_of(length), rc::gen::just(Bytes(length, '\0')))});
      break;
    case 1:
      program.expressions.emplace_back(
          nft::Shift{0, 0, *rc::gen::element<std::uint32_t>(NFT_BITWISE_LSHIFT, NFT_BITWISE_RSHIFT),
                     words, static_cast<std::uint32_t>(*rc::gen::inRange(1, 32))});
      break;
    case 2:
      if (length % 2 == 0)
        program.expressions.emplace_back(
            nft::Byteorder{0, 0, NFT_BYTEORDER_HTON, length, length % 4 == 0 ? 4U : 2U});
      break;
    default:
      break;
  }
}

void add_question(Program& program, std::uint32_t length) {
  const Bytes first = *bytes_of(length);
  const Bytes last = *bytes_of(length);
  switch (*rc::gen::inRange(0, 3)) {
    case 0:
      program.expressions.emplace_back(
          nft::Compare{static_cast<std::uint32_t>(*rc::gen::inRange(0, 6)), 0, first});
      break;
    case 1:
      program.expressions.emplace_back(
          nft::Range{static_cast<std::uint32_t>(*rc::gen::inRange(0, 2)), 0, std::min(first, last),
                     std::max(first, last)});
      break;
    default: {
      program.set.flags = NFT_SET_INTERVAL;
      program.set.key_length = length;
      std::set<Bytes> keys;
      for (int i = *rc::gen::inRange(0, 6); i > 0; --i)
        keys.insert(*bytes_of(length));
      for (const Bytes& key : keys)
        program.set.elements.push_back(
            {.key = key,
             .flags = *rc::gen::arbitrary<bool>() ? std::uint32_t{NFT_SET_ELEM_INTERVAL_END} : 0});
      program.expressions.emplace_back(
          nft::Lookup{.set = "s", .from = 0, .inverted = *rc::gen::arbitrary<bool>()});
    }
  }
}

Program program_of_any_kind() {
  Program program;
  const auto length = *rc::gen::element<std::uint32_t>(1, 2, 4, 4, 6, 8);
  if (length > 4) {  // two numbers side by side
    add_load(program, 0, 4);
    add_load(program, 1, length - 4);
  } else {
    add_load(program, 0, length);
  }
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i)
    add_change(program, length);
  add_question(program, length);
  program.expressions.emplace_back(nft::Immediate{std::nullopt, nft::Verdict{NF_DROP, {}}});
  return program;
}

Raw any_packet() {
  Raw raw{.family = *rc::gen::element(Family::V4, Family::V6)};
  const auto fill = [](auto& header) {
    const Bytes bytes = *bytes_of(header.size());
    std::memcpy(header.data(), bytes.data(), header.size());
  };
  fill(raw.network);
  fill(raw.transport);
  std::memcpy(&raw.mark, (*bytes_of(4)).data(), 4);
  return raw;
}

TEST(NftProgram, MatchesWhatTheMachineMatches) {
  ASSERT_TRUE(rc::check("any expressions, any packet", [] {
    const Program program = program_of_any_kind();
    const nft::Table table{
        .family = NFPROTO_INET,
        .name = "t",
        .chains = {{.name = "c", .hook = nft::Hook{.type = "filter", .number = NF_INET_LOCAL_IN}}},
        .rules = {{.chain = "c", .handle = 1, .expressions = program.expressions}},
        .sets = {program.set}};
    const filter::Ruleset ruleset = read_nft_program({{table}}, {});
    RC_LOG() << filter::text_of(ruleset);
    const bool vague = filter::text_of(ruleset).find('{') != std::string::npos;
    RC_CLASSIFY(vague, "an atom");
    if (vague)
      return;
    for (int i = 0; i < 20; ++i) {
      const Raw raw = any_packet();
      const bool matches = Machine(raw).matches(program.expressions, program.set);
      RC_ASSERT(filter::walk(ruleset, point_of(raw)).fate ==
                (matches ? filter::kDropped : filter::kAccepted));
    }
  }));
}

}  // namespace
}  // namespace quay
