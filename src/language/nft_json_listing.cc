#include "language/nft_json_listing.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace quay::nft_json {
namespace {

using filter::Hook;
using filter::TableFamily;

template <typename Value, std::size_t N>
std::optional<Value> named(const std::array<Value, N>& values, std::string_view name) {
  const auto* found =
      std::ranges::find_if(values, [&](const Value& value) { return to_text(value) == name; });
  return found == values.end() ? std::nullopt : std::optional(*found);
}

std::optional<TableFamily> family_of(std::string_view name) {
  constexpr std::array all{TableFamily::Ip,     TableFamily::Ip6,    TableFamily::Inet,
                           TableFamily::Netdev, TableFamily::Bridge, TableFamily::Arp};
  return named(all, name);
}

std::optional<Hook> hook_of(std::string_view name) {
  constexpr std::array all{Hook::Ingress, Hook::Prerouting,  Hook::Input, Hook::Forward,
                           Hook::Output,  Hook::Postrouting, Hook::Egress};
  return named(all, name);
}

bool says_flag(const Json* flags, std::string_view flag) {
  return flags != nullptr && nft_json::says(*flags, flag);
}

class ListingReader {
 public:
  ListingReader(const std::string& file, std::vector<Error>& errors)
      : file_(file), errors_(errors) {}

  void read(const Json& object);
  Listing take() { return std::move(listing_); }

 private:
  using Error_ = std::optional<std::string>;

  Error_ read_object(std::string_view tag, const Json& value);
  Error_ read_base(ListedChain& chain, const Json& value);
  Error_ read_chain(ListedTable& table, const Json& value);
  Error_ read_rule(ListedTable& table, const Json& value);
  void read_set(ListedTable& table, const Json& value);
  void read_elements(NamedSet& set, const Json& value);
  ListedTable& table(TableFamily family, std::string_view name);

  const std::string& file_;
  std::vector<Error>& errors_;
  Listing listing_;
  std::size_t number_ = 0;
};

// Lists of a chain or a set alone do not show their table.
ListedTable& ListingReader::table(TableFamily family, std::string_view name) {
  for (ListedTable& one : listing_.tables)
    if (one.family == family && one.name == name)
      return one;
  listing_.tables.push_back(
      {.family = family, .name = std::string(name), .chains = {}, .sets = {}});
  return listing_.tables.back();
}

// False when JSON does not name them.
bool read_devices(filter::Base& base, const Json& value) {
  auto& devices = base.devices;
  const Json* dev = member(value, "dev");
  if (const auto* list = dev == nullptr ? nullptr : dev->if_array()) {
    for (const Json& one : *list)
      devices.emplace_back(text_of(&one));
  } else if (dev != nullptr) {
    devices.emplace_back(text_of(dev));
  }
  const bool at_device = base.hook == Hook::Ingress || base.hook == Hook::Egress;
  const auto pattern = [](const std::string& name) { return name.empty() || name.ends_with('*'); };
  return !at_device || (!devices.empty() && std::ranges::none_of(devices, pattern));
}

ListingReader::Error_ ListingReader::read_base(ListedChain& chain, const Json& value) {
  const std::string_view hook_name = text_member(value, "hook");
  const auto hook = hook_of(hook_name);
  if (!hook)
    return fmt::format("hook `{}` is unknown", hook_name);
  const Json* priority = member(value, "prio");
  if (priority == nullptr || !priority->is_int64() || priority->get_int64() < INT32_MIN ||
      priority->get_int64() > INT32_MAX)
    return fmt::format("chain {} has no priority", chain.name);
  const std::string_view policy = text_member(value, "policy");
  if (!policy.empty() && policy != "accept" && policy != "drop")
    return fmt::format("policy `{}` is unknown", policy);
  filter::Base base{
      .hook = *hook,
      .priority = static_cast<std::int32_t>(priority->get_int64()),
      .policy = policy == "drop" ? filter::Verdict::Kind::Drop : filter::Verdict::Kind::Accept,
      .nat = text_member(value, "type") == "nat",
      .devices = {},
  };
  chain.devices_known = read_devices(base, value);
  chain.base = std::move(base);
  chain.changes_route = text_member(value, "type") == "route";
  return {};
}

ListingReader::Error_ ListingReader::read_chain(ListedTable& table, const Json& value) {
  ListedChain chain{.name = std::string(text_member(value, "name")), .base = {}, .rules = {}};
  if (chain.name.empty())
    return "a chain has no name";
  if (std::ranges::find(table.chains, chain.name, &ListedChain::name) != table.chains.end())
    return fmt::format("chain {} is there twice", chain.name);
  if (member(value, "hook") != nullptr)
    if (auto error = read_base(chain, value))
      return error;
  table.chains.push_back(std::move(chain));
  return {};
}

ListingReader::Error_ ListingReader::read_rule(ListedTable& table, const Json& value) {
  const std::string_view name = text_member(value, "chain");
  const auto chain = std::ranges::find(table.chains, name, &ListedChain::name);
  if (chain == table.chains.end())
    return fmt::format("there is no chain `{}`", name);
  const Json* statements = member(value, "expr");
  if (statements == nullptr || !statements->is_array())
    return fmt::format("a rule of chain {} has no statements", name);
  chain->rules.push_back(&value);
  return {};
}

// Statements of elements, or of a set for all of them, that let some packets by.
bool limits(const Json& object) {
  return std::ranges::any_of(std::array{"limit", "quota", "ct count"},
                             [&](const char* tag) { return member(object, tag) != nullptr; });
}

void ListingReader::read_elements(NamedSet& set, const Json& value) {
  const Json* elements = member(value, "elem");
  const auto* list = elements == nullptr ? nullptr : elements->if_array();
  if (list == nullptr) {
    if (elements != nullptr && !elements->is_null())
      set.elements.push_back(elements);
    return;
  }
  for (const Json& element : *list) {
    set.elements.push_back(&element);
    const auto* pair = element.if_array();
    const Json& key = pair != nullptr && !pair->empty() ? (*pair)[0] : element;
    const Json* wrapped = member(key, "elem");
    if (wrapped != nullptr)
      set.changing = set.changing || member(*wrapped, "expires") != nullptr || limits(*wrapped);
  }
}

void ListingReader::read_set(ListedTable& table, const Json& value) {
  NamedSet& set = table.sets[std::string(text_member(value, "name"))];
  const Json* flags = member(value, "flags");
  set.filled = set.filled || says_flag(flags, "dynamic");
  set.changing = set.changing || says_flag(flags, "timeout") || member(value, "timeout") != nullptr;
  if (const Json* statements = member(value, "stmt"))
    if (const auto* list = statements->if_array())
      set.changing = set.changing || std::ranges::any_of(*list, limits);
  read_elements(set, value);
}

ListingReader::Error_ ListingReader::read_object(std::string_view tag, const Json& value) {
  if (tag == "metainfo") {
    listing_.by_nft = true;
    return {};
  }
  const auto family = family_of(text_member(value, "family"));
  const std::string_view name = text_member(value, tag == "table" ? "name" : "table");
  if (!family || name.empty())
    return fmt::format("`{}` of no table that we know", tag);
  ListedTable& owner = table(*family, name);
  const std::string_view own = text_member(value, "name");
  if (tag == "table")
    owner.dormant = says_flag(member(value, "flags"), "dormant");
  else if (tag == "chain")
    return read_chain(owner, value);
  else if (tag == "rule")
    return read_rule(owner, value);
  else if (tag == "set" || tag == "map")
    read_set(owner, value);
  else if (tag == "element")
    read_elements(owner.sets[std::string(own)], value);
  else if (tag == "flowtable")
    listing_.outside.push_back(
        fmt::format("flow table {}: packets of the flows in it pass by all chains", own));
  else if (tag != "counter" && tag != "quota" && tag != "limit" && tag != "ct helper" &&
           tag != "ct timeout" && tag != "ct expectation" && tag != "secmark" && tag != "synproxy")
    listing_.outside.push_back(fmt::format("object {} {}", tag, own));
  return {};
}

void ListingReader::read(const Json& object) {
  ++number_;
  auto [tag, value] = tagged(object);
  if (tag == "add" || tag == "create")
    std::tie(tag, value) = std::pair(tagged(*value).tag, tagged(*value).value);
  auto error = tag.empty() ? Error_("this is no object of a ruleset") : read_object(tag, *value);
  if (error)
    errors_.push_back(
        {.place = fmt::format("{}: object {}", file_, number_), .reason = *std::move(error)});
}

}  // namespace

Listing listing_of(const boost::json::array& objects, const std::string& file,
                   std::vector<Error>& errors) {
  ListingReader reader(file, errors);
  for (const Json& object : objects)
    reader.read(object);
  return reader.take();
}

}  // namespace quay::nft_json
