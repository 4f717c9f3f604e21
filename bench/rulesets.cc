#include "bench/rulesets.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include <fmt/format.h>

#include "app/inventory.h"
#include "app/kernel_table.h"
#include "host/system_files.h"
#include "language/user_rule_text.h"
#include "policy/compile.h"

namespace quay::bench {
namespace {

void load_text(const std::string& netns, const std::string& script) {
  const std::string file = fmt::format("/tmp/{}.nft", netns);
  std::ofstream(file) << script;
  const int status = std::system(fmt::format("ip netns exec {} nft -f {}", netns, file).c_str());
  std::filesystem::remove(file);
  if (status != 0)
    throw std::runtime_error("nft does not load the rules for " + netns);
}

Catalogue catalogue_with(int more_ports) {
  SystemFiles files;
  Catalogue catalogue = load_catalogue(files, {QUAY_SOURCE "/catalogue"}).value;
  for (int i = 0; i < more_ports; ++i) {
    Service service{.id = fmt::format("more-{}", i), .title = "More", .description = "More"};
    service.endpoints.push_back({.direction = Direction::In,
                                 .protocols = {Protocol::Tcp},
                                 .local = one_port(static_cast<Port>(2 * i + 10001)),
                                 .server = true});
    catalogue.services.emplace(service.id, service);
  }
  return catalogue;
}

// The ports of the reference's table, with the measured one last.
constexpr const char* kPorts[] = {"22/tcp",    "443/tcp",  "2541/tcp", "2541/udp", "1628/tcp",
                                  "1628/udp",  "1883/tcp", "8883/tcp", "5353/udp", "55000/tcp",
                                  "41797/udp", "1630/udp", "1631/udp", "80/tcp"};

std::string sets(const std::string& declarations, const std::string& rules) {
  return "table inet hand {\n" + declarations +
         "  chain input { type filter hook input priority filter; policy drop;\n"
         "    ip saddr 127.0.0.0/8 iifname != \"lo\" drop\n"
         "    ip daddr 127.0.0.0/8 iifname != \"lo\" drop\n"
         "    ip6 saddr ::1 iifname != \"lo\" drop\n"
         "    ip6 daddr ::1 iifname != \"lo\" drop\n"
         "    ct state established,related accept\n    ct state invalid drop\n" +
         rules + "    iifname \"lo\" accept\n    meta l4proto { icmp, ipv6-icmp } accept\n  }\n}\n";
}

// The keys of a map over all ports and two interfaces.
std::string keys(const std::string& verdict, bool with_interface) {
  std::string text;
  for (const std::string interface : {"eth0", "eth1"}) {
    for (const std::string port : kPorts) {
      const std::size_t slash = port.find('/');
      text += fmt::format("{}{} . {}{}, ", with_interface ? "\"" + interface + "\" . " : "",
                          port.substr(slash + 1), port.substr(0, slash), verdict);
    }
    text += fmt::format("{}udp . {}{}, ", with_interface ? "\"" + interface + "\" . " : "",
                        kLastPort, verdict);
    if (!with_interface)
      break;
  }
  return text.substr(0, text.size() - 2);
}

}  // namespace

Sample sample(int more_ports, const std::vector<std::string>& own_rules) {
  const Catalogue catalogue = catalogue_with(more_ports);
  Sample result;
  result.policy.interfaces = {{"lan", {"eth0"}}, {"wan", {"eth1"}}};
  for (const auto& [id, service] : catalogue.services) {
    if (!service.optional)
      continue;
    result.policy.services[id].enabled = true;
    for (const Function& function : service.functions)
      result.policy.services[id].functions[function.id].enabled = true;
  }
  for (const std::string& text : own_rules)
    result.policy.rules.push_back(parse_user_rule(text, {}).value());
  result.table = nft_table(compile(result.policy, catalogue, TimePoint{}).rules);
  return result;
}

Contestant none() {
  return {"no firewall", [](const std::string&) {}, kLastPort};
}

Contestant ours(const std::string& name, const NftTable& table) {
  return nft(name, nft_script(table, Slot::A));
}

Contestant nft(const std::string& name, const std::string& script) {
  return {name, [script](const std::string& netns) { load_text(netns, script); }, kLastPort};
}

std::vector<Contestant> candidates() {
  const std::string chain = "  counter c { }\n  chain s { counter name c accept; }\n";
  const std::string lookup = "    iifname . meta l4proto . th dport vmap @m\n";
  const std::string by_interface = "  map m { type ifname . inet_proto . inet_service : verdict; ";
  return {
      nft("one map, jump, counter per service",
          sets(chain + by_interface + "elements = { " + keys(" : jump s", true) + " } }\n",
               lookup)),
      nft("one map, accept, counter per element",
          sets(by_interface + "counter; elements = { " + keys(" : accept", true) + " } }\n",
               lookup)),
      nft("one map, accept, no counter",
          sets(by_interface + "elements = { " + keys(" : accept", true) + " } }\n", lookup)),
      nft("chain per interface, map of ports",
          sets(chain + "  map m { type inet_proto . inet_service : verdict; elements = { " +
                   keys(" : jump s", false) +
                   " } }\n  chain p { meta l4proto . th dport vmap @m; }\n",
               "    iifname \"eth1\" jump p\n    iifname \"eth0\" jump p\n")),
  };
}

std::string by_hand_script(int ports) {
  std::string rules;
  for (int i = 0; i < ports - static_cast<int>(std::size(kPorts)) - 1; ++i)
    rules += fmt::format("    tcp dport {} accept\n", 2 * i + 10001);
  for (const std::string port : kPorts)
    rules += fmt::format("    {} dport {} accept\n", port.substr(port.find('/') + 1),
                         port.substr(0, port.find('/')));
  rules += fmt::format("    udp dport {} accept\n", kLastPort);
  return sets("", rules);
}

Contestant by_hand(int ports) {
  return nft(fmt::format("by hand, {} rules", ports), by_hand_script(ports));
}

std::vector<Contestant> peers(int ports) {
  const std::string script = QUAY_SOURCE "/bench/peer-rules";
  if (std::system((script + " prepare").c_str()) != 0) {
    std::cerr << "SKIPPED: there is no root with ufw and firewalld, so they are not measured\n";
    return {};
  }
  std::vector<Contestant> result;
  for (const std::string peer : {"ufw", "firewalld"})
    result.push_back(
        {fmt::format("{}, {} ports", peer, ports),
         [=](const std::string& netns) {
           if (std::system(
                   fmt::format("{} {} {} {} {}", script, peer, netns, ports, kLastPort).c_str()) !=
               0)
             throw std::runtime_error(peer + " does not load its rules");
         },
         kLastPort});
  return result;
}

}  // namespace quay::bench
