#include "language/nft_program.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "language/nft_rule.h"

namespace quay {
namespace {

using filter::Hook;
using filter::TableFamily;

}  // namespace

std::optional<TableFamily> nft_table_family(std::uint8_t number) {
  switch (number) {
    case NFPROTO_IPV4:
      return TableFamily::Ip;
    case NFPROTO_IPV6:
      return TableFamily::Ip6;
    case NFPROTO_INET:
      return TableFamily::Inet;
    case NFPROTO_NETDEV:
      return TableFamily::Netdev;
    case NFPROTO_BRIDGE:
      return TableFamily::Bridge;
    case NFPROTO_ARP:
      return TableFamily::Arp;
    default:
      return std::nullopt;
  }
}

namespace {

// linux/netfilter.h, and for ARP linux/netfilter_arp.h: 0 in, 1 out, 2 forward.
std::optional<Hook> hook_of(TableFamily family, std::uint32_t number) {
  if (family == TableFamily::Netdev) {
    if (number > NF_NETDEV_EGRESS)
      return std::nullopt;
    return number == NF_NETDEV_INGRESS ? Hook::Ingress : Hook::Egress;
  }
  if (family == TableFamily::Arp)
    number = number == 0 ? NF_INET_LOCAL_IN : number == 1 ? NF_INET_LOCAL_OUT : NF_INET_FORWARD;
  switch (number) {
    case NF_INET_PRE_ROUTING:
      return Hook::Prerouting;
    case NF_INET_LOCAL_IN:
      return Hook::Input;
    case NF_INET_FORWARD:
      return Hook::Forward;
    case NF_INET_LOCAL_OUT:
      return Hook::Output;
    case NF_INET_POST_ROUTING:
      return Hook::Postrouting;
    case NF_INET_INGRESS:
      if (family == TableFamily::Inet)
        return Hook::Ingress;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

void add_written(const nft::Table& table, nft::Written& written) {
  if (const auto family = nft_table_family(table.family))
    for (const nft::Rule& rule : table.rules)
      nft::add_written(rule, *family, written);
}

// The name of a table as iptables knows it, when packets meet it once and its rules change nothing.
std::string_view steady_name(const nft::Table& table) {
  nft::Written written;
  add_written(table, written);
  const std::uint32_t first = table.name == "raw" ? NF_INET_PRE_ROUTING : NF_INET_LOCAL_IN;
  const bool once = std::ranges::all_of(table.chains, [first](const nft::Chain& chain) {
    const std::uint32_t hook = chain.hook ? chain.hook->number : first;
    return hook == first || hook == NF_INET_LOCAL_OUT ||
           (hook == NF_INET_FORWARD && first == NF_INET_LOCAL_IN);
  });
  return once && written.fields.empty() ? std::string_view(table.name) : std::string_view();
}

class ProgramReader {
 public:
  explicit ProgramReader(const nft::Interfaces& interfaces) : interfaces_(interfaces) {}

  filter::Ruleset read(const nft::Ruleset& ruleset) {
    for (const nft::Table& table : ruleset.tables)
      add_written(table, written_);
    for (const nft::Table& table : ruleset.tables)
      read_table(table);
    return std::move(result_);
  }

 private:
  void read_table(const nft::Table& table);
  std::optional<filter::Base> base_of(const nft::Chain& chain, const filter::Table& table);
  std::vector<std::string> devices_of(const nft::Hook& hook) const;
  void outside(const filter::Table& table, std::string_view what) {
    result_.outside.push_back(
        fmt::format("table {} {}: {}", filter::to_text(table.family), table.name, what));
  }

  const nft::Interfaces& interfaces_;
  nft::Written written_;
  filter::Ruleset result_;
};

// Names of interfaces, those that a pattern means as far as they are there.
std::vector<std::string> ProgramReader::devices_of(const nft::Hook& hook) const {
  std::vector<std::string> devices;
  for (const std::string& device : hook.devices) {
    if (!device.ends_with('*')) {
      devices.push_back(device);
      continue;
    }
    for (const auto& [index, name] : interfaces_)
      if (name.starts_with(std::string_view(device).substr(0, device.size() - 1)))
        devices.push_back(name);
  }
  return devices;
}

std::optional<filter::Base> ProgramReader::base_of(const nft::Chain& chain,
                                                   const filter::Table& table) {
  if (!chain.hook)
    return std::nullopt;
  const auto hook = hook_of(table.family, chain.hook->number);
  if (!hook) {
    outside(table, fmt::format("chain {} has the hook {}, which is not known", chain.name,
                               chain.hook->number));
    return std::nullopt;
  }
  return filter::Base{.hook = *hook,
                      .priority = chain.hook->priority,
                      .policy = chain.hook->policy == NF_DROP ? filter::Verdict::Kind::Drop
                                                              : filter::Verdict::Kind::Accept,
                      .nat = chain.hook->type == "nat",
                      .devices = devices_of(*chain.hook)};
}

void ProgramReader::read_table(const nft::Table& table) {
  const auto family = nft_table_family(table.family);
  if (!family) {
    result_.outside.push_back(
        fmt::format("table {} is of family {}, which is not known", table.name, table.family));
    return;
  }
  filter::Table read{
      .family = *family, .name = table.name, .dormant = (table.flags & NFT_TABLE_F_DORMANT) != 0};
  if (*family == filter::TableFamily::Bridge || *family == filter::TableFamily::Arp)
    outside(read, "frames of a link, not packets");
  for (const std::string& what : table.unknown)
    outside(read, what + " is not understood");
  for (const std::string& flowtable : table.flowtables)
    outside(read, fmt::format("flowtable {}: the flows in it pass by every chain", flowtable));
  std::map<std::string, std::size_t> chains;
  for (const nft::Chain& chain : table.chains) {
    if (chain.hook && chain.hook->type == "route")
      outside(read, fmt::format("chain {}: what it marks may leave by another route, which is not "
                                "modelled",
                                chain.name));
    if ((chain.flags & NFT_CHAIN_HW_OFFLOAD) != 0)
      outside(read, fmt::format("chain {} is also run by the network card", chain.name));
    chains.emplace(chain.name, read.chains.size());
    read.chains.push_back({.name = chain.name, .base = base_of(chain, read)});
  }
  std::map<std::string, const nft::Object*> objects;
  for (const nft::Object& object : table.objects)
    objects.emplace(object.name, &object);
  nft::Sets sets(table);
  const nft::Surroundings around{*family, steady_name(table), sets, objects, interfaces_, written_};
  for (const nft::Rule& rule : table.rules) {
    const auto chain = chains.find(rule.chain);
    if (chain == chains.end()) {
      outside(read, fmt::format("chain {} has rules and is not there", rule.chain));
      continue;
    }
    for (filter::Rule& part : nft::read_rule(rule, around))
      read.chains[chain->second].rules.push_back(std::move(part));
  }
  result_.tables.push_back(std::move(read));
}

}  // namespace

filter::Ruleset read_nft_program(const nft::Ruleset& ruleset,
                                 const std::map<std::uint32_t, std::string>& interfaces) {
  return ProgramReader(interfaces).read(ruleset);
}

}  // namespace quay
