// The texts that change a table, and the reading of what the kernel lists.
#include <algorithm>
#include <array>
#include <ctime>
#include <iomanip>
#include <sstream>

#include <fmt/format.h>

#include "base/text.h"
#include "language/nft_table.h"

namespace quay {
namespace {

constexpr std::string_view kTable = "inet quaymaster";
constexpr std::array kBaseChains{"input", "output", "forward"};

std::string slotted(std::string_view name, Slot slot) {
  return fmt::format("{}_{}", name, static_cast<char>(slot));
}

Slot other(Slot slot) {
  return slot == Slot::A ? Slot::B : Slot::A;
}

// A rule with the slot added to the map that it looks in. Sets of the skeleton have no slot.
std::string with_slot(const std::string& rule, Slot slot) {
  const std::size_t at = rule.find("vmap @");
  return at == std::string::npos ? rule : slotted(rule, slot);
}

std::string hook(const std::string& chain) {
  const bool base = std::ranges::find(kBaseChains, chain) != kBaseChains.end();
  return base ? fmt::format("type filter hook {} priority filter; policy drop; ", chain) : "";
}

std::string_view limit_set_body(char family) {
  return family == '4' ? "type ipv4_addr; size 65535; flags dynamic,timeout; timeout 30s;"
                       : "type ipv6_addr; size 65535; flags dynamic,timeout; timeout 30s;";
}

// The parts of a script: declarations first, as nothing may be named before it is there.
class Script {
 public:
  void declare(std::string_view kind, std::string_view name, std::string_view body) {
    declarations_ += fmt::format("\t{} {} {{ {}}}\n", kind, name, body);
  }
  void command(std::string_view verb, std::string_view kind, std::string_view name) {
    commands_ += fmt::format("{} {} {} {}\n", verb, kind, kTable, name);
  }
  void elements(std::string_view verb, std::string_view map, const std::vector<std::string>& all) {
    if (!all.empty())
      commands_ += fmt::format("{} element {} {} {{ {} }}\n", verb, kTable, map, join(all, ", "));
  }
  void rules(const std::string& chain, const std::vector<std::string>& rules, Slot slot) {
    for (const std::string& rule : rules)
      commands_ += fmt::format("add rule {} {} {}\n", kTable, chain, with_slot(rule, slot));
  }
  std::string text() const {
    if (declarations_.empty())
      return commands_;
    return fmt::format("table {} {{\n{}}}\n{}", kTable, declarations_, commands_);
  }

 private:
  std::string declarations_;
  std::string commands_;
};

std::vector<std::string> element_texts(const NftMap& map) {
  std::vector<std::string> texts;
  texts.reserve(map.elements.size());
  for (const auto& [key, verdict] : map.elements)
    texts.push_back(fmt::format("{} : {}", key, verdict));
  return texts;
}

}  // namespace

namespace {

bool looks_up(const std::string& rule) {
  return rule.find("vmap @") != std::string::npos;
}

bool same_in(const NftTable& held, const std::string& name, const std::vector<std::string>& rules) {
  const auto chain = held.chains.find(name);
  return chain != held.chains.end() && chain->second == rules &&
         std::ranges::none_of(rules, looks_up);
}

// The memories of rules that limit, wherever there is such a rule.
void declare_limit_sets(Script& script, const NftTable& table) {
  if (!table.chains.contains("in_limit") && !table.chains.contains("out_limit"))
    return;
  for (const char family : {'4', '6'})
    for (char i = '1'; i <= '5'; ++i)
      script.declare("set", fmt::format("limit{}_{}", family, i), limit_set_body(family));
}

}  // namespace

bool is_limit_set(std::string_view name) {
  return name.size() == 8 && name.starts_with("limit") && (name[5] == '4' || name[5] == '6') &&
         name[6] == '_' && name[7] >= '1' && name[7] <= '5';
}

std::string nft_script(const NftTable& table, Slot slot, const NftTable& held) {
  Script script;
  for (const std::string& counter : table.counters)
    if (!held.counters.contains(counter))
      script.declare("counter", counter, "");
  declare_limit_sets(script, table);
  for (const auto& [name, map] : table.maps)
    if (!held.maps.contains(name))
      for (const Slot each : {Slot::A, Slot::B})
        script.declare("map", slotted(name, each), fmt::format("type {} : verdict; ", map.type));
  for (const auto& [name, rules] : table.chains)
    if (!held.chains.contains(name))
      script.declare("chain", name, hook(name));
  for (const auto& [name, map] : table.maps) {
    script.command("flush", "map", slotted(name, slot));
    script.elements("add", slotted(name, slot), element_texts(map));
  }
  for (const auto& [name, rules] : table.chains) {
    if (same_in(held, name, rules))
      continue;
    script.command("flush", "chain", name);
    script.rules(name, rules, slot);
  }
  return script.text();
}

std::string nft_clear() {
  return fmt::format("table {0}\ndelete table {0}\n", kTable);
}

bool NftListing::sound() const {
  return unknown.empty() && std::ranges::all_of(kBaseChains, [this](const char* name) {
           const auto chain = table.chains.find(name);
           return chain != table.chains.end() && !chain->second.empty();
         });
}

namespace {

// Chains that are new or changed.
void update_chains(Script& script, const NftTable& from, const NftTable& to, Slot slot) {
  for (const auto& [name, rules] : to.chains) {
    const auto before = from.chains.find(name);
    if (before != from.chains.end() && before->second == rules)
      continue;
    if (before == from.chains.end())
      script.declare("chain", name, hook(name));
    else
      script.command("flush", "chain", name);
    script.rules(name, rules, slot);
  }
}

void update_map(Script& script, const std::string& name, const NftMap& from, const NftMap& to) {
  std::vector<std::string> gone;
  for (const auto& [key, verdict] : from.elements)
    if (!to.elements.contains(key))
      gone.push_back(key);
  NftMap fresh;
  for (const auto& [key, verdict] : to.elements)
    if (!from.elements.contains(key))
      fresh.elements.emplace(key, verdict);
  script.elements("delete", name, gone);
  script.elements("add", name, element_texts(fresh));
}

// Removes what `keep` does not have. Chains are emptied first, as they may lead to each other.
void remove_others(Script& script, const NftTable& from, const NftTable& keep) {
  for (const char* verb : {"flush", "delete"})
    for (const auto& [name, rules] : from.chains)
      if (!keep.chains.contains(name))
        script.command(verb, "chain", name);
  for (const std::string& counter : from.counters)
    if (!keep.counters.contains(counter))
      script.command("delete", "counter", counter);
}

}  // namespace

std::string nft_cleanup(const NftTable& table, const NftListing& listed, Slot slot) {
  Script script;
  for (const auto& [name, map] : listed.table.maps) {
    if (table.maps.contains(name) && !map.elements.empty())
      script.command("flush", "map", slotted(name, other(slot)));
    if (!table.maps.contains(name))
      for (const Slot each : {Slot::A, Slot::B})
        script.command("delete", "map", slotted(name, each));
  }
  remove_others(script, listed.table, table);
  return script.text();
}

std::string nft_update(const NftTable& from, const NftTable& to, Slot slot) {
  Script script;
  for (const std::string& counter : to.counters)
    if (!from.counters.contains(counter))
      script.declare("counter", counter, "");
  declare_limit_sets(script, to);
  update_chains(script, from, to, slot);
  for (const auto& [name, map] : to.maps)
    update_map(script, slotted(name, slot), from.maps.at(name), map);
  remove_others(script, from, to);
  return script.text();
}

namespace {

// `meta time < "2026-11-23 18:00:00"` with the seconds that it stands for in UTC.
std::string with_plain_time(const std::string& rule) {
  const std::size_t at = rule.find("meta time < \"");
  if (at == std::string::npos)
    return rule;
  const std::size_t begin = at + 13;
  const std::size_t end = rule.find('"', begin);
  std::tm time{};
  std::istringstream in(rule.substr(begin, end - begin));
  in >> std::get_time(&time, "%Y-%m-%d %H:%M:%S");
  return fmt::format("{}{}{}", rule.substr(0, begin - 1), timegm(&time), rule.substr(end + 1));
}

// One object of a listing: "chain", "input" and the lines inside.
struct Block {
  std::string kind;
  std::string name;
  std::vector<std::string> lines;
};

Result<std::vector<Block>> parse_blocks(std::string_view text) {
  std::vector<Block> blocks;
  bool in_table = false;
  bool in_block = false;
  for (const std::string_view line : split(text, '\n')) {
    const std::string_view content = trim(line);
    if (content.empty())
      continue;
    if (!in_table) {
      if (content != fmt::format("table {} {{", kTable))
        return fail(fmt::format("`{}` does not begin a listing of table {}", content, kTable));
      in_table = true;
    } else if (in_block && line == "\t}") {
      in_block = false;
    } else if (in_block) {
      blocks.back().lines.emplace_back(content);
    } else if (content.ends_with('{')) {
      const std::vector<std::string_view> words = split(content, ' ');
      if (words.size() != 3)
        return fail(fmt::format("`{}` does not begin an object of a table", content));
      blocks.push_back({std::string(words[0]), std::string(words[1]), {}});
      in_block = true;
    } else if (content != "}") {
      blocks.push_back({"", std::string(content), {}});  // such as `flags dormant`
    }
  }
  if (!in_table || in_block)
    return fail("the listing ends too early");
  return blocks;
}

// The lines of a map: its type, and its elements over one or more lines.
NftMap parse_map(const Block& block, std::vector<std::string>& unknown) {
  NftMap map;
  std::string elements;
  for (const std::string& line : block.lines) {
    if (line.starts_with("type ") && line.ends_with(" : verdict"))
      map.type = line.substr(5, line.size() - 15);
    else if (line.starts_with("elements = {"))
      elements = line.substr(12);
    else if (!elements.empty())
      elements += " " + line;
    else
      unknown.push_back(fmt::format("map {}: {}", block.name, line));
  }
  if (elements.ends_with('}'))
    elements.pop_back();
  for (const std::string_view piece : split(elements, ',')) {
    const std::size_t colon = piece.find(" : ");
    if (colon != std::string_view::npos)
      map.elements.emplace(trim(piece.substr(0, colon)), trim(piece.substr(colon + 3)));
    else if (!trim(piece).empty())
      unknown.push_back(fmt::format("map {}: {}", block.name, trim(piece)));
  }
  return map;
}

// The rules of a chain without their slots; tells which slots they look in.
std::vector<std::string> parse_chain(const Block& block, std::set<Slot>& slots,
                                     std::vector<std::string>& unknown) {
  std::vector<std::string> rules;
  const std::string begin = std::string(trim(hook(block.name)));
  if (!begin.empty() && (block.lines.empty() || block.lines.front() != begin))
    unknown.push_back(fmt::format("chain {} is not `{}`", block.name, begin));
  for (const std::string& line : block.lines) {
    if (!begin.empty() && line == begin)
      continue;
    if (line.starts_with("type ") || line.starts_with(kUnknownMark)) {
      unknown.push_back(fmt::format("chain {}: {}", block.name, line));
      continue;
    }
    std::string rule = with_plain_time(line);
    if (rule.find("vmap @") != std::string::npos && rule.size() > 2 &&
        (rule.ends_with("_a") || rule.ends_with("_b"))) {
      slots.insert(static_cast<Slot>(rule.back()));
      rule.resize(rule.size() - 2);
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace

Result<NftListing> parse_nft_listing(std::string_view text) {
  const auto blocks = parse_blocks(text);
  if (!blocks)
    return fail(blocks.error());
  NftListing listing;
  std::set<Slot> slots;
  std::map<Slot, std::map<std::string, NftMap>> maps;
  std::set<std::pair<std::string, std::string>> seen;
  for (const Block& block : *blocks) {
    if (!seen.emplace(block.kind, block.name).second) {
      listing.unknown.push_back(fmt::format("{} {} twice", block.kind, block.name));
    } else if (block.kind == "counter") {
      listing.table.counters.insert(block.name);
    } else if (block.kind == "chain") {
      listing.table.chains[block.name] = parse_chain(block, slots, listing.unknown);
    } else if (block.kind == "map" && (block.name.ends_with("_a") || block.name.ends_with("_b"))) {
      maps[static_cast<Slot>(block.name.back())].emplace(
          block.name.substr(0, block.name.size() - 2), parse_map(block, listing.unknown));
    } else if (block.kind != "set" || !is_limit_set(block.name)) {
      listing.unknown.emplace_back(trim(block.kind + " " + block.name));
    }
  }
  if (slots.size() > 1)
    listing.unknown.emplace_back("rules look in both slots");
  listing.slot = slots.empty() ? Slot::A : *slots.begin();
  listing.table.maps = std::move(maps[listing.slot]);
  return listing;
}

}  // namespace quay
