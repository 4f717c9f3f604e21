// Random conditions of nft(8).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/filter.h"
#include "tests/oracle/corners.h"
#include "tests/oracle/dice.h"

namespace quay::oracle {

// Where a rule stands: some conditions are not to be had everywhere.
struct NftPlace {
  filter::TableFamily table = filter::TableFamily::Inet;
  filter::Hook hook = filter::Hook::Input;  // of the base chain that leads here

  bool has(Family family) const {
    using filter::TableFamily;
    return table == TableFamily::Inet ||
           table == (family == Family::V4 ? TableFamily::Ip : TableFamily::Ip6);
  }
};

// The words of a condition, and for maps of verdicts alike: what is looked up, and the keys. For
// one rule, whose conditions are about one family and ask for the protocol once: of others nft's
// JSON does not tell everything.
class NftMatches {
 public:
  NftMatches(const Corners& corners, NftPlace place, Dice& dice)
      : corners_(corners),
        place_(place),
        dice_(dice),
        family_(some_family()),
        any_transport_(dice.one_in(2)) {}

  std::string condition();
  // The sets and maps that a table needs for them, and for the words that follow "meta mark set".
  std::vector<std::string> declarations();
  std::string mark_by_map();

  // "tcp dport", with keys that do not overlap, at least one.
  struct Lookup {
    std::string what;
    std::vector<std::string> keys;
  };
  Lookup lookup();

  std::string address(Family family);
  std::string port();

 private:
  Family some_family() const;
  std::string prefix(Family family);
  std::string range(Family family);
  std::string port_range();
  std::string either(std::string what, const std::vector<std::string>& choices);
  std::string interface();
  std::string addresses();
  std::string ports();
  std::string protocols();
  std::string icmp();
  std::string flags();
  std::string states();
  std::string mark();
  std::string header();
  std::string concatenation();
  std::string named();

  const Corners& corners_;
  NftPlace place_;
  Dice& dice_;
  Family family_;
  bool any_transport_;  // it may ask for ports of any protocol, else for protocols
};

}  // namespace quay::oracle
