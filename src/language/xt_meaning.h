// What a match of iptables says of a packet, in the words of the common model, and the small things
// that all matches are read with.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "language/port_names.h"
#include "language/xt_rule.h"
#include "model/filter.h"

namespace quay::xt {

// Where a rule stands.
struct Context {
  Family family = Family::V4;
  std::string_view table;                // "filter", ...
  std::optional<std::uint8_t> protocol;  // that the rule asks for with -p
  const PortNames* ports;                // never nullptr
  const std::set<std::string>*
      changing_sets;  // ipsets that rules put addresses into; never nullptr
};

struct Meaning {
  std::vector<filter::Condition> conditions;  // all of them hold
  std::vector<filter::Assign> assigns;        // what may change already while it is asked
  std::vector<std::string> unknown;           // what is not modelled, by name
};

// Why a match cannot be said in fields. With `opaque` it stands as an atom: a name that only
// another file explains, a form that the model has no words for. Otherwise it is an error.
struct Refusal {
  std::string reason;
  bool opaque = false;
};

template <typename T>
using Read = std::expected<T, Refusal>;

std::unexpected<Refusal> refuse(std::string reason);
std::unexpected<Refusal> opaque(std::string reason);

// How long the answer of an atom stays the same while a packet travels.
enum class Lasting : std::uint8_t {
  Always,    // equal texts, equal answers
  OneTable,  // what it reads is rewritten on the way. In raw, filter and security, which a packet
             // meets once, the answer is one in each; elsewhere every rule has its own
  Never,     // limits, counters
};

// One condition and nothing else.
Meaning meaning(filter::Condition condition);

// The whole match as one atom.
Meaning atom_of(const Module& module, Lasting lasting, const Context& context);

// A number in decimal, or hexadecimal after 0x, or octal after 0, as strtoul(3) takes it.
std::optional<std::uint64_t> parse_c_number(std::string_view text, std::uint64_t most);

// A protocol as iptables reads it: such a number up to 255, or a name.
std::optional<std::uint8_t> parse_protocol(std::string_view text);

// "5", "5:10", ":10", "5:" (with that separator): refuses what is not in order.
Read<filter::Numbers> read_range(std::string_view text, std::uint64_t most, char separator = ':');

// "0x10/0xff": value and mask of 32 bits; all bits without a mask. Refuses names, opaque.
struct Masked {
  std::uint32_t value = 0;
  std::uint32_t mask = 0;
};
Read<Masked> read_masked(std::string_view text);

// An address with a prefix length or any netmask: "10.0.0.0/8", "10/255.0.255.0". Opaque for names
// ("host example.org") and for netmasks with too many holes ("& 0.255.0.255 == 0.11.0.13").
Read<filter::Numbers> read_addresses(std::string_view text, Family family);

filter::Field field(filter::Kind kind);
filter::Field other_field(std::string name, int bits);

// The protocol of the transport header.
filter::Condition is_protocol(std::uint8_t protocol);

// What a match begins with that is about one protocol. iptables wants `-p` beside it; where that is
// missing, the match brings it along. Refuses when the rule asks for another protocol.
Read<Meaning> within_protocol(std::uint8_t protocol, const Context& context);

// The states in which conntrack has an entry for the packet: all but invalid and untracked.
filter::Numbers tracked_states();

}  // namespace quay::xt
