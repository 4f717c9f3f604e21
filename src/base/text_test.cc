#include "base/text.h"

#include <gtest/gtest.h>

#include "base/checksum.h"

namespace quay {
namespace {

using Words = std::vector<std::string>;

TEST(Text, NumbersAreDigitsAlone) {
  EXPECT_EQ(parse_number("0", 65535), 0U);
  EXPECT_EQ(parse_number("65535", 65535), 65535U);
  for (const char* wrong :
       {"", "65536", "-1", "+1", " 1", "1 ", "0x10", "1e3", "99999999999999999999"})
    EXPECT_EQ(parse_number(wrong, 65535), std::nullopt) << wrong;
  EXPECT_EQ(parse_number("18446744073709551615", UINT64_MAX), UINT64_MAX);
}

TEST(Text, WordsKeepWhatQuotesHold) {
  EXPECT_EQ(split_words("  allow\t22/tcp "), (Words{"allow", "22/tcp"}));
  EXPECT_EQ(split_words("comment 'web app' x"), (Words{"comment", "web app", "x"}));
  EXPECT_EQ(split_words("comment '' x"), (Words{"comment", "", "x"}));
  EXPECT_EQ(split_words("say \"it's\""), (Words{"say", "it's"}));
  EXPECT_EQ(split_words(""), Words{});
  EXPECT_EQ(split_words("say 'it"), std::nullopt);
}

TEST(Text, SuggestsOnlyNearNames) {
  const Words names{"mqtt", "mqtts", "modbus"};
  EXPECT_EQ(nearest("mqt", names), "mqtt");
  EXPECT_EQ(nearest("modbsu", names), "modbus");
  EXPECT_EQ(nearest("postgres", names), std::nullopt);
  EXPECT_EQ(nearest("x", names), std::nullopt);
  EXPECT_EQ(suggestion("mqt", names), " (did you mean `mqtt`?)");
  EXPECT_EQ(suggestion("postgres", names), "");
}

TEST(Text, SealedTextTellsDamage) {
  const std::string sealed = seal("table inet quaymaster {\n}\n");
  EXPECT_EQ(unseal(sealed), "table inet quaymaster {\n}\n");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string damaged = sealed;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_EQ(unseal(damaged), std::nullopt) << i;
    EXPECT_EQ(unseal(sealed.substr(0, i)), std::nullopt) << i;
  }
}

}  // namespace
}  // namespace quay
