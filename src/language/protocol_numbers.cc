#include "language/protocol_numbers.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

#include "base/text.h"

namespace quay {
namespace {

using ProtocolName = std::pair<std::string_view, std::uint8_t>;

// IANA's protocol numbers, with the names that /etc/protocols and iptables add.
constexpr std::array<ProtocolName, 68> kProtocolNames{{
    {"ip", 0},           {"hopopt", 0},      {"icmp", 1},
    {"igmp", 2},         {"ggp", 3},         {"ipencap", 4},
    {"ipv4", 4},         {"st", 5},          {"tcp", 6},
    {"egp", 8},          {"igp", 9},         {"pup", 12},
    {"udp", 17},         {"hmp", 20},        {"xns-idp", 22},
    {"rdp", 27},         {"iso-tp4", 29},    {"dccp", 33},
    {"xtp", 36},         {"ddp", 37},        {"idpr-cmtp", 38},
    {"ipv6", 41},        {"ipv6-route", 43}, {"ipv6-frag", 44},
    {"idrp", 45},        {"rsvp", 46},       {"gre", 47},
    {"esp", 50},         {"ipsec-esp", 50},  {"ah", 51},
    {"ipsec-ah", 51},    {"skip", 57},       {"ipv6-icmp", 58},
    {"icmpv6", 58},      {"icmp6", 58},      {"ipv6-nonxt", 59},
    {"ipv6-opts", 60},   {"rspf", 73},       {"cphb", 73},
    {"vmtp", 81},        {"eigrp", 88},      {"ospf", 89},
    {"ospfigp", 89},     {"ax.25", 93},      {"ipip", 94},
    {"etherip", 97},     {"encap", 98},      {"pim", 103},
    {"ipcomp", 108},     {"comp", 108},      {"vrrp", 112},
    {"carp", 112},       {"l2tp", 115},      {"isis", 124},
    {"sctp", 132},       {"fc", 133},        {"mobility-header", 135},
    {"ipv6-mh", 135},    {"mh", 135},        {"udplite", 136},
    {"mpls-in-ip", 137}, {"manet", 138},     {"hip", 139},
    {"shim6", 140},      {"wesp", 141},      {"rohc", 142},
    {"ethernet", 143},   {"ipv6-nxt", 59},
}};

}  // namespace

std::optional<std::uint8_t> parse_protocol_number(std::string_view text) {
  if (const auto number = parse_number(text, 255))
    return static_cast<std::uint8_t>(*number);
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto* found = std::ranges::find(kProtocolNames, lower, &ProtocolName::first);
  if (found == kProtocolNames.end())
    return std::nullopt;
  return found->second;
}

}  // namespace quay
