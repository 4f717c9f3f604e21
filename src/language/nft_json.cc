#include "language/nft_json.h"

#include <utility>

#include <boost/json/parse.hpp>

#include "language/nft_json_builder.h"
#include "language/nft_json_listing.h"

namespace quay {

Parsed<filter::Ruleset> parse_nft_json(std::string_view text, const std::string& file) {
  Parsed<filter::Ruleset> parsed;
  boost::system::error_code error;
  const boost::json::value document = boost::json::parse({text.data(), text.size()}, error);
  if (error) {
    parsed.errors.push_back({.place = file, .reason = "this is no JSON: " + error.message()});
    return parsed;
  }
  const nft_json::Json* objects = nft_json::member(document, "nftables");
  if (objects == nullptr || !objects->is_array()) {
    parsed.errors.push_back({.place = file, .reason = "there is no list `nftables`"});
    return parsed;
  }
  nft_json::Listing listing = nft_json::listing_of(objects->get_array(), file, parsed.errors);
  if (parsed.ok())
    parsed.value = nft_json::ruleset_of(std::move(listing));
  return parsed;
}

}  // namespace quay
