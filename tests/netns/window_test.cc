// No window: during a change not one packet passes that neither the old nor the new policy
// allows, and none is lost that both allow. Judged by counters of the kernel around our table,
// under a flood as fast as one core sends, and by TCP connects.
#include <array>
#include <atomic>
#include <iostream>
#include <random>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "language/nft_table.h"
#include "policy/compile.h"
#include "tests/netns/netns.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

constexpr int kChanges = 1500;
constexpr Port kPermitted = 47809;  // by every policy below, each in its own way
constexpr Port kDenied = 5000;      // by every policy below, each in its own way
constexpr Port kPermittedTcp = 8443;
constexpr Port kDeniedTcp = 6379;

// Every way in which a packet can be let through or stopped, so that a mixture of two policies
// would show.
std::vector<NftTable> tables() {
  const std::string interfaces = "[interfaces]\nlan = \"eth0\"\n";
  const std::string web = "[services.web]\nport = 8443\n";
  const std::string bacnet = "[services.bacnet]\nenabled = true\nport = 47809\n";
  const auto rule = [](const std::string& text) { return "[[rules]]\nrule = \"" + text + "\"\n"; };
  const std::string neighbours = rule("allow from 10.9.0.0/24 to any port 47809 proto udp") +
                                 rule("allow from 10.9.0.0/24 to any port 8443 proto tcp");
  const std::vector<std::string> policies{
      interfaces + web + bacnet,
      interfaces + rule("allow 47809/udp") + rule("allow 8443/tcp"),
      interfaces + rule("deny 5000/udp") + rule("deny 6379/tcp") + rule("allow from 10.9.0.0/24"),
      interfaces + web + bacnet + "from = [\"10.9.0.0/24\"]\n" + neighbours,
      bacnet + web + "profile = \"standard\"\n",
      interfaces + rule("deny in on eth0 to any port 4000:6000 proto udp") +
          rule("allow in on eth0 to any port 5000 proto udp") +
          rule("allow in on eth0 proto udp to any port 40000:50000") + web,
      interfaces + web + "[[openings]]\nrule = \"allow 47809/udp\"\nuntil = 2036-01-01T00:00:00Z\n",
      interfaces + web + bacnet + rule("deny from 192.168.0.0/16") + rule("limit 2222/tcp"),
  };
  std::vector<NftTable> result;
  for (std::string text : policies) {
    // Keys before tables, as TOML wants it.
    const std::size_t profile = text.find("profile = \"standard\"\n");
    if (profile != std::string::npos)
      text = "profile = \"standard\"\n" + text.erase(profile, 21);
    result.push_back(nft_table(compile(read_policy(text), shipped_catalogue(), kNow).rules));
  }
  return result;
}

sockaddr_in at(const char* address, Port port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  inet_pton(AF_INET, address, &result.sin_addr);
  return result;
}

// True when the connection stands within a second.
bool connects(Port port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const sockaddr_in to = at("10.9.0.1", port);
  bool connected = connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  pollfd waiting{fd, POLLOUT, 0};
  int error = 0;
  socklen_t size = sizeof error;
  if (!connected && poll(&waiting, 1, port == kPermittedTcp ? 3000 : 50) == 1)
    connected = getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
  const linger abort{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  close(fd);
  return connected;
}

class Window : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    if (!netns::available(why))
      GTEST_SKIP() << "SKIPPED: " << why;
    gate_ = std::make_unique<netns::Namespace>("gate");
    sender_ = std::make_unique<netns::Namespace>("sender");
    gate_->shell("ip link add eth0 type veth peer name eth0 netns " + sender_->name() +
                 " && ip addr add 10.9.0.1/24 dev eth0 && ip link set eth0 up");
    sender_->shell("ip addr add 10.9.0.2/24 dev eth0 && ip link set eth0 up");
    gate_->run([this] {
      firewall_ = std::make_unique<Nftables>();
      for (const Port port : {kPermittedTcp, kDeniedTcp}) {
        listeners_.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const sockaddr_in here = at("10.9.0.1", port);
        ASSERT_EQ(bind(listeners_.back(), reinterpret_cast<const sockaddr*>(&here), sizeof here),
                  0);
        ASSERT_EQ(listen(listeners_.back(), 4096), 0);
      }
    });
    // Counters before and after our table, which sits at priority 0.
    const auto judge_table = firewall_->run(fmt::format(R"(
table inet judge {{
  counter sent_permitted {{ }}
  counter sent_denied {{ }}
  counter sent_denied_tcp {{ }}
  counter passed_permitted {{ }}
  counter passed_denied {{ }}
  counter passed_denied_tcp {{ }}
  chain before {{
    type filter hook input priority -10; policy accept;
    udp dport {0} counter name sent_permitted
    udp dport {1} counter name sent_denied
    tcp dport {2} counter name sent_denied_tcp
  }}
  chain after {{
    type filter hook input priority 10; policy accept;
    udp dport {0} counter name passed_permitted
    udp dport {1} counter name passed_denied
    tcp dport {2} counter name passed_denied_tcp
  }}
}}
)",
                                                        kPermitted, kDenied, kDeniedTcp));
    ASSERT_TRUE(judge_table) << judge_table.error().text();
    tables_ = tables();
  }
  void TearDown() override {
    for (const int fd : listeners_)
      close(fd);
  }

  std::uint64_t count(const std::string& name) {
    const std::string file = "/tmp/" + gate_->name() + ".count";
    gate_->shell("nft list counter inet judge " + name + " > " + file);
    std::string text;
    std::array<char, 4096> buffer{};
    if (FILE* in = fopen(file.c_str(), "re")) {
      text.assign(buffer.data(), fread(buffer.data(), 1, buffer.size(), in));
      fclose(in);
    }
    unlink(file.c_str());
    const std::size_t at_packets = text.find("packets ");
    return at_packets == std::string::npos ? 0 : std::stoull(text.substr(at_packets + 8));
  }

  // Runs `change` kChanges times under the flood and judges what passed.
  void judge(const std::function<void(int)>& change) {
    std::atomic<bool> stop = false;
    std::atomic<int> connected = 0;
    std::atomic<int> refused = 0;
    std::atomic<int> leaked = 0;
    std::thread flood([&] { sender_->run([&] { send_flood(stop); }); });
    std::thread clients([&] {
      sender_->run([&] {
        while (!stop) {
          ++(connects(kPermittedTcp) ? connected : refused);
          leaked += connects(kDeniedTcp) ? 1 : 0;
        }
      });
    });
    std::thread acceptor([&] {
      while (!stop) {
        pollfd waiting{listeners_[0], POLLIN, 0};
        if (poll(&waiting, 1, 10) == 1)
          close(accept(listeners_[0], nullptr, nullptr));
      }
    });
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kChanges; ++i)
      change(i);
    const auto end = std::chrono::steady_clock::now();
    stop = true;
    flood.join();
    clients.join();
    acceptor.join();
    const std::uint64_t sent = count("sent_permitted");
    const std::uint64_t denied = count("sent_denied");
    const double seconds = std::chrono::duration<double>(end - begin).count();
    std::cout << fmt::format(
        "{} changes in {:.2f} s under {:.2f} million packets a second: {} permitted sent, {} lost; "
        "{} denied sent, {} passed; {} connects, {} failed; {} denied attempts, {} connected\n",
        kChanges, seconds, static_cast<double>(sent + denied) / seconds / 1e6, sent,
        sent - count("passed_permitted"), denied, count("passed_denied"), connected.load(),
        refused.load(), count("sent_denied_tcp"), leaked.load());
    EXPECT_GT(sent, 100'000U) << "this was no flood";
    EXPECT_GT(denied, 100'000U) << "this was no flood";
    EXPECT_EQ(count("passed_permitted"), sent);
    EXPECT_EQ(count("passed_denied"), 0U);
    EXPECT_EQ(count("passed_denied_tcp"), 0U);
    EXPECT_GT(connected.load(), 20);
    EXPECT_EQ(refused.load(), 0);
    EXPECT_EQ(leaked.load(), 0);
  }

  // One way, to both ports in turn, many packets to a system call.
  static void send_flood(const std::atomic<bool>& stop) {
    constexpr std::size_t kBatch = 64;
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    std::array<char, 18> payload{};
    iovec part{payload.data(), payload.size()};
    std::array<sockaddr_in, 2> to{at("10.9.0.1", kPermitted), at("10.9.0.1", kDenied)};
    std::array<mmsghdr, kBatch> batch{};
    for (std::size_t i = 0; i < kBatch; ++i) {
      batch[i].msg_hdr.msg_name = &to[i % 2];
      batch[i].msg_hdr.msg_namelen = sizeof to[0];
      batch[i].msg_hdr.msg_iov = &part;
      batch[i].msg_hdr.msg_iovlen = 1;
    }
    while (!stop)
      sendmmsg(fd, batch.data(), kBatch, 0);
    close(fd);
  }

  std::unique_ptr<netns::Namespace> gate_;
  std::unique_ptr<netns::Namespace> sender_;
  std::unique_ptr<Nftables> firewall_;
  std::vector<int> listeners_;
  std::vector<NftTable> tables_;
};

TEST_F(Window, Replacements) {
  KernelTable kernel(*firewall_);
  ASSERT_TRUE(kernel.replace(tables_[0]));
  std::minstd_rand random(1);  // NOLINT(cert-msc51-cpp): the same changes in every run
  judge([&](int) { ASSERT_TRUE(kernel.replace(tables_[random() % tables_.size()])); });
}

TEST_F(Window, Deltas) {
  KernelTable kernel(*firewall_);
  ASSERT_TRUE(kernel.replace(tables_[0]));
  const auto listing = kernel.read();
  ASSERT_TRUE(listing);
  Slot slot = listing->slot;
  std::size_t current = 0;
  std::minstd_rand random(2);  // NOLINT(cert-msc51-cpp): the same changes in every run
  judge([&](int) {
    const std::size_t next = random() % tables_.size();
    const auto done = kernel.change(tables_[current], tables_[next], slot);
    ASSERT_TRUE(done) << done.error().text();
    slot = *done;
    current = next;
  });
}

// One port opened and closed beside the others, and the sources of another: the everyday changes,
// which stay in their slot.
TEST_F(Window, SmallDeltas) {
  const std::string base =
      "[interfaces]\nlan = \"eth0\"\n[services.web]\nport = 8443\n"
      "[services.bacnet]\nenabled = true\nport = 47809\n";
  std::vector<NftTable> steps;
  for (const char* more :
       {"", "[services.mqtt]\nenabled = true\n",
        "[services.mqtt]\nenabled = true\nfrom = [\"10.9.0.0/24\"]\n",
        "[services.mqtt]\nenabled = true\nfrom = [\"10.8.0.0/24\"]\n", "",
        "[[rules]]\nrule = \"allow 8081/tcp\"\n", "[[rules]]\nrule = \"deny 8081/tcp\"\n"})
    steps.push_back(nft_table(compile(read_policy(base + more), shipped_catalogue(), kNow).rules));
  KernelTable kernel(*firewall_);
  ASSERT_TRUE(kernel.replace(steps[0]));
  const auto listing = kernel.read();
  ASSERT_TRUE(listing);
  Slot slot = listing->slot;
  std::size_t current = 0;
  int in_place = 0;
  judge([&](int i) {
    const std::size_t next = static_cast<std::size_t>(i + 1) % steps.size();
    in_place += can_update(steps[current], steps[next]) ? 1 : 0;
    const auto done = kernel.change(steps[current], steps[next], slot);
    ASSERT_TRUE(done) << done.error().text();
    slot = *done;
    current = next;
  });
  EXPECT_GT(in_place, kChanges / 2);
}

}  // namespace
}  // namespace quay
