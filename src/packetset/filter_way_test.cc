#include "packetset/filter_way.h"

#include <gtest/gtest.h>

namespace quay::filter {
namespace {

Chain chain(const std::string& name, int priority) {
  return {.name = name, .base = Base{.hook = Hook::Input, .priority = priority}, .rules = {}};
}

TEST(FilterWay, TheNewestOfEqualPrioritiesIsAskedFirst) {
  const Ruleset ruleset{
      .tables = {{.name = "a", .chains = {chain("first", 0), chain("late", 5), chain("second", 0)}},
                 {.name = "b", .chains = {chain("third", 0), chain("early", -5)}}},
      .outside = {}};
  std::vector<std::string> names;
  for (const Stop& stop : way_of(ruleset, Direction::In, Family::V4))
    names.push_back(stop.chain->name);
  EXPECT_EQ(names, (std::vector<std::string>{"early", "third", "second", "first", "late"}));
}

}  // namespace
}  // namespace quay::filter
