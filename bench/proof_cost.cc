#include "bench/proof_cost.h"

#include <array>
#include <fstream>
#include <memory>
#include <random>
#include <stdexcept>

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <malloc.h>

#include "bench/rulesets.h"
#include "bench/stopwatch.h"
#include "host/netlink_socket.h"
#include "host/nft_dump.h"
#include "host/nftables.h"
#include "language/iptables_save.h"
#include "language/nft_program.h"
#include "language/packet_text.h"
#include "packetset/filter_space.h"
#include "policy/compile.h"
#include "policy/explain.h"
#include "policy/idle_filter_rules.h"
#include "policy/proof.h"
#include "policy/vocabulary.h"
#include "tests/netns/netns.h"
#include "tests/support/shipped.h"

namespace quay::bench {
namespace {

template <typename Value>
Value must(Result<Value> done) {
  if (!done)
    throw std::runtime_error(done.error().text());
  return *std::move(done);
}

// What the rules of both families of tools say; `line` writes one.
template <typename Line>
std::string random_lines(int rules, const Line& line) {
  std::mt19937 random(1);
  const auto below = [&](unsigned most) { return static_cast<unsigned>(random() % most); };
  std::string text;
  for (int i = 0; i < rules; ++i) {
    const bool accept = below(3) != 0;
    const unsigned interface = below(2);
    const char* protocol = below(2) != 0 ? "tcp" : "udp";
    const unsigned length = 16 + below(9);
    const unsigned network = (below(223) + 1) << 24 | below(1U << 24);
    const unsigned address = network >> (32 - length) << (32 - length);
    const std::string source = fmt::format("{}.{}.{}.{}/{}", address >> 24, address >> 16 & 255,
                                           address >> 8 & 255, address & 255, length);
    text += line(accept, interface, protocol, source, below(60000) + 1);
  }
  return text;
}

filter::Ruleset iptables_filter(int rules, const std::string& more = "") {
  const auto line = [](bool accept, unsigned interface, const char* protocol,
                       const std::string& source, unsigned port) {
    return fmt::format("-A INPUT -i eth{} -s {} -p {} --dport {} -j {}\n", interface, source,
                       protocol, port, accept ? "ACCEPT" : "DROP");
  };
  const auto parsed = parse_iptables_save(
      "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
      "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n" +
          random_lines(rules, line) + more + "COMMIT\n",
      "rules", Family::V4);
  if (!parsed.ok())
    throw std::runtime_error(parsed.errors.front().text());
  return parsed.value;
}

constexpr std::array kDirections{Direction::In, Direction::Out, Direction::Forward};

std::size_t allocated() {
  const struct mallinfo2 now = mallinfo2();
  return now.uordblks + now.hblkhd;
}

// The rules as the kernel sends them, not looked at.
std::size_t raw_dump(NetlinkSocket& socket) {
  alignas(nlmsghdr) std::array<char, 64> buffer{};
  nlmsghdr* question = mnl_nlmsg_put_header(buffer.data());
  question->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE;
  question->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  mnl_nlmsg_put_extra_header(question, sizeof(nfgenmsg));
  const auto answer = socket.ask(*question);
  if (!answer)
    throw std::runtime_error("the kernel does not tell its rules");
  return answer->size();
}

}  // namespace

std::vector<ChangeCost> proof_costs(int rounds) {
  const Sample whole = sample(0);
  const RuleList rules = compile(whole.policy, shipped_catalogue(), kNow).rules;
  const Vocabulary names = vocabulary(whole.policy, shipped_catalogue());
  const PacketQuery packet = must(parse_packet("in on wan 1883/tcp from 203.0.113.1"));
  const Packet one{.interface = "eth1"};
  Stopwatch reading;
  Stopwatch proving;
  Stopwatch explaining;
  Stopwatch deciding;
  netns::Namespace inside("benchproof");
  inside.run([&] {
    Nftables firewall;
    must(firewall.run(nft_script(whole.table, Slot::A)));
    filter::Ruleset live;
    for (int i = 0; i < rounds; ++i) {
      reading.time([&] { live = must(firewall.ruleset()); });
      proving.time([&] {
        if (!prove(rules, live, names).equal())
          throw std::runtime_error("the kernel does not do what the policy says");
      });
      explaining.time([&] { must(explain(packet, rules, whole.policy)); }, 20);
      deciding.time([&] { decide(rules, one, kNow); }, 1000);
    }
  });
  return {reading.cost("30 services: read back, and what is beside nftables"),
          proving.cost("30 services: proved equal, and no answer lost"),
          explaining.cost("explain, with reasons"), deciding.cost("the rule of one packet")};
}

FilterCosts filter_costs(int rules, int rounds) {
  const filter::Ruleset before = iptables_filter(rules);
  const filter::Ruleset after = iptables_filter(rules, "-A INPUT -p tcp --dport 8080 -j ACCEPT\n");
  const std::array both{&before, &after};
  Stopwatch equality;
  Stopwatch cubes;
  Stopwatch widest;
  Stopwatch idle;
  FilterCosts costs;
  for (int i = 0; i < rounds; ++i) {
    const std::size_t at_first = allocated();
    auto space = std::make_unique<filter::FilterSpace>(Family::V4, both);
    Diagram accepted = 0;
    Diagram differing = 0;
    equality.time([&] {
      for (const Direction direction : kDirections) {
        const Diagram one = space->fate(before, direction);
        const Diagram other = space->fate(after, direction);
        if (direction == Direction::In) {
          accepted = space->store().intersect(one, filter::kAccepted);
          differing = space->store().difference(one, other);
        }
      }
    });
    costs.megabytes = static_cast<double>(allocated() - at_first) / 1e6;
    cubes.time([&] { space->cover(differing, Direction::In, {}, SIZE_MAX); });
    widest.time([&] { space->cover(accepted, Direction::In, {}, 20); });
    if (space->exhausted() || differing == 0)
      throw std::runtime_error("the rules were too many");
    space.reset();
    filter::FilterSpace alone(Family::V4, std::array{&before});
    idle.time([&] { idle_filter_rules(alone, before); });
  }
  costs.times = {equality.cost("two filters, one rule apart, built and compared"),
                 cubes.cost("every cube of the difference"),
                 widest.cost("the 20 widest cubes of what is accepted, of 100"),
                 idle.cost("every dead and redundant rule")};
  return costs;
}

std::vector<ChangeCost> read_back_costs(int rules, int rounds) {
  const auto line = [](bool accept, unsigned interface, const char* protocol,
                       const std::string& source, unsigned port) {
    return fmt::format("add rule ip t c iifname eth{} ip saddr {} {} dport {} {}\n", interface,
                       source, protocol, port, accept ? "accept" : "drop");
  };
  Stopwatch raw;
  Stopwatch reading;
  netns::Namespace inside("benchread");
  const std::string file = "/tmp/" + inside.name() + ".nft";
  std::ofstream(file) << "add table ip t\nadd chain ip t c { type filter hook input priority 0; }\n"
                      << random_lines(rules, line);
  inside.shell("nft -f " + file + "; rm " + file);
  inside.run([&] {
    NetlinkSocket socket(NETLINK_NETFILTER);
    NftDump dump;
    for (int i = 0; i < rounds; ++i) {
      raw.time([&] { raw_dump(socket); });
      reading.time([&] { read_nft_program(must(dump.ruleset()), {}); });
    }
  });
  return {raw.cost("rules dumped, not looked at"), reading.cost("rules read into the model")};
}

}  // namespace quay::bench
