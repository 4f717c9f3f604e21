#include "language/nft_messages.h"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <rapidcheck/gtest.h>

#include "language/nft_rule_text.h"
#include "language/nft_table.h"

namespace quay {
namespace {

// What a kernel 6.18 answered about a table of ours, and how nft lists that table.
std::string capture(const std::string& name) {
  std::ifstream file(std::string(QUAY_SOURCE) + "/tests/captures/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

nft::Table our_table() {
  return {.family = NFPROTO_INET, .name = "quaymaster"};
}

TEST(NftMessages, TellATableAsNftListsIt) {
  nft::Table table = our_table();
  ASSERT_TRUE(read_nft_messages(capture("own-table.nlmsg"), table));
  EXPECT_TRUE(table.unknown.empty());
  EXPECT_EQ(nft_listing(table), capture("own-table.nft"));
}

TEST(NftMessages, OfOtherTablesArePassedOver) {
  nft::Table table{.family = NFPROTO_INET, .name = "other"};
  ASSERT_TRUE(read_nft_messages(capture("own-table.nlmsg"), table));
  EXPECT_TRUE(table.chains.empty());
  EXPECT_TRUE(table.rules.empty());
  nft::Table ipv4{.family = NFPROTO_IPV4, .name = "quaymaster"};
  ASSERT_TRUE(read_nft_messages(capture("own-table.nlmsg"), ipv4));
  EXPECT_TRUE(ipv4.chains.empty());
}

TEST(NftMessages, CutShortAreNone) {
  const std::string whole = capture("own-table.nlmsg");
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{15}, std::size_t{19}, whole.size() - 8}) {
    nft::Table table = our_table();
    EXPECT_FALSE(read_nft_messages(whole.substr(0, size), table)) << size;
  }
}

// Nothing is read beyond the end: the sanitizers watch.
TEST(NftMessages, AreReadWhateverTheyHold) {
  const std::string whole = capture("own-table.nlmsg");
  ASSERT_TRUE(rc::check("changed bytes", [&] {
    std::string changed = whole;
    const int count = *rc::gen::inRange(1, 4);
    for (int i = 0; i < count; ++i)
      changed[*rc::gen::inRange<std::size_t>(0, changed.size())] = *rc::gen::arbitrary<char>();
    nft::Table table = our_table();
    if (read_nft_messages(changed, table))
      static_cast<void>(nft_listing(table));
  }));
  ASSERT_TRUE(rc::check("any bytes", [](const std::string& bytes) {
    nft::Table table = our_table();
    static_cast<void>(read_nft_messages(bytes, table));
  }));
}

// Names are any bytes to the kernel; none may write lines of a listing.
TEST(NftMessages, NamesAreNoLines) {
  nft::Table table = our_table();
  ASSERT_TRUE(read_nft_messages(capture("own-table.nlmsg"), table));
  const auto listed_with = [&](const auto& change) {
    nft::Table changed = table;
    change(changed);
    return nft_listing(changed).find(kUnknownMark) == std::string::npos;
  };
  EXPECT_TRUE(listed_with([](nft::Table&) {}));
  const std::string forged = "a {\n\t}\n\tchain b";
  EXPECT_FALSE(listed_with([&](nft::Table& t) { t.chains.push_back({.name = forged}); }));
  EXPECT_FALSE(listed_with(
      [&](nft::Table& t) { t.objects.push_back({.name = forged, .type = NFT_OBJECT_COUNTER}); }));
  EXPECT_FALSE(listed_with([](nft::Table& t) { t.rules.front().comment = "a\n\t\taccept"; }));
}

// A register is what was last loaded over any part of it.
TEST(NftMessages, LaterLoadsOverwriteEarlierOnes) {
  const nft::Meta name{.key = NFT_META_IIFNAME, .to = 8};
  const nft::Payload over{.base = NFT_PAYLOAD_TRANSPORT_HEADER, .offset = 2, .length = 2, .to = 9};
  const nft::Compare compare{
      .operation = NFT_CMP_EQ, .from = 8, .value = std::string("eth0").append(12, '\0')};
  EXPECT_TRUE(nft_rule_text({.expressions = {name, compare}}, {}));
  EXPECT_FALSE(nft_rule_text({.expressions = {name, over, compare}}, {}));
}

// The rules of a capture with one expression made unknown cannot be listed.
TEST(NftMessages, WhatIsNotKnownIsNamed) {
  std::string changed = capture("own-table.nlmsg");
  const std::size_t at = changed.find("immediate");
  ASSERT_NE(at, std::string::npos);
  changed.replace(at, 9, "immediatf");
  nft::Table table = our_table();
  ASSERT_TRUE(read_nft_messages(changed, table));
  EXPECT_NE(nft_listing(table).find("foreign rule with handle"), std::string::npos);
  std::vector<std::string> unknown;
  for (const nft::Rule& rule : table.rules)
    for (const nft::Expression& expression : rule.expressions)
      if (const auto* one = std::get_if<nft::Unknown>(&expression))
        unknown.push_back(one->what);
  EXPECT_EQ(unknown, std::vector<std::string>{"expression immediatf"});
}

}  // namespace
}  // namespace quay
