#include "language/nft_table.h"

#include <algorithm>
#include <ranges>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"
#include "policy/compile.h"
#include "tests/support/listing.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

constexpr const char* kInterfaces = "[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n";

NftTable table_of(const std::string& policy) {
  return nft_table(compile(read_policy(kInterfaces + policy), shipped_catalogue(), kNow).rules);
}

std::string rule(const std::string& text) {
  return "[[rules]]\nrule = \"" + text + "\"\n";
}

// A packet under way sees the old rules and the new elements of every map: what may change in
// place is only what no mixture can spoil.
TEST(NftTable, WhatMayChangeInPlace) {
  const std::string mqtt = "[services.mqtt]\nenabled = true\n";
  EXPECT_TRUE(can_update(table_of(""), table_of(mqtt))) << "elements of one map, and a new chain";
  EXPECT_TRUE(can_update(table_of(mqtt), table_of("")));
  EXPECT_TRUE(can_update(table_of(mqtt), table_of(mqtt + "from = [\"10.0.0.0/8\"]\n")))
      << "one chain alone";
  EXPECT_FALSE(can_update(table_of(""), table_of(rule("deny from 10.0.0.0/8") + mqtt)))
      << "a chain and elements";
  EXPECT_FALSE(can_update(
      table_of("[services.ssh]\non = [\"lan\"]\n" + rule("deny 9999/tcp")),
      table_of(rule("deny 9999/tcp") + rule("deny from 203.0.113.7 to any port 22 proto tcp"))))
      << "elements of two maps that one packet looks in";
  EXPECT_TRUE(can_update(table_of("[services.bacnet]\nenabled = true\n"),
                         table_of("[services.bacnet]\nenabled = true\n")))
      << "nothing";
}

TEST(NftTable, AListingWithSomethingUnknownIsNotSound) {
  const std::string ours = kSoundListing;
  const auto change = [&](const std::string& from, const std::string& to) {
    std::string text = ours;
    return *parse_nft_listing(text.replace(text.find(from), from.size(), to));
  };
  EXPECT_TRUE(parse_nft_listing(ours)->sound());
  EXPECT_EQ(change("\tchain input", "\tflags dormant\n\tchain input").unknown,
            std::vector<std::string>{"flags dormant"});
  EXPECT_EQ(change("\tchain input", "\tset foo {\n\t}\n\tchain input").unknown,
            std::vector<std::string>{"set foo"});
  EXPECT_EQ(
      change("\tchain input", "\tcounter x {\n\t}\n\tcounter x {\n\t}\n\tchain input").unknown,
      std::vector<std::string>{"counter x twice"});
  EXPECT_EQ(change("policy drop", "policy accept").unknown.size(), 2U);
  EXPECT_FALSE(change("\t\taccept\n", "").sound()) << "an input chain without rules";
  EXPECT_FALSE(parse_nft_listing("table ip filter {\n}\n"));
  EXPECT_FALSE(parse_nft_listing("table inet quaymaster {\n\tchain input {\n"));
}

TEST(NftTable, DifferencesAreThoseRulesAlone) {
  const auto told = [](std::vector<std::string> from, std::vector<std::string> to) {
    NftTable before;
    NftTable after;
    before.chains["input"] = std::move(from);
    after.chains["input"] = std::move(to);
    return join(differences(before, after), "; ");
  };
  EXPECT_EQ(told({"a", "b"}, {"a", "b"}), "");
  EXPECT_EQ(told({"a", "b"}, {"x", "a", "b"}), "+ chain input rule 1: x");
  EXPECT_EQ(told({"a", "b", "c"}, {"a", "c"}), "- chain input rule 2: b");
  EXPECT_EQ(told({"a", "b", "c"}, {"a", "x", "c"}),
            "- chain input rule 2: b; + chain input rule 2: x");
  EXPECT_EQ(told({"a", "b", "c", "d"}, {"b", "c", "d", "a"}),
            "- chain input rule 1: a; + chain input rule 4: a");
  EXPECT_EQ(told({"a", "b", "c", "d", "e"}, {"x", "b", "d", "y", "e", "z"}),
            "- chain input rule 1: a; + chain input rule 1: x; - chain input rule 3: c; "
            "+ chain input rule 4: y; + chain input rule 6: z");
  EXPECT_EQ(told({"a", "a"}, {"a"}), "- chain input rule 2: a");
}

// Whatever the edit: without the lines of "-", and with those of "+", one is the other.
RC_GTEST_PROP(NftTable, DifferencesLeadFromOneToTheOther, ()) {
  const auto rules =
      rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>("a", "b", "c"));
  const auto from = *rules;
  const auto to = *rules;
  NftTable before;
  NftTable after;
  before.chains["input"] = from;
  after.chains["input"] = to;
  std::vector<std::string> left = from;
  const std::vector<std::string> lines = differences(before, after);
  const auto place = [&](const std::string& line) {
    return left.begin() + static_cast<std::ptrdiff_t>(std::stoul(line.substr(19))) - 1;
  };
  for (const std::string& line : lines | std::views::reverse)
    if (line.starts_with("- chain input rule "))
      left.erase(place(line));
  for (const std::string& line : lines)
    if (line.starts_with("+ chain input rule "))
      left.insert(place(line), line.substr(line.find(':') + 2));
  RC_ASSERT(left == to);
}

}  // namespace
}  // namespace quay
