// The objects of nft's JSON, sorted to the tables that they belong to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "language/nft_json_access.h"
#include "language/nft_json_context.h"
#include "model/filter.h"

namespace quay::nft_json {

struct ListedChain {
  std::string name;
  std::optional<filter::Base> base;
  bool devices_known = true;  // of chains at a device
  bool changes_route = false;
  std::vector<const Json*> rules;
};

struct ListedTable {
  filter::TableFamily family = filter::TableFamily::Inet;
  std::string name;
  bool dormant = false;
  std::vector<ListedChain> chains;
  NamedSets sets;
};

struct Listing {
  std::vector<ListedTable> tables;
  std::vector<std::string> outside;
  bool by_nft = false;  // nft printed it: there is its "metainfo"
};

// Refers to `objects`, the array under "nftables". Errors are added, each with its place.
Listing listing_of(const boost::json::array& objects, const std::string& file,
                   std::vector<Error>& errors);

}  // namespace quay::nft_json
