// The elements of nftables' sets and maps, as what lies between two keys.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/ruleset.h"

namespace quay::nft {

// A part of a key: where it begins, counted in 32-bit words, and its bytes.
struct KeyPart {
  std::size_t word = 0;
  std::size_t bytes = 0;
};

// Keys from `first` to `last`, in every part of the key as memcmp orders it.
struct Entry {
  Bytes first;
  Bytes last;
  const Element* element = nullptr;
};

// A set as look-ups find it.
struct SetContent {
  const Set* set = nullptr;
  std::vector<KeyPart> parts;
  std::vector<Entry> entries;       // no key is in two of them
  const Element* others = nullptr;  // for every other key (`*`)
  // Look-ups are no question about the packet alone: elements come and go, or count.
  bool changes = false;
  bool filled = false;  // by rules: what is in it says nothing about what will be
  // Why it is not known what is in it; empty when it is.
  std::string unknown;
};

// `filled`: rules write to it.
SetContent content_of(const Set& set, bool filled);

// Names what is in a set: equal for sets that hold the same.
std::string digest_of(const Set& set);

// The sets of a table, by name; each is worked out once.
class Sets {
 public:
  explicit Sets(const Table& table);
  // nullptr when there is none of that name.
  const SetContent* find(const std::string& name);

 private:
  std::map<std::string, const Set*, std::less<>> sets_;
  std::set<std::string, std::less<>> filled_;
  std::map<const Set*, SetContent> contents_;
};

}  // namespace quay::nft
