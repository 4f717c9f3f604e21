// What the kernel's nftables runs, as values: tables, chains, rules and sets, as netlink tells
// them.
//
// Nothing here is ours alone: the same values describe every table of the gateway. What the decoder
// (language/nft_messages.h) does not know stands as nft::Unknown, by name, and is never guessed at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace quay::nft {

using Bytes = std::string;  // as they lie in the kernel's registers

// The number of a register's first 32-bit word, 0 to 15. The old 128-bit registers 1 to 4 are the
// words 0, 4, 8 and 12 (linux/netfilter/nf_tables.h: enum nft_registers).
using Register = std::uint8_t;

struct Verdict {
  std::int32_t code = 0;  // NF_DROP, NF_ACCEPT, NFT_CONTINUE, NFT_BREAK, NFT_JUMP, ...
  std::string chain;      // of jump and goto
  bool operator==(const Verdict&) const = default;
};

using Data = std::variant<Bytes, Verdict>;

// Numbers in expressions are the kernel's own constants, of the same header: `base` is an
// NFT_PAYLOAD_*, `key` an NFT_META_* or NFT_CT_*, `operation` an NFT_CMP_* or NFT_DYNSET_OP_*.
struct Payload {
  std::uint32_t base = 0;
  std::uint32_t offset = 0;  // in bytes, as the length
  std::uint32_t length = 0;
  Register to = 0;
};
struct Meta {
  std::uint32_t key = 0;
  Register to = 0;
};
struct Conntrack {
  std::uint32_t key = 0;
  std::optional<std::uint8_t> direction;
  Register to = 0;
};
struct Compare {
  std::uint32_t operation = 0;
  Register from = 0;
  Bytes value;
};
struct Bitwise {  // to = (from & mask) ^ flip
  Register from = 0;
  Register to = 0;
  Bytes mask;
  Bytes flip;
};
struct Byteorder {
  Register from = 0;
  Register to = 0;
  std::uint32_t operation = 0;
  std::uint32_t length = 0;
  std::uint32_t size = 0;
};
struct Immediate {
  std::optional<Register> to;  // nullopt: the verdict
  Data data;
};
struct Lookup {
  std::string set;
  Register from = 0;
  bool inverted = false;
  bool to_verdict = false;
  std::optional<Register> to;
};
struct Counter {};
struct Limit {
  std::uint64_t rate = 0;
  std::uint64_t unit = 0;  // seconds
  std::uint32_t burst = 0;
  bool bytes = false;
  bool over = false;
};
struct Log {
  std::string prefix;
  std::optional<std::uint16_t> group;
  std::uint32_t snapshot = 0;
  std::uint16_t threshold = 0;
};
struct Reject {
  std::uint32_t type = 0;
  std::uint8_t code = 0;
};
struct DynamicSet {  // puts a key into a set
  std::string set;
  std::uint32_t operation = 0;
  Register key = 0;
};
struct ObjectReference {
  std::uint32_t type = 0;
  std::string name;
};
struct Unknown {
  std::string what;  // "expression osf", "expression cmp, attribute 9"
};

using Expression =
    std::variant<Payload, Meta, Conntrack, Compare, Bitwise, Byteorder, Immediate, Lookup, Counter,
                 Limit, Log, Reject, DynamicSet, ObjectReference, Unknown>;

struct Rule {
  std::string chain;
  std::uint64_t handle = 0;
  std::vector<Expression> expressions;
  std::string comment;
};

struct Hook {
  std::string type;  // "filter", "nat", "route"
  std::uint32_t number = 0;
  std::int32_t priority = 0;
  std::uint32_t policy = 1;  // NF_DROP or NF_ACCEPT
};

struct Chain {
  std::string name;
  std::optional<Hook> hook;  // of a base chain
};

struct Element {
  Bytes key;
  std::optional<Data> data;
};

struct Set {
  std::string name;
  std::uint32_t flags = 0;     // NFT_SET_*
  std::uint32_t key_type = 0;  // nft's own numbers, six bits for each part of a concatenation
  std::uint32_t key_length = 0;
  std::uint32_t data_type = 0;
  std::uint64_t timeout = 0;  // milliseconds
  std::uint32_t size = 0;     // 0: no limit
  std::vector<Element> elements;
};

struct Object {
  std::string name;
  std::uint32_t type = 0;  // NFT_OBJECT_*
};

struct Table {
  std::uint8_t family = 0;  // NFPROTO_*
  std::string name;
  std::uint32_t flags = 0;
  std::vector<Chain> chains;
  std::vector<Rule> rules;  // of all chains, each chain's in their order
  std::vector<Set> sets;
  std::vector<Object> objects;
  std::vector<std::string> unknown;  // what is not in the values above: "set x, attribute 21"
};

}  // namespace quay::nft
