#include "tests/oracle/nft_script.h"

#include <set>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "tests/oracle/nft_matches.h"

namespace quay::oracle {
namespace {

using filter::Hook;
using filter::TableFamily;

constexpr unsigned kChains = 3;  // of each table, to jump to

const std::vector<Hook> kHooks{Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output,
                               Hook::Postrouting};

const std::vector<TableFamily> kFamilies{TableFamily::Inet, TableFamily::Inet, TableFamily::Ip,
                                         TableFamily::Ip6};

class Writer {
 public:
  Writer(const Corners& corners, Dice& dice) : corners_(corners), dice_(dice) {}

  void table(TableFamily family, Hook hook);
  void table_of_similar_rules(TableFamily family, Hook hook);
  Script take() { return std::move(script_); }

 private:
  void base(Hook hook);
  void rules(std::size_t count, unsigned first_chain);
  std::string rule(unsigned first_chain);
  void similar_rules();
  std::string verdict(unsigned first_chain);
  std::string statement(NftMatches& matches);

  const Corners& corners_;
  Dice& dice_;
  Script script_;
  NftPlace place_;
  unsigned tables_ = 0;
};

// All chains of the table are for one hook, so that no rule asks for what there is not.
void Writer::table(TableFamily family, Hook hook) {
  place_ = {family, hook};
  script_.add(fmt::format("table {} t{} {{", to_text(family), tables_++));
  for (const std::string& line : NftMatches(corners_, place_, dice_).declarations())
    script_.add("  " + line);
  for (unsigned i = kChains; i-- > 0;) {
    script_.add(fmt::format("  chain u{} {{", i));
    rules(1 + dice_.below(4), i + 1);
    script_.add("  }");
  }
  base(hook);
  if (dice_.one_in(3))
    base(hook);
  script_.add("}");
}

void Writer::base(Hook hook) {
  static const std::vector<int> priorities{-350, -300, -150, -5, 0, 0, 0, 10, 150, 300};
  const bool closed = dice_.one_in(4);
  script_.add(fmt::format("  chain b{} {{", script_.lines.size()));
  script_.add(fmt::format("    type filter hook {} priority {}; policy {};", to_text(hook),
                          dice_.one_of(priorities), closed ? "drop" : "accept"));
  rules(2 + dice_.below(7), 0);
  if (closed && !dice_.one_in(3))
    script_.add_rule("    ct state established,new accept");
  script_.add("  }");
}

void Writer::rules(std::size_t count, unsigned first_chain) {
  for (std::size_t i = 0; i < count; ++i)
    script_.add_rule("    " + rule(first_chain));
}

std::string Writer::rule(unsigned first_chain) {
  NftMatches matches(corners_, place_, dice_);
  std::vector<std::string> words;
  const std::size_t count = dice_.below(8) == 0 ? 0 : 1 + dice_.below(2);
  for (std::size_t i = 0; i < count; ++i) {
    words.push_back(matches.condition());
    if (words.back().find(" vmap ") != std::string::npos)
      return join(words, " ");
  }
  if (dice_.one_in(6)) {
    const auto [what, keys] = matches.lookup();
    std::vector<std::string> elements;
    for (const std::string& key : keys)
      elements.push_back(key + " : " + verdict(first_chain));
    return join(words, " ") + fmt::format(" {} vmap {{ {} }}", what, join(elements, ", "));
  }
  if (dice_.one_in(4))
    words.push_back(statement(matches));
  // A rule for every packet that drops leaves nothing to learn.
  std::string last = verdict(first_chain);
  if (count == 0 && (last == "drop" || last == "accept"))
    last = "counter";
  if (last == "drop" && dice_.one_in(4) && place_.hook != Hook::Postrouting)
    last = "reject";
  words.push_back(last);
  return join(words, " ");
}

void Writer::table_of_similar_rules(TableFamily family, Hook hook) {
  place_ = {family, hook};
  script_.add(fmt::format("table {} s{} {{", to_text(family), tables_++));
  script_.add("  chain b {");
  script_.add(fmt::format("    type filter hook {} priority 0; policy {};", to_text(hook),
                          dice_.one_in(3) ? "drop" : "accept"));
  for (std::size_t count = 2 + dice_.below(4); count > 0; --count) {
    similar_rules();
    // Groups that follow each other would become one, in which a value may come twice.
    script_.add_rule(dice_.one_in(3) ? "    meta mark 0 ct state established accept"
                                     : "    counter");
  }
  script_.add("  }");
  script_.add("}");
}

// That ask for the same fields one after the other: what `nft -o` makes one rule of.
void Writer::similar_rules() {
  NftMatches matches(corners_, place_, dice_);
  const bool ports = dice_.one_in(2);
  const Family family = place_.has(Family::V4) ? Family::V4 : Family::V6;
  const std::string host = family == Family::V4 ? "ip saddr " : "ip6 saddr ";
  const bool alike = dice_.one_in(2);
  // A value that comes twice has no place in one set.
  std::set<std::string> conditions;
  for (std::size_t count = 2 + dice_.below(2); count > 0; --count)
    conditions.insert(ports ? "tcp dport " + matches.port() : host + matches.address(family));
  for (const std::string& condition : conditions)
    script_.add_rule(
        fmt::format("    {} {}", condition, alike || dice_.one_in(2) ? "accept" : "drop"));
}

std::string Writer::verdict(unsigned first_chain) {
  switch (dice_.below(8)) {
    case 0:
    case 1:
      return "accept";
    case 2:
    case 3:
      return "drop";
    case 4:
      return dice_.one_in(3) ? "continue" : "return";
    case 5:
      if (dice_.one_in(2) && first_chain < kChains)
        return fmt::format("goto u{}", first_chain + dice_.below(kChains - first_chain));
      [[fallthrough]];
    default:
      if (first_chain < kChains)
        return fmt::format("jump u{}", first_chain + dice_.below(kChains - first_chain));
      return "return";
  }
}

std::string Writer::statement(NftMatches& matches) {
  switch (dice_.below(10)) {
    case 9:
      return "meta priority set 1:1";
    case 8:
      return "meta mark set " + matches.mark_by_map();
    case 0:
      return "meta mark set 1";
    case 1:
      return "meta mark set 16";
    case 2:
      return "meta mark set meta mark | 0x10";
    case 3:
      return "meta mark set meta mark & 0xf";
    case 4:
      return place_.hook == Hook::Prerouting || place_.hook == Hook::Output ? "notrack" : "counter";
    case 5:
      return dice_.one_in(3) ? "limit rate 5/second" : "meta mark set 17";
    case 6:
      return "tcp option maxseg size set 1200";
    default:
      return "counter";
  }
}

}  // namespace

Script some_nft_script(const Corners& corners, Dice& dice) {
  Writer writer(corners, dice);
  for (const Hook hook : kHooks)
    if (!dice.one_in(5))
      writer.table(dice.one_of(kFamilies), hook);
  return writer.take();
}

Script some_similar_rules(const Corners& corners, Dice& dice) {
  Writer writer(corners, dice);
  for (const Hook hook : kHooks)
    writer.table_of_similar_rules(dice.one_of(kFamilies), hook);
  return writer.take();
}

}  // namespace quay::oracle
