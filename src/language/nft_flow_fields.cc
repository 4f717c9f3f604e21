// Fields of a packet's flow, of its way and its socket, and of headers that not every packet has.
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>

#include "base/text.h"
#include "language/nft_field_loads.h"
#include "language/nft_fields.h"

namespace quay::nft {

using filter::Field;
using filter::Kind;
using filter::Numbers;
using filter::Values;

namespace {

struct ConntrackKey {
  std::string_view name;
  int bits;
  bool machine;
};

const std::map<std::uint32_t, ConntrackKey>& conntrack_keys() {
  static const std::map<std::uint32_t, ConntrackKey> keys{
      {NFT_CT_DIRECTION, {"direction", 8, false}},
      {NFT_CT_STATUS, {"status", 32, true}},
      {NFT_CT_MARK, {"mark", 32, true}},
      {NFT_CT_SECMARK, {"secmark", 32, true}},
      {NFT_CT_EXPIRATION, {"expiration", 32, true}},
      {NFT_CT_HELPER, {"helper", 128, false}},
      {NFT_CT_L3PROTOCOL, {"l3proto", 8, false}},
      {NFT_CT_PROTOCOL, {"protocol", 8, false}},
      {NFT_CT_PROTO_SRC, {"proto-src", 16, false}},
      {NFT_CT_PROTO_DST, {"proto-dst", 16, false}},
      {NFT_CT_LABELS, {"label", 128, true}},
      {NFT_CT_PKTS, {"packets", 64, true}},
      {NFT_CT_BYTES, {"bytes", 64, true}},
      {NFT_CT_AVGPKT, {"avgpkt", 64, true}},
      {NFT_CT_ZONE, {"zone", 16, true}},
      {NFT_CT_SRC_IP, {"saddr", 32, false}},
      {NFT_CT_DST_IP, {"daddr", 32, false}},
      {NFT_CT_SRC_IP6, {"saddr", 128, false}},
      {NFT_CT_DST_IP6, {"daddr", 128, false}},
      {NFT_CT_ID, {"id", 32, false}}};  // as nft(8) writes it
  return keys;
}

std::string conntrack_name(std::string_view key, std::optional<std::uint8_t> direction) {
  return fmt::format("ct {}{}", !direction ? "" : *direction == 0 ? "original " : "reply ", key);
}

Values known_to_conntrack() {
  constexpr auto first = static_cast<filter::Number>(State::New);
  constexpr auto last = static_cast<filter::Number>(State::Related);
  return {.field = {.kind = Kind::State}, .numbers = Numbers({{first, last}})};
}

}  // namespace

Values of_family(Family family) {
  const filter::Number number = family == Family::V4 ? 0 : 1;
  return {.field = {.kind = Kind::Family}, .numbers = Numbers({{number, number}})};
}

Load load_of(const Conntrack& conntrack, const Scene& scene, Origins& origins) {
  if (conntrack.key == NFT_CT_STATE)
    return {.bits = machine_order(origins.add({.field = {.kind = Kind::State},
                                               .reading = Origin::Reading::State,
                                               .bits = 32}),
                                  32)};
  Load load;
  const auto key = conntrack_keys().find(conntrack.key);
  const bool address = conntrack.key == NFT_CT_SRC || conntrack.key == NFT_CT_DST;
  if (address) {  // of the packet's family
    const int bits = address_width(scene.family);
    Origin origin{.field = other(conntrack_name(conntrack.key == NFT_CT_SRC ? "saddr" : "daddr",
                                                conntrack.direction),
                                 bits),
                  .bits = bits,
                  .by_family = true};
    load.bits = network_order(origins.add(origin), bits - 1, 0);
  } else if (key == conntrack_keys().end()) {
    load = nothing(origins, fmt::format("ct {}", conntrack.key), kNameBits);
  } else {
    const auto& [name, bits, machine] = key->second;
    Field field = other(conntrack_name(name, conntrack.direction), bits);
    load = machine ? machine_number(origins, std::move(field), bits)
                   : network_number(origins, std::move(field), bits);
  }
  load.need(known_to_conntrack());
  if (conntrack.key == NFT_CT_SRC_IP || conntrack.key == NFT_CT_DST_IP)
    load.need(of_family(Family::V4));
  if (conntrack.key == NFT_CT_SRC_IP6 || conntrack.key == NFT_CT_DST_IP6)
    load.need(of_family(Family::V6));
  return load;
}

Load load_of(const Route& route, const Scene&, Origins& origins) {
  Load load;
  switch (route.key) {
    case NFT_RT_CLASSID:
      load = machine_number(origins, other("rt classid", 32), 32);
      break;
    case NFT_RT_NEXTHOP4:
      load = network_number(origins, other("rt ip nexthop", 32), 32);
      load.need(of_family(Family::V4));
      break;
    case NFT_RT_NEXTHOP6:
      load = network_number(origins, other("rt ip6 nexthop", 128), 128);
      load.need(of_family(Family::V6));
      break;
    case NFT_RT_TCPMSS:
      load = machine_number(origins, other("rt mtu", 16), 16);
      break;
    case NFT_RT_XFRM:
      load = truth(origins, other("rt ipsec", 1));
      break;
    default:
      load = nothing(origins, fmt::format("rt {}", route.key), kNameBits);
  }
  load.need(exists("rt"));
  return load;
}

Load load_of(const Fib& fib, const Scene&, Origins& origins) {
  std::vector<std::string> words;
  for (const auto& [flag, word] :
       {std::pair{NFTA_FIB_F_SADDR, "saddr"}, std::pair{NFTA_FIB_F_DADDR, "daddr"},
        std::pair{NFTA_FIB_F_MARK, "mark"}, std::pair{NFTA_FIB_F_IIF, "iif"},
        std::pair{NFTA_FIB_F_OIF, "oif"}})
    if ((fib.flags & static_cast<std::uint32_t>(flag)) != 0)
      words.emplace_back(word);
  const std::string name = "fib " + join(words, " . ");
  const bool present = (fib.flags & NFTA_FIB_F_PRESENT) != 0;
  switch (fib.result) {
    case NFT_FIB_RESULT_OIF:
      if (present)
        return truth(origins, other(name + " oif exists", 1));
      return machine_number(origins, other(name + " oif", 32), 32);
    case NFT_FIB_RESULT_OIFNAME:
      if (present)
        return truth(origins, other(name + " oif exists", 1));
      return network_number(origins, other(name + " oifname", kNameBits), kNameBits);
    case NFT_FIB_RESULT_ADDRTYPE:
      return machine_number(origins, other(name + " type", 32), 32);
    default:
      return nothing(origins, fmt::format("{} {}", name, fib.result), kNameBits);
  }
}

Load load_of(const Socket& socket, const Scene&, Origins& origins) {
  Load load;
  switch (socket.key) {
    case NFT_SOCKET_TRANSPARENT:
      load = network_number(origins, other("socket transparent", 8), 8);
      break;
    case NFT_SOCKET_MARK:
      load = machine_number(origins, other("socket mark", 32), 32);
      break;
    case NFT_SOCKET_WILDCARD:
      load = network_number(origins, other("socket wildcard", 8), 8);
      break;
    case NFT_SOCKET_CGROUPV2:
      load = machine_number(origins,
                            other(fmt::format("socket cgroupv2 level {}", socket.level), 64), 64);
      break;
    default:
      load = nothing(origins, fmt::format("socket {}", socket.key), kNameBits);
  }
  load.need(exists("socket"));
  return load;
}

namespace {

// As nft(8) calls extension headers and options.
std::string header_name(const ExtensionHeader& header) {
  static const std::map<int, std::string_view> ipv6{{0, "hbh"}, {43, "rt"},  {44, "frag"},
                                                    {51, "ah"}, {60, "dst"}, {135, "mh"}};
  static const std::map<int, std::string_view> tcp{
      {0, "eol"},  {1, "nop"},       {2, "maxseg"},  {3, "window"}, {4, "sack-perm"},
      {5, "sack"}, {8, "timestamp"}, {19, "md5sig"}, {30, "mptcp"}, {34, "fastopen"}};
  static const std::map<int, std::string_view> ipv4{
      {7, "rr"}, {131, "lsrr"}, {137, "ssrr"}, {148, "ra"}};
  static const std::map<int, std::string_view> sctp{
      {0, "data"},         {1, "init"},          {2, "init-ack"},
      {3, "sack"},         {4, "heartbeat"},     {5, "heartbeat-ack"},
      {6, "abort"},        {7, "shutdown"},      {8, "shutdown-ack"},
      {9, "error"},        {10, "cookie-echo"},  {11, "cookie-ack"},
      {12, "ecne"},        {13, "cwr"},          {14, "shutdown-complete"},
      {128, "asconf-ack"}, {192, "forward-tsn"}, {193, "asconf"}};
  const auto named = [&header](const std::map<int, std::string_view>& names) {
    const auto name = names.find(header.type);
    return name == names.end() ? std::to_string(header.type) : std::string(name->second);
  };
  switch (header.operation) {
    case NFT_EXTHDR_OP_IPV6:
      return "exthdr " + named(ipv6);
    case NFT_EXTHDR_OP_TCPOPT:
      return "tcp option " + named(tcp);
    case NFT_EXTHDR_OP_IPV4:
      return "ip option " + named(ipv4);
    case NFT_EXTHDR_OP_SCTP:
      return "sctp chunk " + named(sctp);
    case NFT_EXTHDR_OP_DCCP:
      return fmt::format("dccp option {}", header.type);
    default:
      return fmt::format("header {} {}", header.operation, header.type);
  }
}

}  // namespace

Load load_of(const ExtensionHeader& header, const Scene&, Origins& origins) {
  constexpr std::uint32_t longest = 16;
  constexpr std::uint32_t farthest = 65535;
  const std::string name = header_name(header);
  if (header.present)
    return truth(origins, other(name + " exists", 1));
  Load load = header.length == 0 || header.length > longest || header.offset > farthest
                  ? nothing(origins, name, kNameBits)
                  : part_of({.fields = option_fields(name), .name = name + " @"},
                            static_cast<int>(header.offset) * 8,
                            static_cast<int>(header.length) * 8, origins);
  if (header.operation == NFT_EXTHDR_OP_TCPOPT)
    load.need({.field = {.kind = Kind::Protocol},
               .numbers = Numbers({{IPPROTO_TCP, IPPROTO_TCP}}),
               .names = {}});
  load.need(exists(name));
  return load;
}

std::optional<Field> written_by(const ConntrackWrite& conntrack) {
  const auto key = conntrack_keys().find(conntrack.key);
  if (key == conntrack_keys().end())  // NFT_CT_EVENTMASK: who is told of changes
    return std::nullopt;
  return other(conntrack_name(key->second.name, conntrack.direction), key->second.bits);
}

}  // namespace quay::nft
