// Chains of nft while they are being filled, in firewalld's order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>

namespace quay::firewalld {

// Rules of a lower rank stand before those of a higher one; of equal ranks the later one stands
// behind the earlier one, or before it where `first` says so.
class Chains {
 public:
  void base(const std::string& name, std::string_view type, std::string_view hook,
            std::int32_t priority);
  // A second one of the same name is not added.
  void chain(const std::string& name);
  // To a chain that there is not nothing is added: its objects() then hold a rule whose chain is
  // missing, which a reader refuses.
  void add(std::string_view chain, boost::json::array statements, std::string_view place,
           int rank = 0, bool first = false);

  // The table, its chains, and their rules in order.
  boost::json::array objects() const;

 private:
  struct Rule {
    int rank = 0;
    boost::json::array statements;
    std::string place;
  };
  struct Chain {
    std::string name;
    boost::json::object object;
    std::vector<Rule> rules;
  };

  Chain& named(std::string_view name, bool defined);

  std::vector<Chain> chains_;
};

}  // namespace quay::firewalld
