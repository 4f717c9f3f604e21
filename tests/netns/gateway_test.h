// A gateway of its own for every test.
#pragma once

#include <memory>

#include <gtest/gtest.h>

#include "tests/netns/netns.h"

namespace quay::netns {

class GatewayTest : public testing::Test {
 protected:
  // Skips the test where namespaces cannot be made.
  void SetUp() override {
    std::string why;
    if (!available(why))
      GTEST_SKIP() << "SKIPPED: " << why;
    gateway_ = std::make_unique<Gateway>();
  }

  std::unique_ptr<Gateway> gateway_;
};

}  // namespace quay::netns
