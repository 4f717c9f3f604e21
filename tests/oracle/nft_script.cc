#include "tests/oracle/nft_script.h"

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

class Writer {
 public:
  Writer(const Corners& corners, Dice& dice) : corners_(corners), dice_(dice) {}

  void table(TableFamily family, Hook hook);
  void translation(TableFamily family);
  Script take() { return std::move(script_); }

 private:
  void base(Hook hook);
  void rules(std::size_t count, unsigned first_chain);
  std::string rule(unsigned first_chain);
  std::string verdict(unsigned first_chain);
  std::string statement();
  std::string translate(Hook hook);

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
    words.push_back(statement());
  // A rule for every packet that drops leaves nothing to learn.
  std::string last = verdict(first_chain);
  if (count == 0 && (last == "drop" || last == "accept"))
    last = "counter";
  if (last == "drop" && dice_.one_in(4) && place_.hook != Hook::Postrouting)
    last = "reject";
  words.push_back(last);
  return join(words, " ");
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

std::string Writer::statement() {
  switch (dice_.below(8)) {
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
    default:
      return "counter";
  }
}

void Writer::translation(TableFamily family) {
  const Hook hook = dice_.one_of(std::vector{Hook::Prerouting, Hook::Output, Hook::Postrouting});
  place_ = {family, hook};
  script_.add(fmt::format("table {} n{} {{", to_text(family), tables_++));
  script_.add("  chain n {");
  script_.add(fmt::format("    type nat hook {} priority {};", to_text(hook),
                          hook == Hook::Postrouting ? 100 : -100));
  for (int i = 0; i < 3; ++i)
    script_.add_rule("    " + translate(hook));
  script_.add("  }");
  script_.add("}");
}

std::string Writer::translate(Hook hook) {
  NftMatches matches(corners_, place_, dice_);
  const Family family = place_.table == TableFamily::Ip ? Family::V4 : Family::V6;
  const std::string condition = matches.condition();
  if (condition.find(" vmap ") != std::string::npos || dice_.one_in(5))
    return condition;
  const std::string ports = dice_.one_in(2) ? " tcp dport " : " udp dport ";
  if (hook == Hook::Postrouting)
    return condition + (dice_.one_in(2) ? " masquerade" : " snat to " + matches.address(family));
  if (dice_.one_in(2))
    return condition + " dnat to " + matches.address(family);
  const std::string address = matches.address(family);
  return condition + ports + matches.port() + " dnat to " +
         (family == Family::V4 ? address : "[" + address + "]") + ":" + matches.port();
}

}  // namespace

Script some_nft_script(const Corners& corners, bool nat, Dice& dice) {
  static const std::vector<TableFamily> families{TableFamily::Inet, TableFamily::Inet,
                                                 TableFamily::Ip, TableFamily::Ip6};
  Writer writer(corners, dice);
  for (const Hook hook : kHooks)
    if (!dice.one_in(5))
      writer.table(dice.one_of(families), hook);
  if (nat)
    writer.translation(dice.one_in(2) ? TableFamily::Ip : TableFamily::Ip6);
  return writer.take();
}

}  // namespace quay::oracle
