// Our table, from the kernel's values to nft's language.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "base/text.h"
#include "language/nft_rule_text.h"
#include "language/nft_table.h"

namespace quay {
namespace {

using Text = std::optional<std::string>;

constexpr std::array<std::pair<std::string_view, std::uint32_t>, 3> kHooks{
    {{"input", NF_INET_LOCAL_IN}, {"output", NF_INET_LOCAL_OUT}, {"forward", NF_INET_FORWARD}}};

Text hook_text(const nft::Hook& hook) {
  const auto name =
      std::ranges::find(kHooks, hook.number, [](const auto& known) { return known.second; });
  if (name == kHooks.end() || hook.type != "filter" || hook.priority != 0 || !hook.devices.empty())
    return std::nullopt;
  return fmt::format("\t\ttype filter hook {} priority filter; policy {};\n", name->first,
                     hook.policy == NF_DROP ? "drop" : "accept");
}

// A key and its verdict, and nothing besides.
bool is_plain(const nft::Element& element) {
  return element.flags == 0 && !element.expires && element.key_end.empty() &&
         element.object.empty() && element.effects.empty();
}

Text map_text(const nft::Set& map) {
  const Text type = nft_key_type_text(map);
  if (!type || map.flags != NFT_SET_MAP || map.data_type != NFT_DATA_VERDICT || map.size != 0 ||
      map.timeout != 0 || !map.effects.empty())
    return std::nullopt;
  std::vector<std::string> elements;
  elements.reserve(map.elements.size());
  for (const nft::Element& element : map.elements) {
    const Text key = nft_key_text(map, element.key);
    const auto* verdict = element.data ? std::get_if<nft::Verdict>(&*element.data) : nullptr;
    const Text text = verdict == nullptr ? std::nullopt : nft_verdict_text(*verdict);
    if (!key || !text || !is_plain(element))
      return std::nullopt;
    elements.push_back(fmt::format("{} : {}", *key, *text));
  }
  std::string text = fmt::format("\tmap {} {{\n\t\ttype {} : verdict\n", map.name, *type);
  if (!elements.empty())
    text += fmt::format("\t\telements = {{ {} }}\n", join(elements, ", "));
  return text + "\t}\n";
}

// The memory of a limit, as declare_limit_sets() makes it.
Text limit_set_text(const nft::Set& set) {
  constexpr std::uint32_t ipv4_address = 7;  // nftables/datatype.h
  constexpr std::uint32_t ipv6_address = 8;
  const bool v4 = set.name[5] == '4';
  if ((set.flags & ~std::uint32_t{NFT_SET_EVAL}) != NFT_SET_TIMEOUT || set.size != 65535 ||
      set.timeout != 30'000 || set.key_type != (v4 ? ipv4_address : ipv6_address) ||
      set.key_length != (v4 ? 4 : 16) || !set.effects.empty())
    return std::nullopt;
  return fmt::format("\tset {} {{\n\t}}\n", set.name);
}

Text set_text(const nft::Set& set) {
  return is_limit_set(set.name) ? limit_set_text(set) : map_text(set);
}

std::string chain_text(const nft::Chain& chain, const nft::Table& table) {
  std::string text = fmt::format("\tchain {} {{\n", chain.name);
  const auto unknown = [&](const std::string& what) {
    text += fmt::format("\t\t{} {}\n", kUnknownMark, what);
  };
  if ((chain.flags & ~std::uint32_t{NFT_CHAIN_BASE}) != 0)
    unknown("flags");
  if (chain.hook) {
    const Text hook = hook_text(*chain.hook);
    if (hook)
      text += *hook;
    else
      unknown("hook");
  }
  for (const nft::Rule& rule : table.rules)
    if (rule.chain == chain.name) {
      if (const Text line = nft_rule_text(rule, table.sets))
        text += fmt::format("\t\t{}\n", *line);
      else
        unknown(fmt::format("rule with handle {}", rule.handle));
    }
  return text + "\t}\n";
}

// The kernel takes any bytes for a name; what the listing says must not hang on them.
bool is_plain_name(const std::string& name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/';
  });
}

// The text, or without one a line that names what is not known.
std::string or_unknown(const Text& text, const std::string& what) {
  return text ? *text : fmt::format("\t{} {}\n", kUnknownMark, what);
}

std::string object_text(const nft::Object& object) {
  const bool known = object.type == NFT_OBJECT_COUNTER && is_plain_name(object.name);
  return or_unknown(known ? Text(fmt::format("\tcounter {} {{\n\t}}\n", object.name)) : Text(),
                    "object");
}

}  // namespace

std::string nft_listing(const nft::Table& table) {
  std::string text = fmt::format("table inet {} {{\n", table.name);
  const auto unknown = [&](const std::string& what) { text += or_unknown({}, what); };
  if (table.flags != 0)
    unknown("flags");
  for (const std::string& what : table.unknown)
    unknown(is_plain_name(what) ? what : "part");
  if (!table.flowtables.empty())
    unknown("flowtable");
  for (const nft::Object& object : table.objects)
    text += object_text(object);
  for (const nft::Set& set : table.sets)
    text += is_plain_name(set.name) ? or_unknown(set_text(set), "set " + set.name)
                                    : or_unknown({}, "set");
  for (const nft::Chain& chain : table.chains)
    text +=
        or_unknown(is_plain_name(chain.name) ? Text(chain_text(chain, table)) : Text(), "chain");
  return text + "}\n";
}

}  // namespace quay
