// The kernel's form of a rule list: the table `inet quaymaster`, as a value.
//
// The table has a skeleton that stays while the gateway is enforcing: base chains whose policy is
// drop, one chain and one counter for each service, and two slots, a and b, for every map. A full
// replacement fills the slot that is not in use and lets the refilled chains look there, all in
// one transaction. A packet that is on its way through the old rules while the transaction lands
// (the kernel lets it finish them) then still finds the old maps as they were; with one slot it
// would see old rules and new elements, a mixture that neither policy allows.
//
// Why maps at all: one look-up costs the same with 30 ports and with 10,000
// (docs/performance.md).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/rule.h"
#include "model/ruleset.h"

namespace quay {

enum class Slot : char { A = 'a', B = 'b' };

struct NftMap {
  std::string type;                             // of the key: "ifname . inet_proto . inet_service"
  std::map<std::string, std::string> elements;  // key to verdict, as nft(8) prints them
  bool operator==(const NftMap&) const = default;
};

// Texts are spelled as nft(8) prints them, so that what is read back can be compared. A rule
// names a map without its slot: `vmap @in`.
struct NftTable {
  std::set<std::string> counters;
  std::map<std::string, NftMap> maps;
  std::map<std::string, std::vector<std::string>> chains;
  bool operator==(const NftTable&) const = default;
};

// A table as the kernel lists it, with what a listing adds.
struct NftListing {
  NftTable table;                    // with the maps of the slot in use
  Slot slot = Slot::A;               // in use
  std::vector<std::string> unknown;  // what is not ours to understand

  // True when there is no table.
  bool empty() const { return table == NftTable{} && unknown.empty(); }

  // True when the table can be one of ours: three base chains that are not empty, and nothing
  // unknown.
  bool sound() const;
};

// The nflog group that denied and logged packets are sent to, at most kDeniedPerSecond of the
// denied ones.
inline constexpr int kLogGroup = 86;
inline constexpr int kDeniedPerSecond = 10;

// `rules` is what compile() made.
NftTable nft_table(const RuleList& rules);

// A whole script, loadable with `nft -f` into a kernel with or without the table. What the table
// had before in that slot and in those chains is gone; chains, maps and counters that `table`
// does not know stay, but nothing leads to them. Loaded over a table that uses the same slot it is
// still one transaction, but a packet under way may see old rules and new elements.
//
// `held` is what the kernel is known to hold, in the other slot: what of it stays as it is, is left
// out of the script.
std::string nft_script(const NftTable& table, Slot slot, const NftTable& held = {});

// The transaction before nft_script() that clears away a table with something unknown in it. Run
// as one script with it; between the two nothing of ours is enforced for packets under way.
std::string nft_clear();

// The transaction that follows a replacement: empties the other slot and removes what `table`
// does not know of `listed`. Empty when there is nothing to do.
std::string nft_cleanup(const NftTable& table, const NftListing& listed, Slot slot);

// The smallest transaction from one table to another in the same slot; empty when they are equal.
// Only for changes that can_update() allows.
std::string nft_update(const NftTable& from, const NftTable& to, Slot slot);

// True when the change touches existing chains alone, or elements alone of at most one map in each
// direction without changing an element's verdict: then a packet under way sees the old policy or
// the new one. Otherwise the change is a replacement into the other slot.
bool can_update(const NftTable& from, const NftTable& to);

// How a line of nft_listing() begins that stands for something which is no work of ours, and
// perhaps unknown.
inline constexpr std::string_view kUnknownMark = "foreign";

// The table `inet quaymaster` as `nft --stateless list table` prints it, long lines unbroken, and a
// line with kUnknownMark for whatever our own compiler never writes.
std::string nft_listing(const nft::Table& table);

// True for the sets that remember what a rule limits: what they hold is no rule.
bool is_limit_set(std::string_view name);

// Reads what nft_listing() says, or `nft --stateless list table inet quaymaster` prints. Fails on a
// text that is not such a listing; what it does not know inside the table goes into `unknown`.
Result<NftListing> parse_nft_listing(std::string_view text);

// How two tables differ, a line each, "-" for what is only in the first and "+" for what is only
// in the second; empty when they are equal. A rule between others moves none of them; its number is
// the one in its own table.
std::vector<std::string> differences(const NftTable& from, const NftTable& to);

}  // namespace quay
