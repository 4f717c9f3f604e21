#include "tests/oracle/nft_matches.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "tests/oracle/gateway.h"

namespace quay::oracle {
namespace {

using filter::Hook;

std::string ip(Family family) {
  return family == Family::V4 ? "ip" : "ip6";
}

std::string text_of(Family family, AddressBits bits) {
  return to_text(Address{family, bits});
}

}  // namespace

Family NftMatches::some_family() const {
  if (!place_.has(Family::V6))
    return Family::V4;
  return !place_.has(Family::V4) || dice_.one_in(2) ? Family::V6 : Family::V4;
}

std::string NftMatches::address(Family family) {
  const auto& [first, last] = dice_.one_of(family == Family::V4 ? corners_.v4 : corners_.v6);
  return text_of(family, dice_.one_in(2) ? first : last);
}

std::string NftMatches::prefix(Family family) {
  const auto& range = dice_.one_of(family == Family::V4 ? corners_.v4 : corners_.v6);
  return to_text(prefixes_of(range, family).front());
}

std::string NftMatches::range(Family family) {
  const auto& [first, last] = dice_.one_of(family == Family::V4 ? corners_.v4 : corners_.v6);
  if (last - first < 3)
    return text_of(family, first);
  return text_of(family, first + 1) + "-" + text_of(family, last - 1);
}

std::string NftMatches::port() {
  const auto& [first, last] = dice_.one_of(corners_.ports);
  return std::to_string(dice_.one_in(2) ? first : last);
}

std::string NftMatches::port_range() {
  const auto& [first, last] = dice_.one_of(corners_.ports);
  return first == last ? std::to_string(first) : fmt::format("{}-{}", first, last);
}

// "what X", "what != X", "what { X, Y }", "what != { X, Y }"
std::string NftMatches::either(std::string what, const std::vector<std::string>& choices) {
  if (dice_.one_in(4))
    what += " !=";
  if (!dice_.one_in(3))
    return what + " " + dice_.one_of(choices);
  std::vector<std::string> some{dice_.one_of(choices), dice_.one_of(choices)};
  if (some[0] == some[1])
    some.pop_back();
  return what + " { " + join(some, ", ") + " }";
}

std::string NftMatches::interface() {
  static const std::vector<std::string> names{"eth0", "eth1", "eth10", "wan0", "lo"};
  static const std::vector<std::string> patterns{"\"eth*\"", "\"eth1*\"", "\"wan0\"",
                                                 "\"w*\"",   "\"eth1\"",  "\"ppp0\""};
  const bool in = place_.hook == Hook::Prerouting || place_.hook == Hook::Input ||
                  (place_.hook == Hook::Forward && dice_.one_in(2)) || dice_.one_in(10);
  const std::string what = in ? "iif" : "oif";
  if (dice_.one_in(3))
    return either(what, names);
  return dice_.one_in(2) ? either(what + "name", names) : either(what + "name", patterns);
}

std::string NftMatches::addresses() {
  const std::string what = ip(family_) + (dice_.one_in(2) ? " saddr" : " daddr");
  if (dice_.one_in(12))
    return what +
           (family_ == Family::V4 ? " & 255.0.255.0 == 10.0.1.0" : " & ffff::ff00 == fd00::100");
  switch (dice_.below(3)) {
    case 0:
      return either(what, {address(family_), address(family_)});
    case 1:
      return either(what, {prefix(family_), prefix(family_)});
    default:
      return either(what, {range(family_), range(family_)});
  }
}

std::string NftMatches::ports() {
  std::string what = dice_.one_in(3) ? "udp" : "tcp";
  if (any_transport_ && dice_.one_in(3))
    what = "meta l4proto { tcp, udp } th";
  what += dice_.one_in(3) ? " sport" : " dport";
  if (dice_.one_in(8))
    return what + (dice_.one_in(2) ? " < " : " >= ") + port();
  return dice_.one_in(2) ? either(what, {port(), port(), port()})
                         : either(what, {port_range(), port_range()});
}

std::string NftMatches::protocols() {
  static const std::vector<std::string> names{"tcp", "udp", "icmp", "ipv6-icmp",
                                              "gre", "89",  "253"};
  switch (dice_.below(any_transport_ ? 2 : 4)) {
    case 2:
      return either(family_ == Family::V4 ? "ip protocol" : "ip6 nexthdr", names);
    case 0:
      return std::string("meta nfproto ") + (family_ == Family::V4 ? "ipv4" : "ipv6");
    case 1:
      return "meta protocol " + ip(family_);
    default:
      return either("meta l4proto", names);
  }
}

std::string NftMatches::icmp() {
  static const std::vector<std::string> types4{"echo-request", "echo-reply", "timestamp-request",
                                               "destination-unreachable", "11"};
  static const std::vector<std::string> types6{"echo-request", "echo-reply", "nd-neighbor-solicit",
                                               "destination-unreachable", "packet-too-big"};
  static const std::vector<std::string> codes{"0", "1", "4", "0-1"};
  const std::string what = family_ == Family::V4 ? "icmp" : "icmpv6";
  if (dice_.one_in(4))
    return either(what + " code", codes);
  const std::string type = either(what + " type", family_ == Family::V4 ? types4 : types6);
  return dice_.one_in(4) ? type + " " + what + " code " + dice_.one_of(codes) : type;
}

std::string NftMatches::flags() {
  static const std::vector<std::string> forms{
      "tcp flags syn",
      "tcp flags & (syn|ack) == syn",
      "tcp flags & (fin|syn|rst|ack) == syn",
      "tcp flags & (fin|syn|rst|ack) != syn",
      "tcp flags & (syn|rst) == (syn|rst)",
      "tcp flags & (fin|syn|rst|psh|ack|urg) == 0x0",
      "tcp flags != syn",
      "tcp flags { syn, syn|ack }",
      "tcp flags fin,rst",
      "tcp flags syn / fin,syn,rst,ack",
      "tcp flags ! urg,psh",
      "tcp flags == 0x12",
      "tcp flags & ack != 0",
  };
  return dice_.one_of(forms);
}

std::string NftMatches::states() {
  static const std::vector<std::string> forms{
      "ct state new",
      "ct state established,related",
      "ct state { established, related }",
      "ct state invalid",
      "ct state != invalid",
      "ct state untracked",
      "ct state != established,new",
      "ct state != { new, untracked }",
      "ct state & (new|invalid) != 0",
      "ct state vmap { invalid : drop, established : accept }",
      "ct state new,untracked",
      "ct state & (established|related) == established",
  };
  return dice_.one_of(forms);
}

std::string NftMatches::mark() {
  static const std::vector<std::string> forms{
      "meta mark 1",         "meta mark != 0",        "meta mark & 0xff == 2", "meta mark 0-5",
      "meta mark { 1, 16 }", "meta mark & 0x10 != 0", "meta mark 17",          "meta mark > 16",
  };
  return dice_.one_of(forms);
}

std::string NftMatches::header() {
  const std::string what = ip(family_);
  switch (dice_.below(8)) {
    case 6:
      return dice_.one_in(2) ? "meta priority 1:1" : "meta priority != 1:1";
    case 7:
      return either(dice_.one_in(2) ? "@th,160,8" : "@th,240,8", {"0", "0x61"});
    case 0:
      return either(what + " dscp", {"0", "8", "46", "1", "4", "2-4"});
    case 1:
      return either("meta length", {"40-60", "52", "61-90"});
    case 2:
      return what + " length " + (family_ == Family::V4 ? "40-70" : "20-50");
    case 3:
      return "udp length 16-40";
    case 4:
      return dice_.one_in(2) ? "tcp option maxseg missing" : "tcp option sack-perm exists";
    default:
      if (place_.hook == Hook::Output || place_.hook == Hook::Postrouting)
        return either("meta length", {"44-70"});
      return either("ether saddr", {"02:aa:bb:cc:dd:01", "02:aa:bb:cc:dd:02"});
  }
}

std::string NftMatches::concatenation() {
  const Lookup keys = lookup();
  return keys.what + (dice_.one_in(4) ? " != { " : " { ") + join(keys.keys, ", ") + " }";
}

NftMatches::Lookup NftMatches::lookup() {
  const std::string port_word = dice_.one_in(2) ? "tcp dport" : "udp dport";
  // Keys may not overlap: a single element where they are ranges.
  std::vector<std::string> ports{port(), port()};
  if (ports[0] == ports[1])
    ports.pop_back();
  const std::string source = ip(family_) + (dice_.one_in(2) ? " saddr" : " daddr");
  switch (dice_.below(6)) {
    case 0:
      return {port_word, dice_.one_in(2) ? ports : std::vector{port_range()}};
    case 1:
      return {source, {dice_.one_in(2) ? prefix(family_) : range(family_)}};
    case 2: {
      std::vector<std::string> keys;
      for (const std::string& each : ports)
        keys.push_back(address(family_) + " . " + each);
      return {source + " . " + port_word, keys};
    }
    case 3:
      return {source + " . " + port_word,
              {fmt::format("{} . {}", dice_.one_in(2) ? prefix(family_) : range(family_),
                           port_range())}};
    case 4:
      if (!any_transport_)
        return {"udp dport", {port_range()}};
      return {"meta l4proto . th dport", {"tcp . " + port(), "udp . " + port_range()}};
    default: {
      const bool in = place_.hook != Hook::Output && place_.hook != Hook::Postrouting;
      const std::string name = in ? "iifname" : "oifname";
      if (dice_.one_in(2))
        return {name, {"\"eth0\"", "\"wan0\""}};
      return {name + " . " + port_word, {"\"eth0\" . " + port(), "\"eth10\" . " + port_range()}};
    }
  }
}

std::vector<std::string> NftMatches::declarations() {
  std::vector<std::string> all{
      fmt::format("set ports {{ type inet_service; flags interval; elements = {{ {} }}; }}",
                  port_range()),
      fmt::format("map verdicts {{ type inet_service : verdict; elements = {{ {} : {} }}; }}",
                  port(), dice_.one_in(2) ? "drop" : "accept"),
      fmt::format("map marks {{ type inet_service : mark; elements = {{ {} : {} }}; }}", port(),
                  dice_.one_in(2) ? 1 : 16)};
  for (const Family family : {Family::V4, Family::V6}) {
    if (!place_.has(family))
      continue;
    const char* number = family == Family::V4 ? "4" : "6";
    all.push_back(
        fmt::format("set hosts{0} {{ type ipv{0}_addr; flags interval; elements = {{ {1} }}; }}",
                    number, prefix(family)));
    all.push_back(fmt::format(
        "set ends{0} {{ type ipv{0}_addr . inet_service; elements = {{ {1} . {2} }}; }}", number,
        address(family), port()));
  }
  return all;
}

std::string NftMatches::named() {
  const std::string port_word = dice_.one_in(2) ? "tcp dport" : "udp dport";
  const std::string host = ip(family_) + (dice_.one_in(2) ? " saddr" : " daddr");
  const std::string number = family_ == Family::V4 ? "4" : "6";
  const std::string is = dice_.one_in(4) ? " != @" : " @";
  switch (dice_.below(4)) {
    case 0:
      return port_word + is + "ports";
    case 1:
      return host + is + "hosts" + number;
    case 2:
      return host + " . " + port_word + is + "ends" + number;
    default:
      return port_word + " vmap @verdicts";
  }
}

std::string NftMatches::mark_by_map() {
  const std::string port_word = dice_.one_in(2) ? "tcp dport" : "udp dport";
  return port_word +
         (dice_.one_in(2) ? " map @marks" : fmt::format(" map {{ {} : 2 }}", port_range()));
}

std::string NftMatches::condition() {
  switch (dice_.below(13)) {
    case 0:
    case 1:
      return interface();
    case 2:
    case 3:
      return addresses();
    case 4:
    case 5:
      return ports();
    case 6:
      return protocols();
    case 7:
      return icmp();
    case 8:
      return flags();
    case 9:
      return states();
    case 10:
      return dice_.one_in(2) ? mark() : header();
    case 11:
      return named();
    default:
      return concatenation();
  }
}

}  // namespace quay::oracle
