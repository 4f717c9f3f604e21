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
// NFT_PAYLOAD_*, `key` an NFT_META_*, NFT_CT_*, NFT_RT_* or NFT_SOCKET_*, `operation` an NFT_CMP_*,
// NFT_RANGE_*, NFT_BITWISE_*, NFT_BYTEORDER_* or NFT_DYNSET_OP_*. Lengths and offsets are in bytes.
struct Payload {
  std::uint32_t base = 0;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  Register to = 0;
};
struct PayloadWrite {
  std::uint32_t base = 0;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  Register from = 0;
};
struct Meta {
  std::uint32_t key = 0;
  Register to = 0;
};
struct MetaWrite {
  std::uint32_t key = 0;
  Register from = 0;
};
struct Conntrack {
  std::uint32_t key = 0;
  std::optional<std::uint8_t> direction;
  Register to = 0;
};
struct ConntrackWrite {
  std::uint32_t key = 0;
  std::optional<std::uint8_t> direction;
  Register from = 0;
};
struct Route {
  std::uint32_t key = 0;
  Register to = 0;
};
struct Fib {
  std::uint32_t result = 0;  // NFT_FIB_RESULT_*
  std::uint32_t flags = 0;   // NFTA_FIB_F_*
  Register to = 0;
};
struct Socket {
  std::uint32_t key = 0;
  std::uint32_t level = 0;  // of a cgroup
  Register to = 0;
};
struct ExtensionHeader {
  std::uint32_t operation = 0;  // NFT_EXTHDR_OP_*: of IPv6, TCP, IPv4, SCTP, DCCP
  std::uint8_t type = 0;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  bool present = false;  // the answer is whether it is there
  Register to = 0;
};
struct ExtensionHeaderWrite {
  std::uint32_t operation = 0;
  std::uint8_t type = 0;
};
// A number that is computed and not read: `what` says how, in nft's words.
struct Computed {
  std::string what;     // "jhash 4 bytes mod 2 seed 0x1", "numgen random mod 10", "osf name"
  bool random = false;  // another one for every packet
  std::uint32_t length = 4;
  std::optional<Register> from;  // of a hash: what goes into it,
  std::uint32_t from_length = 0;
  Register to = 0;
};
struct Compare {
  std::uint32_t operation = 0;
  Register from = 0;
  Bytes value;
};
struct Range {  // both ends belong to it
  std::uint32_t operation = 0;
  Register from = 0;
  Bytes first;
  Bytes last;
};
struct Bitwise {  // to = (from & mask) ^ flip
  Register from = 0;
  Register to = 0;
  Bytes mask;
  Bytes flip;
};
struct Shift {
  Register from = 0;
  Register to = 0;
  std::uint32_t operation = 0;
  std::uint32_t length = 0;
  std::uint32_t bits = 0;
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
struct Last {};
struct Limit {
  std::uint64_t rate = 0;
  std::uint64_t unit = 0;  // seconds
  std::uint32_t burst = 0;
  bool bytes = false;
  bool over = false;
};
struct Quota {
  std::uint64_t bytes = 0;
  bool over = false;
};
struct ConnectionLimit {
  std::uint32_t count = 0;
  bool over = false;
};
struct Log {
  std::string prefix;
  std::optional<std::uint16_t> group;
  std::uint32_t snapshot = 0;
  std::uint16_t threshold = 0;
  std::optional<std::uint32_t> level;
  std::optional<std::uint32_t> flags;
};
struct Reject {
  std::uint32_t type = 0;
  std::uint8_t code = 0;
};
struct Queue {};
struct Notrack {};
// Registers of the first and the last address and port; without a last one it is the first.
struct Translation {
  enum class Kind : std::uint8_t { Source, Destination, Masquerade, Redirect };
  Kind kind = Kind::Source;
  std::uint32_t family = 0;  // NFPROTO_*, of the addresses
  std::optional<Register> address;
  std::optional<Register> last_address;
  std::optional<Register> port;
  std::optional<Register> last_port;
  std::uint32_t flags = 0;  // NF_NAT_RANGE_*
};
// Hands the packet to a program or to another path through the kernel.
struct TransparentProxy {};
struct SynProxy {};
struct Forward {};    // out of another device, at once
struct Duplicate {};  // a copy elsewhere
struct Offload {
  std::string flowtable;
};
struct Unknown {
  std::string what;  // "expression inner", "expression cmp, attribute 9"
};
// What an element of a set does with a packet that finds it.
using Effect = std::variant<Counter, Last, Limit, Quota, ConnectionLimit, Unknown>;
struct DynamicSet {  // puts a key into a set
  std::string set;
  std::uint32_t operation = 0;
  Register key = 0;
  std::optional<Register> data;
  std::uint64_t timeout = 0;  // milliseconds
  bool inverted = false;
  std::vector<Effect> effects;
};
struct ObjectReference {
  std::uint32_t type = 0;
  std::string name;
};
struct ObjectLookup {  // the object that a map has for a key
  std::string set;
  Register from = 0;
};
// Matches and targets of iptables: linux/netfilter/xt_*.h says what their bytes mean.
struct XtMatch {
  std::string name;
  std::uint32_t revision = 0;
  Bytes info;
};
struct XtTarget {
  std::string name;
  std::uint32_t revision = 0;
  Bytes info;
};

using Expression =
    std::variant<Payload, PayloadWrite, Meta, MetaWrite, Conntrack, ConntrackWrite, Route, Fib,
                 Socket, ExtensionHeader, ExtensionHeaderWrite, Computed, Compare, Range, Bitwise,
                 Shift, Byteorder, Immediate, Lookup, Counter, Last, Limit, Quota, ConnectionLimit,
                 Log, Reject, Queue, Notrack, Translation, TransparentProxy, SynProxy, Forward,
                 Duplicate, Offload, DynamicSet, ObjectReference, ObjectLookup, XtMatch, XtTarget,
                 Unknown>;

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
  std::uint32_t policy = 1;          // NF_DROP or NF_ACCEPT
  std::vector<std::string> devices;  // of chains for devices
};

struct Chain {
  std::string name;
  std::optional<Hook> hook;  // of a base chain
  std::uint32_t flags = 0;   // NFT_CHAIN_*
};

struct Element {
  Bytes key;
  std::optional<Data> data;
  Bytes key_end;            // the last key, of sets with NFT_SET_CONCAT; empty: the key alone
  std::uint32_t flags = 0;  // NFT_SET_ELEM_*
  bool expires = false;
  std::string object;  // its name, of sets with NFT_SET_OBJECT
  std::vector<Effect> effects;
};

struct Set {
  std::string name;
  std::uint32_t flags = 0;     // NFT_SET_*
  std::uint32_t key_type = 0;  // nft's own numbers, six bits for each part of a concatenation
  std::uint32_t key_length = 0;
  std::uint32_t data_type = 0;
  std::uint32_t object_type = 0;     // NFT_OBJECT_*, with NFT_SET_OBJECT
  std::uint64_t timeout = 0;         // milliseconds
  std::uint32_t size = 0;            // 0: no limit
  std::vector<std::uint32_t> parts;  // lengths of a concatenation's parts, without padding
  std::vector<Effect> effects;       // that new elements get
  std::vector<Element> elements;
  std::vector<std::string> unknown;  // what of it is not in the values above: "attribute 21"
};

struct Object {
  std::string name;
  std::uint32_t type = 0;  // NFT_OBJECT_*
  Effect effect;           // of counters, limits, quotas and limits of connections
};

struct Table {
  std::uint8_t family = 0;  // NFPROTO_*
  std::string name;
  std::uint32_t flags = 0;
  std::vector<Chain> chains;
  std::vector<Rule> rules;  // of all chains, each chain's in their order
  std::vector<Set> sets;
  std::vector<Object> objects;
  std::vector<std::string> flowtables;
  std::vector<std::string> unknown;  // what is not in the values above: "set x, attribute 21"
};

struct Ruleset {
  std::vector<Table> tables;
};

}  // namespace quay::nft
