// What a host's packet filter does with packets, whatever it was written in: the kernel's nftables,
// nft's JSON, iptables-save. The one model that every importer makes and every analysis reads.
//
// A packet is a value for each field. What cannot be said in fields is an Atom, by name: nothing
// here is ever a guess.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "model/address.h"
#include "model/interval_set.h"
#include "model/packet.h"

namespace quay::filter {

// Numbers of every field: the widest is an IPv6 address.
using Number = AddressBits;
using Numbers = IntervalSet<Number>;

// What a packet has. Transport fields are bytes of the transport header, whatever the protocol:
// rules that ask for ports ask for the protocol too.
enum class Kind : std::uint8_t {
  Family,           // 0: IPv4, 1: IPv6; known to every analysis, which is of one family
  State,            // what conntrack says, numbers of quay::State
  Protocol,         // of the transport header, 0 to 255
  InInterface,      // by name; empty for packets that the host sends
  OutInterface,     // by name; empty for packets that it receives
  Source,           // address bits, of the packet's family
  Destination,      //
  SourcePort,       // bytes 0 and 1; of ICMP: type * 256 + code
  DestinationPort,  // bytes 2 and 3
  TcpFlags,         // byte 13
  Mark,             // the packet's mark in the kernel, 32 bits
  SourceMac,        // 48 bits
  Other,            // anything else that is a number, by `name`: "ip ttl", "meta skuid"
};

struct Field {
  Kind kind = Kind::Other;
  std::string name;  // of Other: as nft(8) spells it, so that all importers say the same; of others
                     // empty, or where on its way a packet has it (see other_form())
  int bits = 0;      // of Other: its width, 1 to 128

  auto operator<=>(const Field&) const = default;
};

// How many bits a field's numbers have; interfaces have names instead.
int width(const Field& field, Family family);

// What every router takes one from: the TTL of IPv4, the hop limit of IPv6.
bool counts_hops(const Field& field);

// 1 once a flow's destination, or its source, has been translated: chains that translate the same
// side are not asked any more (nf_nat_inet_fn). 0 when it enters.
Field translated(bool destination);

// Whether the kernel may lead a packet another way that a rule has written this into: what routes
// are chosen by.
bool leads_elsewhere(const Field& field);

// What a set, a map or a list holds, which nobody asks for as a field: a rule that puts something
// into it or takes it out assigns this.
Field elements_of(const std::string& set);

// Some values of one field.
struct Values {
  Field field;
  Numbers numbers;                 // of fields with numbers
  std::vector<std::string> names;  // of interfaces: "eth0"; "eth*" is every name that begins so
  bool but_names = false;          // every name but those
  bool operator==(const Values&) const = default;
};

// Packets that have all of these values; every packet when it is empty.
using Box = std::vector<Values>;

// A box of packets of which something else is true besides, or not, by an atom's text.
struct Region {
  Box box;
  std::vector<std::pair<std::string, bool>> atoms;
  bool operator==(const Region&) const = default;
};

// The packet is in one of the boxes, or, inverted, in none of them.
struct Test {
  std::vector<Box> boxes;
  bool inverted = false;
  bool operator==(const Test&) const = default;
};

// Something that is true or false of a packet, and not said by its fields. `text` names it to
// people, in the words of the source: "xt string --algo bm --string x". Equal texts are equal
// questions, unless the answer depends on what was before (`stateful`: limits, dynamic sets): then
// every rule that asks has an answer of its own.
struct Atom {
  // Whether an equal text in another ruleset is the same question.
  enum class Elsewhere : std::uint8_t {
    Same,
    Translated,  // between rulesets that translate_alike(): "ct status dnat"
    Other,       // never: the text does not tell all that is asked
  };

  std::string text;
  bool stateful = false;
  bool inverted = false;
  Elsewhere elsewhere = Elsewhere::Same;
  bool operator==(const Atom&) const = default;
};

using Condition = std::variant<Test, Atom>;

struct Verdict {
  enum class Kind : std::uint8_t {
    Continue,  // with the next rule
    Accept,    // this base chain ends; the next one of the hook is asked
    Drop,
    Reject,  // dropped, and the sender is told
    Return,  // to where the chain was called from; from a base chain: its policy
    Jump,    // to `chain`, and back
    Goto,    // to `chain`, and back to where this chain was called from
    Queue,   // a program decides: accept or drop
    Limit,   // accepted up to a limit, else rejected
    Unknown,
  };
  Kind kind = Kind::Continue;
  std::string chain;
  std::string with;  // of Reject: how the sender is told, in its source's words
  bool operator==(const Verdict&) const = default;
};

// A field gets another value, for all that comes after: marks, notrack (State becomes Untracked),
// translated destinations. nullopt: which is not known.
struct Assign {
  Field field;
  std::optional<Number> value;
  bool operator==(const Assign&) const = default;
};

using VerdictMap = std::vector<std::pair<Box, Verdict>>;

// When all conditions hold, the values are assigned, and then the verdict is the one of the box in
// `map` that the packet is in (boxes are disjoint; in none of them: Continue), or without a map
// `verdict`.
struct Rule {
  std::vector<Condition> conditions;
  std::vector<Assign> assigns;
  Verdict verdict;
  std::optional<VerdictMap> map;
  std::string place;                 // "handle 12", "line 40"
  std::string text;                  // the rule in the words of its source; may be empty
  std::vector<std::string> unknown;  // what of it is not understood, by name
};

// Calls `see` for every field that a rule asks for, in its conditions and its map; for some several
// times.
template <typename See>
void for_each_asked(const Rule& rule, See see) {
  const auto look = [&](const Box& box) {
    for (const Values& values : box)
      see(values.field);
  };
  for (const Condition& condition : rule.conditions)
    if (const auto* test = std::get_if<Test>(&condition))
      for (const Box& box : test->boxes)
        look(box);
  if (rule.map)
    for (const auto& [box, verdict] : *rule.map)
      look(box);
}

enum class Hook : std::uint8_t {
  Ingress,  // of a device
  Prerouting,
  Input,
  Forward,
  Output,
  Postrouting,
  Egress,  // of a device
};

// Whether a chain for translation at this hook is for destinations, or else for sources
// (HOOK2MANIP).
bool translates_destinations(Hook hook);

// Where packets enter a base chain.
struct Base {
  Hook hook = Hook::Input;
  std::int32_t priority = 0;                     // lower is earlier
  Verdict::Kind policy = Verdict::Kind::Accept;  // or Drop
  bool nat = false;                              // sees the first packet of a flow alone
  std::vector<std::string> devices;              // of Ingress and Egress
  bool operator==(const Base&) const = default;
};

struct Chain {
  std::string name;
  std::optional<Base> base;
  std::vector<Rule> rules;
};

enum class TableFamily : std::uint8_t { Ip, Ip6, Inet, Netdev, Bridge, Arp };

struct Table {
  TableFamily family = TableFamily::Inet;
  std::string name;
  bool dormant = false;  // its chains are not asked
  std::vector<Chain> chains;
};

// Which chain a jump leads to; nullptr when there is none of that name.
const Chain* chain_of(const Table& table, const std::string& name);

// One packet, and what is true of it besides. Fields that are not in `numbers` are 0, atoms that
// are not in `atoms` are false.
struct Point {
  Direction direction = Direction::In;
  Family family = Family::V4;
  std::string in_interface;
  std::string out_interface;
  std::map<Field, Number> numbers;
  std::map<std::string, bool> atoms;
};

// A network that an interface of the host is attached to.
struct Network {
  std::string interface;
  Prefix prefix;
  bool strict = false;  // what comes in here with other networks' addresses gets no further:
                        // reverse path filtering, of IPv4
};

struct Ruleset {
  std::vector<Table> tables;
  std::vector<std::string> outside;  // what is there and no part of the model, a sentence each
  std::vector<Network> networks;     // as far as the source tells
};

// The same tables, chains and rules, whatever their places and texts, and nothing in them that may
// differ unseen.
bool same(const Ruleset& a, const Ruleset& b);

// Whether the same packets have been translated, wherever both are asked: certain where nothing is,
// where the chains that translate are the same and ask for nothing that other rules write or that
// changes, and where the whole is the same().
bool translate_alike(const Ruleset& a, const Ruleset& b);

// Whether some table of it is asked about packets of a family.
bool is_about(const Ruleset& ruleset, Family family);

// "ip/filter/INPUT line 40", "inet/quaymaster/input handle 12"
std::string place_of(const Table& table, const Chain& chain, const Rule& rule);

// "state", "tcp flags", "ip ttl"
std::string field_name(const Field& field);
std::string to_text(TableFamily family);  // "ip", "ip6", "inet", "netdev", "bridge", "arp"
std::string to_text(Hook hook);           // "ingress", "prerouting", ...

}  // namespace quay::filter
