#include "language/nft_json_symbols.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <span>
#include <utility>

#include "base/text.h"
#include "language/icmp_names.h"
#include "language/protocol_numbers.h"
#include "model/address.h"

namespace quay::nft_json {
namespace {

using filter::Number;
using Word = std::pair<std::string_view, std::uint32_t>;

constexpr Word kEtherTypes[] = {{"ip", 0x0800},    {"arp", 0x0806},  {"ip6", 0x86dd},
                                {"8021q", 0x8100}, {"vlan", 0x8100}, {"8021ad", 0x88a8}};
constexpr Word kNfProtos[] = {{"ipv4", 2}, {"ipv6", 10}};
constexpr Word kIcmpCodes[] = {{"net-unreachable", 0},  {"host-unreachable", 1},
                               {"prot-unreachable", 2}, {"port-unreachable", 3},
                               {"frag-needed", 4},      {"net-prohibited", 9},
                               {"host-prohibited", 10}, {"admin-prohibited", 13}};
constexpr Word kIcmpv6Codes[] = {{"no-route", 0},         {"admin-prohibited", 1},
                                 {"addr-unreachable", 3}, {"port-unreachable", 4},
                                 {"policy-fail", 5},      {"reject-route", 6}};
constexpr Word kIgmpTypes[] = {{"membership-query", 0x11},
                               {"membership-report-v1", 0x12},
                               {"membership-report-v2", 0x16},
                               {"membership-report-v3", 0x22},
                               {"leave-group", 0x17}};
// RFC 4340, 5.1.
constexpr Word kDccpTypes[] = {{"request", 0}, {"response", 1}, {"data", 2},  {"ack", 3},
                               {"dataack", 4}, {"closereq", 5}, {"close", 6}, {"reset", 7},
                               {"sync", 8},    {"syncack", 9}};
constexpr Word kDscps[] = {{"cs0", 0},   {"cs1", 8},   {"cs2", 16},  {"cs3", 24},  {"cs4", 32},
                           {"cs5", 40},  {"cs6", 48},  {"cs7", 56},  {"df", 0},    {"be", 0},
                           {"lephb", 1}, {"va", 44},   {"af11", 10}, {"af12", 12}, {"af13", 14},
                           {"af21", 18}, {"af22", 20}, {"af23", 22}, {"af31", 26}, {"af32", 28},
                           {"af33", 30}, {"af41", 34}, {"af42", 36}, {"af43", 38}, {"ef", 46}};
constexpr Word kEcns[] = {{"not-ect", 0}, {"ect1", 1}, {"ect0", 2}, {"ce", 3}};
constexpr Word kStateWords[] = {
    {"invalid", 1}, {"established", 2}, {"related", 4}, {"new", 8}, {"untracked", 64}};
constexpr Word kStatuses[] = {{"expected", 1}, {"seen-reply", 2}, {"assured", 4}, {"confirmed", 8},
                              {"snat", 16},    {"dnat", 32},      {"dying", 512}};
constexpr Word kDirections[] = {{"original", 0}, {"reply", 1}};
constexpr Word kTcpFlags[] = {{"fin", 1},  {"syn", 2},  {"rst", 4},  {"psh", 8},
                              {"ack", 16}, {"urg", 32}, {"ecn", 64}, {"cwr", 128}};
constexpr Word kPacketTypes[] = {
    {"host", 0}, {"unicast", 0}, {"broadcast", 1}, {"multicast", 2}, {"other", 3}};
// linux/if_arp.h
constexpr Word kLinkTypes[] = {{"ether", 1},      {"ppp", 512}, {"ipip", 768}, {"ipip6", 769},
                               {"loopback", 772}, {"sit", 776}, {"ipgre", 778}};
constexpr Word kDays[] = {{"Sunday", 0},   {"Monday", 1}, {"Tuesday", 2}, {"Wednesday", 3},
                          {"Thursday", 4}, {"Friday", 5}, {"Saturday", 6}};
constexpr Word kRouteTypes[] = {{"unspec", 0},    {"unicast", 1},     {"local", 2},
                                {"broadcast", 3}, {"anycast", 4},     {"multicast", 5},
                                {"blackhole", 6}, {"unreachable", 7}, {"prohibit", 8}};
constexpr Word kQueueClasses[] = {{"none", 0}, {"root", 0xffffffff}};
constexpr Word kGroups[] = {{"default", 0}};

std::span<const Word> words(Spelling spelling) {
  switch (spelling) {
    case Spelling::EtherType:
      return kEtherTypes;
    case Spelling::NfProto:
      return kNfProtos;
    case Spelling::IcmpCode:
      return kIcmpCodes;
    case Spelling::Icmpv6Code:
      return kIcmpv6Codes;
    case Spelling::IgmpType:
      return kIgmpTypes;
    case Spelling::DccpType:
      return kDccpTypes;
    case Spelling::Dscp:
      return kDscps;
    case Spelling::Ecn:
      return kEcns;
    case Spelling::State:
      return kStateWords;
    case Spelling::Status:
      return kStatuses;
    case Spelling::Direction:
      return kDirections;
    case Spelling::TcpFlags:
      return kTcpFlags;
    case Spelling::PacketType:
      return kPacketTypes;
    case Spelling::LinkType:
      return kLinkTypes;
    case Spelling::Day:
      return kDays;
    case Spelling::RouteType:
      return kRouteTypes;
    case Spelling::QueueClass:
      return kQueueClasses;
    case Spelling::Group:
      return kGroups;
    default:
      return {};
  }
}

std::optional<std::uint64_t> hexadecimal(std::string_view digits) {
  std::uint64_t number = 0;
  const auto [end, fault] =
      std::from_chars(std::to_address(digits.begin()), std::to_address(digits.end()), number, 16);
  if (digits.empty() || fault != std::errc() || end != std::to_address(digits.end()))
    return std::nullopt;
  return number;
}

std::optional<Number> plain_number(std::string_view word) {
  if (word.starts_with("0x"))
    return hexadecimal(word.substr(2));
  return parse_number(word, ~std::uint64_t{0});
}

std::optional<Number> mac_number(std::string_view word) {
  Number number = 0;
  const auto bytes = split(word, ':');
  for (const std::string_view byte : bytes) {
    const auto value = byte.size() > 2 ? std::nullopt : hexadecimal(byte);
    if (!value)
      return std::nullopt;
    number = number << 8 | *value;
  }
  return bytes.size() == 6 ? std::optional(number) : std::nullopt;
}

// tc(8): two hexadecimal numbers of 16 bits.
std::optional<Number> class_number(std::string_view word) {
  const auto parts = split(word, ':');
  if (parts.size() != 2)
    return std::nullopt;
  const auto major = parts[0].empty() ? 0 : hexadecimal(parts[0]);
  const auto minor = parts[1].empty() ? 0 : hexadecimal(parts[1]);
  if (!major || !minor || *major > 0xffff || *minor > 0xffff)
    return std::nullopt;
  return *major << 16 | *minor;
}

std::optional<Number> other_word(Spelling spelling, std::string_view word) {
  switch (spelling) {
    case Spelling::Address: {
      const auto address = parse_address(word);
      return address ? std::optional(address->bits) : std::nullopt;
    }
    case Spelling::Mac:
      return mac_number(word);
    case Spelling::Protocol:
      return parse_protocol_number(word);
    case Spelling::IcmpType:
      return parse_icmp_type(Protocol::Icmp, word);
    case Spelling::Icmpv6Type:
      return parse_icmp_type(Protocol::Icmpv6, word);
    case Spelling::QueueClass:
      return class_number(word);
    default:
      return std::nullopt;
  }
}

}  // namespace

bool is_bits(Spelling spelling) {
  return spelling == Spelling::State || spelling == Spelling::Status ||
         spelling == Spelling::TcpFlags;
}

std::optional<Number> number_of(Spelling spelling, std::string_view word) {
  if (spelling == Spelling::Interface)
    return std::nullopt;
  if (const auto number = plain_number(word))
    return number;
  const std::span<const Word> known = words(spelling);
  const auto found = std::ranges::find(known, word, &Word::first);
  if (found != known.end())
    return found->second;
  return other_word(spelling, word);
}

}  // namespace quay::nft_json
