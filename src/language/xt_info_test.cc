#include "language/xt_info.h"

#include <array>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "language/iptables_save.h"
#include "language/nft_messages.h"
#include "language/nft_program.h"
#include "packetset/filter_space.h"
#include "tests/support/filter_text.h"

namespace quay {
namespace {

std::string capture(const std::string& name) {
  std::ifstream file(std::string(QUAY_SOURCE) + "/tests/captures/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// What a kernel 6.18 answers about rules that iptables-nft 1.8.9 has loaded, and what
// iptables-nft-save says of them: two readers, and one filter.
TEST(XtInfo, SaysWhatIptablesSaveSays) {
  nft::Ruleset ruleset;
  ASSERT_TRUE(NftMessages(ruleset).read(capture("iptables.nlmsg")));
  const filter::Ruleset kernel = read_nft_program(ruleset, {{1, "lo"}});
  const std::pair<Family, const char*> files[] = {{Family::V4, "iptables.save"},
                                                  {Family::V6, "ip6tables.save"}};
  for (const auto& [family, name] : files) {
    const auto saved = parse_iptables_save(capture(name), name, family);
    ASSERT_TRUE(saved.errors.empty()) << name;
    const std::array rulesets{&kernel, &saved.value};
    filter::FilterSpace space(family, rulesets);
    for (const Direction direction : {Direction::In, Direction::Forward, Direction::Out}) {
      const auto one = space.fate(kernel, direction);
      const auto other = space.fate(saved.value, direction);
      EXPECT_EQ(one, other) << name << " " << to_text(direction);
    }
    EXPECT_FALSE(space.exhausted());
  }
}

}  // namespace
}  // namespace quay
