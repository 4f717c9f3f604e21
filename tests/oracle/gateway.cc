#include "tests/oracle/gateway.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <regex>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <net/ethernet.h>
#include <sched.h>
#include <unistd.h>

#include "language/nft_json.h"
#include "tests/oracle/packet_socket.h"
#include "tests/oracle/set_reader.h"

namespace quay::oracle {
namespace {

constexpr std::array<std::uint8_t, 4> kServices{0x04, 0x08, 0x0c, 0x14};
constexpr int kAttempts = 5;
// Softirqs finish what they have on their desks in less.
constexpr std::chrono::milliseconds kSettle{3};

// The table that writes down what happens. Packets of ours have a TTL that the kernel gives to none
// of its own; those are of no use here and end where they begin, the ones that tell of a rejection
// after a note of whose it was: the acknowledged sequence number and the quoted packet tell that.
constexpr const char* kTable = R"(
table inet oracle {{
  set arrived4 {{ typeof ip id; size 65535; flags dynamic; }}
  set arrived6 {{ typeof ip6 flowlabel; size 65535; flags dynamic; }}
  set accepted4 {{ typeof ip id; size 65535; flags dynamic; }}
  set accepted6 {{ typeof ip6 flowlabel; size 65535; flags dynamic; }}
  set refused4 {{ typeof ip id; size 65535; flags dynamic; }}
  set refused6 {{ typeof ip6 flowlabel; size 65535; flags dynamic; }}
  chain arrived {{
    ip ttl {0}-{1} update @arrived4 {{ ip id }}
    ip6 hoplimit {0}-{1} update @arrived6 {{ ip6 flowlabel }}
  }}
  chain accepted {{
    ip ttl {2}-{1} update @accepted4 {{ ip id }} drop
    ip6 hoplimit {2}-{1} update @accepted6 {{ ip6 flowlabel }} drop
    ct state established counter
  }}
  chain wire {{
    type filter hook ingress devices = {{ {3} }} priority -2147483648;
    goto arrived
  }}
  chain own {{
    type filter hook output priority -2147483648;
    ip ttl {2}-{1} goto arrived
    ip6 hoplimit {2}-{1} goto arrived
    ip ttl {4} accept
    ip6 hoplimit {4} accept
    icmp type destination-unreachable icmp code {{ 0-3, 9-13 }} update @refused4 {{ @th,96,16 }} drop
    icmpv6 type destination-unreachable icmpv6 code {{ 1, 3-6 }} update @refused6 {{ @th,76,20 }} drop
    drop
  }}
  chain local {{
    type filter hook input priority 2147483646;
    goto accepted
  }}
  chain leaving {{
    type filter hook postrouting priority 2147483646;
    goto accepted
  }}
}}
)";

// What stands between the numbers 0 and 255 of an interface's Ethernet address.
constexpr std::array<std::uint8_t, 5> kMac{2, 0, 0, 0, 0};

std::uint8_t number_of(const std::string& interface) {
  const auto found = std::ranges::find(interfaces(), interface);
  return static_cast<std::uint8_t>(found - interfaces().begin());
}

std::vector<std::byte> frame(const Sample& sample, const std::vector<std::byte>& packet) {
  std::vector<std::byte> out;
  out.reserve(14 + packet.size());
  for (const std::uint8_t byte : kMac)
    out.push_back(static_cast<std::byte>(byte));
  out.push_back(static_cast<std::byte>(number_of(sample.draft.in_interface)));
  for (int i = 5; i >= 0; --i)
    out.push_back(static_cast<std::byte>(static_cast<std::uint8_t>(sample.draft.mac >> (8 * i))));
  const unsigned type = sample.draft.family == Family::V4 ? ETHERTYPE_IP : ETHERTYPE_IPV6;
  out.push_back(static_cast<std::byte>(type >> 8));
  out.push_back(static_cast<std::byte>(type & 0xff));
  out.insert(out.end(), packet.begin(), packet.end());
  return out;
}

std::string list_of(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words)
    text += (text.empty() ? "" : ", ") + word;
  return text;
}

void enter(const netns::Namespace& space) {
  const int fd = open(("/run/netns/" + space.name()).c_str(), O_RDONLY | O_CLOEXEC);
  const bool entered = fd >= 0 && setns(fd, CLONE_NEWNET) == 0;
  close(fd);
  if (!entered)
    throw std::runtime_error("cannot enter " + space.name());
}

void forget_our_table(filter::Ruleset& all) {
  std::erase_if(all.tables, [](const filter::Table& table) { return table.name == "oracle"; });
}

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string text;
  std::array<char, 65536> piece{};
  while (const std::size_t size = fread(piece.data(), 1, piece.size(), pipe.get()))
    text.append(piece.data(), size);
  return text;
}

// Any source is believed, errors are told as often as they happen, windows do not matter.
constexpr const char* kSettings =
    "for s in default all lo; do sysctl -qw net.ipv4.conf.$s.rp_filter=0"
    " net.ipv4.conf.$s.accept_local=1 net.ipv4.conf.$s.route_localnet=1"
    " net.ipv4.conf.$s.forwarding=1 net.ipv4.conf.$s.send_redirects=0"
    " net.ipv6.conf.$s.forwarding=1 net.ipv6.conf.$s.accept_ra=0 net.ipv6.conf.$s.accept_dad=0;"
    " done;"
    " sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0"
    " net.netfilter.nf_conntrack_tcp_be_liberal=1;"
    " sysctl -qw net.ipv4.icmp_msgs_per_sec=1000000 || true";

}  // namespace

const std::vector<std::string>& interfaces() {
  static const std::vector<std::string> names{"eth0", "eth1", "eth10", "wan0"};
  return names;
}

std::uint8_t service_towards(const std::string& interface) {
  return kServices.at(number_of(interface));
}

Gateway::Gateway() : inside_("oracle"), outside_("oracle-peers") {
  inside_.shell(kSettings);
  outside_.shell("sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
  for (const char* ip : {"ip -4", "ip -6"})
    inside_.shell(fmt::format(
        "{0} rule del pref 0; {0} rule add pref 9 tos {1:#x} lookup 100;"
        " {0} rule add pref 30 lookup local; {0} route add local default dev lo table 100",
        ip, kLocalService));
  for (const std::string& interface : interfaces()) {
    const int number = number_of(interface);
    inside_.shell(fmt::format(
        "ip link add {0} address 02:00:00:00:00:{1:02x} type veth peer name {0} netns {2}"
        " && ip link set {0} addrgenmode none arp off up"
        " && ip addr add 192.0.2.{3}/32 dev {0} && ip addr add 2001:db8:ffff::{3}/128 dev {0}",
        interface, number, outside_.name(), 1 + number));
    outside_.shell(fmt::format("ip link set {} arp off promisc on up", interface));
    for (const char* ip : {"ip -4", "ip -6"})
      inside_.shell(fmt::format(
          "{0} route add default dev {1} table {2}; {0} rule add pref {3} tos {4:#x} lookup {2};"
          " {0} route add default dev {1} metric {3}",
          ip, interface, 101 + number, 10 + number, service_towards(interface)));
  }
  outside_.run([this] {
    for (const std::string& interface : interfaces())
      wires_[interface] = std::make_unique<PacketSocket>(PacketSocket::on_wire(interface));
  });
  enter(inside_);
  for (const std::string& interface : interfaces())
    for (const Family family : {Family::V4, Family::V6})
      own_[{family, interface}] =
          std::make_unique<PacketSocket>(PacketSocket::of_host(family, interface));
  nftables_ = std::make_unique<Nftables>();
  reader_ = std::make_unique<SetReader>("oracle");
  clear();
}

Gateway::~Gateway() = default;

bool Gateway::run(const std::string& nft_script, std::string& why) {
  const auto done = nftables_->run(nft_script);
  if (!done)
    why = done.error().text();
  return done.has_value();
}

bool Gateway::load(const Script& script, std::string& why) {
  if (script.syntax == Script::Syntax::Nft)
    return run(script.text(), why);
  const char* tool = script.syntax == Script::Syntax::Iptables ? "iptables" : "ip6tables";
  why = output_of(fmt::format("{}-nft-restore 2>&1 << 'END'\n{}END\n", tool, script.text()));
  return why.empty();
}

bool Gateway::load_optimised(const Script& script, std::string& why) {
  why = output_of("nft -o -f /dev/stdin 2>&1 << 'END' && echo loaded\n" + script.text() + "END\n");
  return why.ends_with("loaded\n");
}

bool Gateway::restore(std::string& why) {
  why = output_of(
      "listed=$(nft -s list ruleset) && printf 'flush ruleset\\n%s\\n' \"$listed\" | nft -f - "
      "2>&1");
  return why.empty();
}

void Gateway::clear() {
  const std::string table =
      fmt::format(kTable, kLeastTtl, kMostTtl, kLeastTtl - 1, list_of(interfaces()), kOpenerTtl);
  std::string why;
  if (!run("flush ruleset\n" + table, why))
    throw std::runtime_error(why);
}

Result<filter::Ruleset> Gateway::ruleset() {
  auto all = nftables_->ruleset();
  if (all)
    forget_our_table(*all);
  return all;
}

std::vector<std::size_t> Gateway::refused_lines(const std::string& script) {
  const std::string errors = output_of("nft -c -f /dev/stdin 2>&1 << 'END'\n" + script + "END\n");
  static const std::regex place("/dev/stdin:([0-9]+):[0-9-]+: Error");
  std::vector<std::size_t> lines;
  for (std::sregex_iterator it(errors.begin(), errors.end(), place), end; it != end; ++it)
    lines.push_back(std::stoul((*it)[1]) - 1);
  return lines;
}

std::optional<filter::Ruleset> Gateway::json_ruleset() {
  const std::string text = output_of("nft -j list ruleset 2> /dev/null && echo");
  if (!text.ends_with("\n\n"))
    return std::nullopt;
  auto parsed = parse_nft_json(text, "nft -j");
  if (!parsed.errors.empty())
    throw std::runtime_error(parsed.errors.front().text());
  forget_our_table(parsed.value);
  return std::move(parsed.value);
}

void Gateway::forget_flows() {
  if (std::system("conntrack -F > /dev/null 2>&1") != 0)
    throw std::runtime_error("conntrack -F does not work");
}

void Gateway::open(const std::vector<Sample>& samples) {
  std::vector<Sample> openers;
  for (const Sample& sample : samples)
    if (sample.draft.answer)
      openers.push_back(sample_of(opener_of(sample.draft)));
  std::vector<std::pair<Id, const Sample*>> batch;
  batch.reserve(openers.size());
  for (const Sample& opener : openers)
    batch.emplace_back(Id{1}, &opener);
  send(batch);
  std::this_thread::sleep_for(kSettle);
}

void Gateway::send(const std::vector<std::pair<Id, const Sample*>>& batch) {
  std::map<const PacketSocket*, std::vector<Letter>> letters;
  for (const auto& [id, sample] : batch) {
    const Draft& draft = sample->draft;
    std::vector<std::byte> packet = sample->bytes;
    set_id(packet, id);
    if (draft.direction == Direction::Out)
      letters[own_.at({draft.family, draft.out_interface}).get()].push_back(
          {{draft.family, draft.destination}, std::move(packet)});
    else
      letters[wires_.at(draft.in_interface).get()].push_back({{}, frame(*sample, packet)});
  }
  for (const auto& [socket, all] : letters)
    socket->send(all);
}

std::vector<Ruling> Gateway::judge(const std::vector<Sample>& samples) {
  std::string why;
  std::string flush;
  for (const char* set : {"arrived4", "arrived6", "accepted4", "accepted6", "refused4", "refused6"})
    flush += fmt::format("flush set inet oracle {}\n", set);
  if (!run(flush, why))
    throw std::runtime_error(why);
  std::vector<Ruling> rulings(samples.size());
  const auto read = [&](const std::string& set, bool Ruling::* what) {
    for (const char* family : {"4", "6"})
      for (const std::uint32_t id : reader_->numbers(set + family))
        if (id >= 1 && id <= rulings.size())
          rulings[id - 1].*what = true;
  };
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::vector<std::pair<Id, const Sample*>> missing;
    for (std::size_t i = 0; i < samples.size(); ++i)
      if (!rulings[i].arrived)
        missing.emplace_back(static_cast<Id>(i + 1), &samples[i]);
    if (missing.empty())
      break;
    send(missing);
    std::this_thread::sleep_for(kSettle);
    read("arrived", &Ruling::arrived);
  }
  read("accepted", &Ruling::accepted);
  read("refused", &Ruling::refused);
  return rulings;
}

}  // namespace quay::oracle
