// Who changed which table of the kernel, as the kernel tells it.
#include <map>
#include <memory>

#include <gtest/gtest.h>
#include <poll.h>

#include "host/nft_events.h"
#include "tests/netns/netns.h"

namespace quay {
namespace {

class Events : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    if (!netns::available(why))
      GTEST_SKIP() << "SKIPPED: " << why;
    gateway_ = std::make_unique<netns::Gateway>();
    gateway_->inside().run([this] {
      if (auto opened = NftEvents::open())
        events_ = std::make_unique<NftEvents>(std::move(*opened));
    });
    ASSERT_TRUE(events_);
  }
  // What the kernel tells of a command.
  NftChanges changes_by(const std::string& command) {
    gateway_->inside().shell(command);
    pollfd readable{events_->fd(), POLLIN, 0};
    poll(&readable, 1, 2000);
    return events_->drain();
  }

  std::unique_ptr<netns::Gateway> gateway_;
  std::unique_ptr<NftEvents> events_;
};

using Tables = std::map<std::string, std::string>;

TEST_F(Events, NameTablesAndProcess) {
  EXPECT_EQ(changes_by("nft add table ip filter").tables, (Tables{{"ip filter", "nft"}}));
  EXPECT_EQ(changes_by("printf \"table inet a {\\n}\\ntable ip6 b {\\n}\\n\" | nft -f -").tables,
            (Tables{{"inet a", "nft"}, {"ip6 b", "nft"}}));
  EXPECT_EQ(changes_by("nft flush ruleset").tables,
            (Tables{{"ip filter", "nft"}, {"inet a", "nft"}, {"ip6 b", "nft"}}));
  EXPECT_EQ(changes_by("iptables-nft -A INPUT -j ACCEPT").tables,
            (Tables{{"ip filter", "iptables-nft"}}));
  EXPECT_TRUE(events_->drain().tables.empty());
}

}  // namespace
}  // namespace quay
