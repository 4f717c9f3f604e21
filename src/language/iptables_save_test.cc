#include "language/iptables_save.h"

#include <gtest/gtest.h>

namespace quay {
namespace {

TEST(IptablesSave, Smoke) {
  const auto parsed = parse_iptables_save(
      "*filter\n:INPUT DROP [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n", "x", Family::V4);
  EXPECT_TRUE(parsed.ok());
}

}  // namespace
}  // namespace quay
