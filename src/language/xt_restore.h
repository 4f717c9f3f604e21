// Loads texts as iptables-restore(8) does, one after the other, into the common model.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "language/port_names.h"
#include "language/xt_rule.h"
#include "model/address.h"
#include "model/filter.h"

namespace quay::xt {

// Not to be copied while in use: the tables are its own.
class Restore {
 public:
  // `named` says in the places of rules which file they are from, for when there are several.
  Restore(Family family, PortNames ports, bool named = false)
      : family_(family), ports_(std::move(ports)), named_(named) {}

  // Reads one text. A table that it names is emptied before, unless `keep` (iptables-restore -n):
  // then the chains that it names are. `file` stands in messages.
  void load(std::string_view text, const std::string& file, bool keep);

  // All that was loaded: tables in the order of their first naming, with the kernel's hooks and
  // priorities, and every fault with its place. Rules that jump in circles are faults.
  Parsed<filter::Ruleset> take();

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  struct Line {
    std::string file;
    std::size_t number = 0;
    std::string text;
    Rule rule;
  };
  struct Chain {
    std::string name;
    std::optional<filter::Base> base;
    std::vector<Line> lines;
  };
  struct Table {
    std::string name;
    std::vector<Chain> chains;
    std::map<std::string, std::size_t, std::less<>> places;  // of chains, by name

    Chain* find(std::string_view chain);
    Chain& add(std::string chain, std::optional<filter::Base> base);
  };

  void read_line(std::string_view line, bool keep);
  void begin_table(std::string_view name, bool keep);
  void begin_chain(std::string_view line);
  void read_command(std::string_view line);
  void add_rule(std::span<const std::string> words, std::string_view line);
  void set_policy(Chain& chain, std::string_view policy);
  Table& table() { return tables_[table_]; }
  void fault(std::string reason);

  filter::Table made(const Table& table, const std::set<std::string>& changing_sets);
  filter::Rule placed(filter::Rule rule, const Line& line) const;
  std::set<std::string> changing_sets() const;

  Family family_;
  PortNames ports_;
  bool named_;
  std::vector<Table> tables_;
  std::vector<std::string> outside_;
  std::vector<Error> errors_;

  // Of the text that is being read.
  std::string file_;
  std::size_t number_ = 0;
  std::size_t table_ = kNone;  // in tables_
  bool skipping_ = false;      // a table that we do not know
};

}  // namespace quay::xt
