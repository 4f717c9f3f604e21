#include "tests/oracle/iptables_script.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"

namespace quay::oracle {
namespace {

constexpr unsigned kChains = 3;  // of each table, to jump to

struct Builtins {
  std::string table;
  std::vector<std::string> chains;
};

const std::vector<Builtins> kTables{
    {"raw", {"PREROUTING", "OUTPUT"}},
    {"mangle", {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}},
    {"filter", {"INPUT", "FORWARD", "OUTPUT"}}};

class Writer {
 public:
  Writer(const Corners& corners, Family family, Dice& dice)
      : corners_(corners), family_(family), dice_(dice) {
    script_.syntax = family == Family::V4 ? Script::Syntax::Iptables : Script::Syntax::Ip6tables;
  }

  void table(const Builtins& builtins);
  Script take() { return std::move(script_); }

 private:
  struct Place {
    std::string table;
    std::string chain;
    bool builtin = false;
  };

  void chain(const std::string& name, bool builtin, unsigned first_chain, std::size_t rules);
  std::string rule(unsigned first_chain);
  std::string target(unsigned first_chain);
  void interface();
  void addresses();
  void transport();
  void more();

  std::string not_or(const std::string& words);
  std::string address();
  std::string prefix();
  std::string port();
  std::string port_range();
  bool sees_entrance() const { return place_.chain != "OUTPUT" && place_.chain != "POSTROUTING"; }
  bool sees_exit() const { return place_.chain != "INPUT" && place_.chain != "PREROUTING"; }

  const Corners& corners_;
  Family family_;
  Dice& dice_;
  Script script_;
  Place place_;
  std::string protocol_;            // of the rule that is being written; empty: any
  std::vector<std::string> words_;  // of that rule
};

void Writer::table(const Builtins& builtins) {
  script_.add("*" + builtins.table);
  place_.table = builtins.table;
  std::vector<std::string> closed;
  for (const std::string& name : builtins.chains) {
    if (builtins.table == "filter" && dice_.one_in(3))
      closed.push_back(name);
    const bool drops = !closed.empty() && closed.back() == name;
    script_.add(fmt::format(":{} {} [0:0]", name, drops ? "DROP" : "ACCEPT"));
  }
  for (unsigned i = 0; i < kChains; ++i)
    script_.add(fmt::format(":u{} - [0:0]", i));
  for (unsigned i = 0; i < kChains; ++i)
    chain(fmt::format("u{}", i), false, i + 1, 1 + dice_.below(4));
  for (const std::string& name : builtins.chains) {
    chain(name, true, 0, 1 + dice_.below(6));
    if (std::ranges::find(closed, name) != closed.end() && !dice_.one_in(3))
      script_.add_rule("-A " + name + " -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT");
  }
  script_.add("COMMIT");
}

void Writer::chain(const std::string& name, bool builtin, unsigned first_chain, std::size_t rules) {
  place_.chain = name;
  place_.builtin = builtin;
  for (std::size_t i = 0; i < rules; ++i)
    script_.add_rule("-A " + name + rule(first_chain));
}

std::string Writer::not_or(const std::string& words) {
  return dice_.one_in(4) ? "! " + words : words;
}

std::string Writer::address() {
  const auto& [first, last] = dice_.one_of(family_ == Family::V4 ? corners_.v4 : corners_.v6);
  return to_text(Address{family_, dice_.one_in(2) ? first : last});
}

std::string Writer::prefix() {
  const auto& range = dice_.one_of(family_ == Family::V4 ? corners_.v4 : corners_.v6);
  return to_text(prefixes_of(range, family_).front());
}

std::string Writer::port() {
  const auto& [first, last] = dice_.one_of(corners_.ports);
  return std::to_string(dice_.one_in(2) ? first : last);
}

std::string Writer::port_range() {
  const auto& [first, last] = dice_.one_of(corners_.ports);
  return first == last ? std::to_string(first) : fmt::format("{}:{}", first, last);
}

void Writer::interface() {
  static const std::vector<std::string> names{"eth0", "eth1",  "eth10", "wan0",
                                              "eth+", "eth1+", "w+",    "lo"};
  const bool in = sees_entrance() && (!sees_exit() || dice_.one_in(2));
  words_.push_back(not_or((in ? "-i " : "-o ") + dice_.one_of(names)));
}

void Writer::addresses() {
  words_.push_back(
      not_or((dice_.one_in(2) ? "-s " : "-d ") + (dice_.one_in(2) ? prefix() : address())));
}

// Conditions that need the protocol.
void Writer::transport() {
  static const std::vector<std::string> flags{"--syn",
                                              "! --syn",
                                              "--tcp-flags SYN,ACK SYN",
                                              "--tcp-flags ALL NONE",
                                              "--tcp-flags ALL SYN",
                                              "! --tcp-flags FIN,SYN,RST,ACK SYN",
                                              "--tcp-flags SYN,RST SYN,RST"};
  static const std::vector<std::string> types4{
      "echo-request", "8", "3/1", "destination-unreachable", "0", "timestamp-request", "any"};
  static const std::vector<std::string> types6{
      "echo-request", "128", "1/4", "destination-unreachable", "129", "neighbour-solicitation"};
  if (protocol_ == "tcp" || protocol_ == "udp") {
    switch (dice_.below(protocol_ == "tcp" ? 5 : 4)) {
      case 0:
      case 1:
        words_.push_back("-m " + protocol_);
        words_.push_back(not_or((dice_.one_in(3) ? "--sport " : "--dport ") +
                                (dice_.one_in(2) ? port() : port_range())));
        break;
      case 2:
        words_.push_back("-m multiport");
        words_.push_back(
            not_or(dice_.one_of(std::vector<std::string>{"--dports ", "--sports ", "--ports "}) +
                   port() + "," + port_range()));
        break;
      case 3:
        break;
      default:
        words_.push_back("-m tcp " + dice_.one_of(flags));
        break;
    }
  } else if (protocol_ == "icmp") {
    words_.push_back("-m icmp " + not_or("--icmp-type " + dice_.one_of(types4)));
  } else if (protocol_ == "ipv6-icmp") {
    words_.push_back("-m icmp6 " + not_or("--icmpv6-type " + dice_.one_of(types6)));
  }
}

// Conditions of other modules.
void Writer::more() {
  static const std::vector<std::string> states{"NEW",       "ESTABLISHED,RELATED", "INVALID",
                                               "UNTRACKED", "NEW,UNTRACKED",       "ESTABLISHED"};
  const bool v4 = family_ == Family::V4;
  switch (dice_.below(9)) {
    case 0:
    case 1:
      words_.push_back("-m conntrack " + not_or("--ctstate " + dice_.one_of(states)));
      break;
    case 2:
      words_.push_back("-m state " + not_or("--state " + dice_.one_of(states)));
      break;
    case 3:
      words_.push_back("-m mark " + not_or(dice_.one_in(2) ? "--mark 16" : "--mark 0x1/0x1"));
      break;
    case 4: {
      const auto& [first, last] = dice_.one_of(v4 ? corners_.v4 : corners_.v6);
      words_.push_back(
          "-m iprange " +
          not_or(fmt::format("{} {}-{}", dice_.one_in(2) ? "--src-range" : "--dst-range",
                             to_text(Address{family_, first}), to_text(Address{family_, last}))));
      break;
    }
    case 5:
      words_.push_back("-m length " + not_or(dice_.one_in(2) ? "--length 40:70" : "--length 61:"));
      break;
    case 6:
      words_.push_back(v4 ? "-m ttl --ttl-gt 180" : "-m hl --hl-lt 180");
      break;
    case 7:
      words_.push_back("-m dscp " + not_or(fmt::format("--dscp {}", dice_.one_in(2) ? 1 : 8)));
      break;
    default:
      if (place_.builtin && sees_entrance())
        words_.push_back("-m mac " + not_or("--mac-source 02:aa:bb:cc:dd:01"));
      else
        words_.push_back("-m comment --comment \"a rule\"");
      break;
  }
}

std::string Writer::target(unsigned first_chain) {
  const auto chain = [&] {
    return fmt::format("u{}", first_chain + dice_.below(kChains - first_chain));
  };
  switch (dice_.below(10)) {
    case 0:
    case 1:
    case 2:
      return " -j ACCEPT";
    case 3:
      return place_.table == "filter"
                 ? (protocol_ == "tcp" && dice_.one_in(2) ? " -j REJECT --reject-with tcp-reset"
                                                          : " -j REJECT")
                 : " -j DROP";
    case 4:
      return " -j DROP";
    case 5:
      if (place_.table == "mangle")
        return dice_.one_in(2) ? " -j MARK --set-xmark 0x10/0xffffffff"
                               : " -j MARK --set-xmark 0x1/0x1";
      return place_.table == "raw" ? " -j CT --notrack" : "";
    case 6:
      return first_chain < kChains ? " -g " + chain() : " -j RETURN";
    case 7:
      return dice_.one_in(3) ? " -m limit --limit 3/min -j DROP" : " -j RETURN";
    default:
      return first_chain < kChains ? " -j " + chain() : "";
  }
}

std::string Writer::rule(unsigned first_chain) {
  words_.clear();
  protocol_.clear();
  if (!dice_.one_in(4)) {
    const std::string icmp = family_ == Family::V4 ? "icmp" : "ipv6-icmp";
    protocol_ = dice_.one_of(
        std::vector<std::string>{"tcp", "tcp", "tcp", "udp", "udp", icmp, "89", "gre"});
    if (dice_.one_in(8)) {
      words_.push_back("! -p " + protocol_);
      protocol_.clear();
    } else {
      words_.push_back("-p " + protocol_);
    }
  }
  if (dice_.one_in(3))
    addresses();
  if (dice_.one_in(3))
    interface();
  if (!dice_.one_in(3))
    transport();
  if (dice_.one_in(3))
    more();
  if (words_.empty())  // a rule for every packet that drops leaves nothing to learn
    more();
  return " " + join(words_, " ") + target(first_chain);
}

}  // namespace

Script some_iptables_script(const Corners& corners, Family family, Dice& dice) {
  Writer writer(corners, family, dice);
  for (const Builtins& builtins : kTables)
    if (builtins.table == "filter" || dice.one_in(2))
      writer.table(builtins);
  return writer.take();
}

}  // namespace quay::oracle
