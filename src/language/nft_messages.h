// Reads the netlink messages in which the kernel tells its nftables rulesets.
//
// Layouts are those of linux/netfilter/nf_tables.h and of the kernel's net/netfilter/nft_*.c; an
// attribute, a flag or an expression that is not known here is written down as unknown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "model/ruleset.h"

namespace quay {

class NftAttributes;

// Takes the answers to NFT_MSG_GETTABLE, GETCHAIN, GETRULE, GETSET, GETSETELEM, GETOBJ and
// GETFLOWTABLE: whole netlink messages in host byte order, one after the other. Elements must come
// after their set, and everything after its table.
class NftMessages {
 public:
  // `others`: tables that the messages tell of and that are not yet in the ruleset are added; else
  // they are passed over. The ruleset is nobody else's to change while this lives.
  explicit NftMessages(nft::Ruleset& ruleset, bool others = true);

  // False when the bytes are no such messages; nothing is ever read beyond them.
  bool read(std::string_view messages);

 private:
  using Key = std::pair<std::uint8_t, std::string>;

  bool read_message(std::uint16_t type, std::string_view body);
  void read_table(NftAttributes& in);
  void read_chain(NftAttributes& in);
  void read_rule(NftAttributes& in);
  void read_set(NftAttributes& in);
  void read_elements(NftAttributes& in);
  void read_object(NftAttributes& in);
  void read_flowtable(NftAttributes& in);
  void finish(const NftAttributes& in, std::string_view what, std::string_view name);
  void unknown(std::string_view what, std::string_view name, std::string_view why);

  nft::Ruleset& ruleset_;
  bool others_;
  std::map<Key, std::size_t> tables_;
  std::map<std::pair<std::size_t, std::string>, std::size_t> sets_;  // by table
  std::size_t at_ = 0;                                               // the message's table
  nft::Table* table_ = nullptr;
};

// Messages of one table: family and name of `table` say which it is; what they tell is put into it.
bool read_nft_messages(std::string_view messages, nft::Table& table);

}  // namespace quay
