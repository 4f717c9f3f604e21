// What judges packets beside nftables: set up for real, one thing after the other, and said.
#include "host/outside.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/magic.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "host/bpf_programs.h"
#include "host/nftables.h"
#include "tests/netns/netns.h"

namespace quay {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A descriptor of bpf(2) that closes itself; a link ends with it.
class Bpf {
 public:
  Bpf(int command, bpf_attr attributes)
      : fd_(static_cast<int>(syscall(SYS_bpf, command, &attributes, sizeof attributes))),
        error_(fd_ < 0 ? errno : 0) {}
  Bpf(const Bpf&) = delete;
  Bpf& operator=(const Bpf&) = delete;
  ~Bpf() {
    if (fd_ >= 0)
      close(fd_);
  }
  int fd() const { return fd_; }
  bool there() const { return fd_ >= 0; }
  std::string why() const { return std::strerror(error_); }

 private:
  int fd_;
  int error_;
};

// A program of two instructions that returns `verdict`.
std::unique_ptr<Bpf> program(bpf_prog_type type, int verdict) {
  const std::array<bpf_insn, 2> code{
      {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = verdict},
       {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}}};
  bpf_attr attributes{};
  attributes.prog_type = type;
  attributes.insns = reinterpret_cast<std::uintptr_t>(code.data());
  attributes.insn_cnt = code.size();
  attributes.license = reinterpret_cast<std::uintptr_t>("GPL");
  return std::make_unique<Bpf>(BPF_PROG_LOAD, attributes);
}

// Attaches a program to an interface's number or a cgroup's descriptor, as long as it lives.
std::unique_ptr<Bpf> link(const Bpf& program, int target, std::uint32_t type, std::uint32_t flags) {
  bpf_attr attributes{};
  attributes.link_create.prog_fd = static_cast<std::uint32_t>(program.fd());
  attributes.link_create.target_fd = static_cast<std::uint32_t>(target);
  attributes.link_create.attach_type = type;
  attributes.link_create.flags = flags;
  return std::make_unique<Bpf>(BPF_LINK_CREATE, attributes);
}

// Where a cgroup of version 2 can be made; empty where none can.
std::string cgroup_root() {
  for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    struct statfs status{};
    if (statfs(root, &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC)
      return root;
  }
  return {};
}

class Outside : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    if (!netns::available(why))
      GTEST_SKIP() << "SKIPPED: " << why;
    inside_ = std::make_unique<netns::Namespace>("outside");
    inside_->shell("ip link add eth0 type veth peer name eth1; ip link set eth0 up");
  }

  // What is said inside, without what the machine's own cgroups have.
  std::vector<std::string> said() const {
    std::vector<std::string> sentences;
    inside_->run([&] { sentences = outside_filters(); });
    std::erase_if(sentences, [](const std::string& sentence) {
      return sentence.starts_with("cgroup") || sentence.starts_with("legacy ebtables");
    });
    return sentences;
  }
  // False, with the reason, where this kernel cannot.
  bool done(const std::string& command) {
    try {
      inside_->shell(command);
      return true;
    } catch (const std::runtime_error& error) {
      why_ = error.what();
      return false;
    }
  }

  // As far as this kernel knows one or the other.
  bool add_filter(const std::string& place) {
    return done("tc filter add " + place + " protocol ip u32 match ip src 192.0.2.1/32") ||
           done("tc filter add " + place + " bpf bytecode \"1,6 0 0 0\"");
  }

  std::unique_ptr<netns::Namespace> inside_;
  std::string why_;  // the last command failed
};

TEST_F(Outside, AnEmptyNamespaceHasNothing) {
  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(Outside, FiltersOfClsactStandAtTheirPlace) {
  inside_->shell("tc qdisc add dev eth0 clsact");
  EXPECT_THAT(said(), IsEmpty());
  if (!add_filter("dev eth0 ingress"))
    GTEST_SKIP() << "SKIPPED: no filters of tc: " << why_;
  EXPECT_THAT(said(), ElementsAre("tc filters on eth0 (ingress)"));
  ASSERT_TRUE(add_filter("dev eth0 egress")) << why_;
  EXPECT_THAT(said(), ElementsAre("tc filters on eth0 (ingress)", "tc filters on eth0 (egress)"));
}

TEST_F(Outside, FiltersOfIngressToo) {
  inside_->shell("tc qdisc add dev eth1 ingress");
  EXPECT_THAT(said(), IsEmpty());
  if (!add_filter("dev eth1 parent ffff:"))
    GTEST_SKIP() << "SKIPPED: no filters of tc: " << why_;
  EXPECT_THAT(said(), ElementsAre("tc filters on eth1 (ingress)"));
}

TEST_F(Outside, FiltersOfAQueueAreFoundToo) {
  if (!done("tc qdisc add dev eth0 root handle 1: prio") ||
      !done("tc filter add dev eth0 parent 1: protocol ip u32 match u32 0 0 flowid 1:1"))
    GTEST_SKIP() << "SKIPPED: no queue with filters: " << why_;
  EXPECT_THAT(said(), ElementsAre("tc filters on eth0 (queue prio)"));
}

TEST_F(Outside, LegacyTablesAreThereOnceSomebodyAsked) {
  if (!done("iptables-legacy -w -t mangle -L -n > /dev/null"))
    GTEST_SKIP() << "SKIPPED: no legacy iptables: " << why_;
  EXPECT_THAT(said(), ElementsAre("legacy iptables: table mangle (IPv4)"));
  if (!done("ip6tables-legacy -w -L -n > /dev/null"))
    GTEST_SKIP() << "SKIPPED: no legacy ip6tables: " << why_;
  EXPECT_THAT(said(), ElementsAre("legacy iptables: table mangle (IPv4)",
                                  "legacy ip6tables: table filter (IPv6)"));
  // Asking has made no table.
  EXPECT_THAT(said(), testing::SizeIs(2));
}

TEST_F(Outside, BridgesWithWhatBrNetfilterDoes) {
  if (!done("ip link add br0 type bridge"))
    GTEST_SKIP() << "SKIPPED: no bridges: " << why_;
  static_cast<void>(
      done("sysctl -qw net.bridge.bridge-nf-call-iptables=0"
           " net.bridge.bridge-nf-call-ip6tables=0"));
  EXPECT_THAT(said(), IsEmpty());
  inside_->shell("ip link set eth0 master br0; ip link set eth1 master br0");
  EXPECT_THAT(said(),
              ElementsAre(AllOf(HasSubstr("bridge br0 (eth"),
                                HasSubstr("frames between its ports pass by every chain"))));
  if (!done("ip link set br0 type bridge nf_call_ip6tables 1"))
    GTEST_SKIP() << "SKIPPED: no br_netfilter: " << why_;
  EXPECT_THAT(said(), ElementsAre(HasSubstr("of IPv6 pass the chains of routed packets")));
  if (!done("sysctl -qw net.bridge.bridge-nf-call-iptables=1"))
    GTEST_SKIP() << "SKIPPED: no br_netfilter: " << why_;
  EXPECT_THAT(said(), ElementsAre(HasSubstr("of IPv4 and IPv6 pass the chains")));
}

TEST_F(Outside, ProgramsOfXdp) {
  inside_->run([&] {
    const auto pass = program(BPF_PROG_TYPE_XDP, XDP_PASS);
    if (!pass->there())
      GTEST_SKIP() << "SKIPPED: no XDP program can be loaded: " << pass->why();
    const auto attached =
        link(*pass, static_cast<int>(if_nametoindex("eth0")), BPF_XDP, XDP_FLAGS_SKB_MODE);
    if (!attached->there())
      GTEST_SKIP() << "SKIPPED: no XDP program can be attached: " << attached->why();
    EXPECT_THAT(said(), ElementsAre("XDP program on eth0"));
  });
  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(Outside, ProgramsOfTcx) {
  inside_->run([&] {
    const auto next = program(BPF_PROG_TYPE_SCHED_CLS, -1);
    if (!next->there())
      GTEST_SKIP() << "SKIPPED: no tcx program can be loaded: " << next->why();
    const auto attached = link(*next, static_cast<int>(if_nametoindex("eth1")),
                               static_cast<std::uint32_t>(TcxPoint::Egress), 0);
    if (!attached->there())
      GTEST_SKIP() << "SKIPPED: no tcx program can be attached: " << attached->why();
    EXPECT_THAT(said(), ElementsAre("tcx program on eth1 (egress)"));
  });
}

// Two cgroups, one in the other, for as long as it lives.
class Cgroups {
 public:
  Cgroups() : root_(cgroup_root()), group_(root_ + fmt::format("/quaymaster-test-{}", getpid())) {
    if (!root_.empty())
      std::filesystem::create_directories(group_ / "a" / "b", error_);
  }
  Cgroups(const Cgroups&) = delete;
  Cgroups& operator=(const Cgroups&) = delete;
  ~Cgroups() {
    for (const auto& path : {group_ / "a" / "b", group_ / "a", group_})
      std::filesystem::remove(path, error_);
  }
  bool there() const { return !root_.empty() && !error_; }
  const std::filesystem::path& path() const { return group_; }

  // A program on the inner one.
  std::unique_ptr<Bpf> attach(const Bpf& program) const {
    const int at = open((group_ / "a" / "b").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto attached = link(program, at, BPF_CGROUP_INET_EGRESS, 0);
    close(at);
    return attached;
  }

 private:
  std::string root_;
  std::filesystem::path group_;
  std::error_code error_;
};

TEST_F(Outside, ProgramsOfCgroups) {
  const Cgroups groups;
  if (!groups.there())
    GTEST_SKIP() << "SKIPPED: no cgroup can be made";
  EXPECT_THAT(cgroup_programs(groups.path()), IsEmpty());
  const auto allow = program(BPF_PROG_TYPE_CGROUP_SKB, 1);
  const auto attached = groups.attach(*allow);
  if (!attached->there())
    GTEST_SKIP() << "SKIPPED: no cgroup program can be attached: " << attached->why();
  EXPECT_THAT(cgroup_programs(groups.path()), ElementsAre("cgroup programs for packets on a/b"));
  EXPECT_THAT(outside_filters(), Contains(HasSubstr(groups.path().filename().string() + "/a/b")));
}

TEST_F(Outside, NoCgroupsIsNoSilence) {
  EXPECT_THAT(
      cgroup_programs("/nowhere"),
      ElementsAre("cgroup programs could not all be looked for: No such file or directory"));
}

// What somebody is told who may not ask.
std::vector<std::string> said_to_nobody() {
  // The thread alone, without glibc's care for the others: no capabilities are left.
  if (syscall(SYS_setgroups, 0, nullptr) != 0 || syscall(SYS_setresgid, 65534, 65534, 65534) != 0 ||
      syscall(SYS_setresuid, 65534, 65534, 65534) != 0)
    throw std::runtime_error("cannot become nobody");
  return outside_filters();
}

TEST_F(Outside, WhatIsRefusedIsSaid) {
  std::vector<std::string> sentences;
  inside_->run([&] { sentences = said_to_nobody(); });
  EXPECT_THAT(sentences, Contains("tcx programs could not be looked for: Operation not permitted"));
  EXPECT_THAT(sentences,
              Contains(HasSubstr("cgroup programs could not all be looked for: Operation not")));
}

TEST_F(Outside, LegacyTablesThatAreRefusedAreSaid) {
  if (!std::filesystem::exists("/proc/net/ip_tables_names"))
    GTEST_SKIP() << "SKIPPED: no legacy iptables";
  std::vector<std::string> sentences;
  inside_->run([&] { sentences = said_to_nobody(); });
  EXPECT_THAT(sentences, Contains("legacy iptables could not be looked for: Permission denied"));
}

// What the packet filter tells has it too, and so has every proof.
TEST_F(Outside, IsAPartOfTheRuleset) {
  if (!done("ip link add br0 type bridge; ip link set eth0 master br0"))
    GTEST_SKIP() << "SKIPPED: no bridges: " << why_;
  inside_->run([&] {
    const auto ruleset = Nftables().ruleset();
    ASSERT_TRUE(ruleset);
    EXPECT_THAT(ruleset->outside, Contains(HasSubstr("bridge br0 (eth0)")));
  });
}

}  // namespace
}  // namespace quay
