// Who changed which table of the kernel, as the kernel tells it.
#include <fstream>
#include <map>
#include <memory>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "host/nft_events.h"
#include "tests/netns/gateway_test.h"

namespace quay {
namespace {

class Events : public netns::GatewayTest {
 protected:
  void SetUp() override {
    netns::GatewayTest::SetUp();
    if (IsSkipped())
      return;
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

TEST_F(Events, NameNobodyWhereSeveralChangedATable) {
  gateway_->inside().shell("cp $(command -v nft) /tmp/quaytest-other && nft add table ip one");
  EXPECT_EQ(changes_by("/tmp/quaytest-other add chain ip one x; nft add chain ip one y;"
                       " nft add table ip two; rm /tmp/quaytest-other")
                .tables,
            (Tables{{"ip one", ""}, {"ip two", "nft"}}));
}

TEST_F(Events, NameNobodyWhereTheKernelHadMoreToSayThanWasTaken) {
  std::string script;
  for (int table = 0; table < 40; ++table)
    for (int chain = 0; chain < 500; ++chain)
      script += fmt::format("add table ip t{0}\nadd chain ip t{0} c{1}\n", table, chain);
  std::ofstream("/tmp/quaytest-many.nft") << script;
  const NftChanges changes = changes_by(
      "nft -f /tmp/quaytest-many.nft; nft add table ip last;"
      " rm /tmp/quaytest-many.nft");
  EXPECT_TRUE(changes.lost);
  for (const auto& [table, process] : changes.tables)
    EXPECT_EQ(process, "") << table;
  // What comes afterwards is known again, and nothing of before counts as its work.
  EXPECT_EQ(changes_by("nft add table ip6 fresh").tables, (Tables{{"ip6 fresh", "nft"}}));
}

}  // namespace
}  // namespace quay
