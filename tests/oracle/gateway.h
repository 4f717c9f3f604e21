// A gateway whose kernel judges packets: what it did with each is read from sets that its own
// nftables fills, before and after the chains under test.
//
// Every packet carries a number (set_id) and is forgotten once it got through, so that no packet
// knows of another: conntrack confirms none of them, the gateway answers none of them. IPv4's type
// of service decides where a packet goes, so that any addresses can be tried on any way.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/nftables.h"
#include "model/filter.h"
#include "tests/netns/netns.h"
#include "tests/oracle/sample.h"
#include "tests/oracle/script.h"

namespace quay::oracle {

// Some names begin alike, for wildcards.
const std::vector<std::string>& interfaces();

// Types of service by which the gateway's routes go: to itself, and out of an interface.
inline constexpr std::uint8_t kLocalService = 0x10;
std::uint8_t service_towards(const std::string& interface);

// What the kernel did with one packet.
struct Ruling {
  bool arrived = false;   // it came to the first hook; else it was lost, and nothing is known
  bool accepted = false;  // it passed all hooks of its way
  bool refused = false;   // the sender was told of a rejection
};

class PacketSocket;
class SetReader;

// The process enters the gateway's namespace with it, for good: it is the main thread's to make,
// and to be made once.
class Gateway {
 public:
  Gateway();
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Without rules but our own.
  void clear();
  // Runs a script. False when it is refused; `why` says why.
  bool load(const Script& script, std::string& why);
  // A script of nft(8), of which it merges rules where it can. `why` tells which, or what failed.
  static bool load_optimised(const Script& script, std::string& why);
  // What nft(8) lists takes the place of what is loaded.
  static bool restore(std::string& why);
  // The numbers of a script's lines, from 0, that nft(8) does not take. It does not tell all at
  // once.
  static std::vector<std::size_t> refused_lines(const std::string& script);
  // What nftables runs, without our own table.
  Result<filter::Ruleset> ruleset();
  // The same, as `nft -j` lists it; nullopt when nft(8) breaks off, which it does on some rules.
  std::optional<filter::Ruleset> json_ruleset();

  // Conntrack's flows: every packet begins one again.
  void forget_flows();

  // Lets the flows begin that some samples answer (Draft::answer): to be called without rules and
  // other flows.
  void open(const std::vector<Sample>& samples);
  // At most 65535 samples. What is lost on the way is sent again, some times.
  std::vector<Ruling> judge(const std::vector<Sample>& samples);

 private:
  using Id = std::uint16_t;

  bool run(const std::string& nft_script, std::string& why);
  void send(const std::vector<std::pair<Id, const Sample*>>& batch);

  netns::Namespace inside_;
  netns::Namespace outside_;
  std::unique_ptr<Nftables> nftables_;
  std::unique_ptr<SetReader> reader_;
  std::map<std::string, std::unique_ptr<PacketSocket>> wires_;
  std::map<std::pair<Family, std::string>, std::unique_ptr<PacketSocket>> own_;
};

}  // namespace quay::oracle
