#include "language/nft_fields.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <linux/netfilter/nf_tables.h>

#include "base/text.h"
#include "language/nft_headers.h"

namespace quay::nft {
namespace {

using filter::Field;
using filter::Kind;
using filter::Numbers;
using filter::Values;
using Reading = Origin::Reading;

constexpr int kNameBits = 128;  // IFNAMSIZ bytes

Field other(std::string name, int bits) {
  return {.kind = Kind::Other, .name = std::move(name), .bits = bits};
}

// That there is such a thing, as a field of its own.
Values exists(const std::string& name) {
  return {.field = other(name + " exists", 1), .numbers = Numbers({{1, 1}})};
}

Values has_interface(Kind kind) {
  return {.field = {.kind = kind}, .names = {""}, .but_names = true};
}

// A number of whole bytes as the machine keeps it.
Load machine_number(Origins& origins, Field field, int bits) {
  return {.bits = machine_order(origins.add({.field = std::move(field), .bits = bits}), bits)};
}

Load network_number(Origins& origins, Field field, int bits) {
  return {.bits =
              network_order(origins.add({.field = std::move(field), .bits = bits}), bits - 1, 0)};
}

// One byte that is zero or one.
Load truth(Origins& origins, Field field) {
  Load load{.bits = std::vector<Bit>(7)};
  load.bits.push_back({origins.add({.field = std::move(field), .bits = 1}), 0, false});
  return load;
}

Load nothing(Origins& origins, std::string what, int bits, bool random = false) {
  return {.bits = network_order(origins.add({.field = other(std::move(what), bits),
                                             .reading = Reading::Nothing,
                                             .bits = bits,
                                             .random = random}),
                                bits - 1, 0)};
}

Origin header_origin(const HeaderField& field) {
  if (field.kind == Kind::Family)
    return {.field = {.kind = Kind::Family}, .reading = Reading::EtherType, .bits = field.bits};
  return {.field = {.kind = field.kind,
                    .name = std::string(field.name),
                    .bits = field.kind == Kind::Other ? field.bits : 0},
          .bits = field.bits};
}

constexpr std::array<std::string_view, 4> kBases{"ll", "nh", "th", "ih"};

std::span<const HeaderField> fields_of(const Payload& payload, const Scene& scene) {
  if (payload.base == NFT_PAYLOAD_LL_HEADER)
    return link_fields(scene.table == filter::TableFamily::Netdev ||
                       scene.table == filter::TableFamily::Bridge);
  if (payload.base == NFT_PAYLOAD_NETWORK_HEADER && scene.table != filter::TableFamily::Arp)
    return network_fields(scene.family);
  if (payload.base == NFT_PAYLOAD_TRANSPORT_HEADER)
    return transport_fields(scene.protocol);
  return {};
}

}  // namespace

Load load_of(const Payload& payload, const Scene& scene, Origins& origins) {
  constexpr std::uint32_t most = 64;  // bytes of all registers
  constexpr std::uint32_t farthest = 65535;
  const int length = static_cast<int>(std::min(payload.length, most)) * 8;
  if (payload.base >= kBases.size() || payload.offset > farthest)
    return nothing(origins, fmt::format("payload of header {}", payload.base), length);
  const std::span<const HeaderField> fields = fields_of(payload, scene);
  const int start = static_cast<int>(payload.offset) * 8;
  const bool by_family = payload.base == NFT_PAYLOAD_NETWORK_HEADER;
  Load load;
  for (int at = start; at < start + length;) {
    const auto field = std::ranges::find_if(
        fields, [at](const HeaderField& one) { return one.first + one.bits > at; });
    const int end = start + length;
    Origin origin;
    int first = at;
    int last = end;  // not part of it
    if (field != fields.end() && field->first <= at) {
      origin = header_origin(*field);
      first = field->first;
      last = std::min(end, field->first + field->bits);
    } else {  // no field known: as many bytes as belong together
      last = std::min({field == fields.end() ? end : field->first, end, at + 128});
      const std::string name = fmt::format("@{},{},{}", kBases[payload.base], at, last - at);
      origin = {.field = other(name, last - at), .bits = last - at};
    }
    origin.by_family = by_family && scene.table != filter::TableFamily::Arp;
    const int high = origin.bits - 1 - (at - first);
    const std::vector<Bit> bits = network_order(origins.add(origin), high, high - (last - at) + 1);
    load.bits.insert(load.bits.end(), bits.begin(), bits.end());
    at = last;
  }
  return load;
}

namespace {

struct MetaNumber {
  std::string_view name;
  int bits;
};

// Keys that are numbers of the machine.
const std::map<std::uint32_t, MetaNumber>& meta_numbers() {
  static const std::map<std::uint32_t, MetaNumber> numbers{
      {NFT_META_LEN, {"meta length", 32}},          {NFT_META_PRIORITY, {"meta priority", 32}},
      {NFT_META_IIFTYPE, {"meta iiftype", 16}},     {NFT_META_OIFTYPE, {"meta oiftype", 16}},
      {NFT_META_SKUID, {"meta skuid", 32}},         {NFT_META_SKGID, {"meta skgid", 32}},
      {NFT_META_RTCLASSID, {"meta rtclassid", 32}}, {NFT_META_SECMARK, {"meta secmark", 32}},
      {NFT_META_PKTTYPE, {"meta pkttype", 8}},      {NFT_META_CPU, {"meta cpu", 32}},
      {NFT_META_IIFGROUP, {"meta iifgroup", 32}},   {NFT_META_OIFGROUP, {"meta oifgroup", 32}},
      {NFT_META_CGROUP, {"meta cgroup", 32}},       {NFT_META_TIME_NS, {"meta time", 64}},
      {NFT_META_TIME_DAY, {"meta day", 8}},         {NFT_META_TIME_HOUR, {"meta hour", 32}},
      {NFT_META_SDIF, {"meta sdif", 32}},           {NFT_META_BRI_IIFPVID, {"meta ibrpvid", 16}}};
  return numbers;
}

// Texts of 16 bytes.
const std::map<std::uint32_t, std::string_view>& meta_names() {
  static const std::map<std::uint32_t, std::string_view> names{
      {NFT_META_BRI_IIFNAME, "meta ibrname"},
      {NFT_META_BRI_OIFNAME, "meta obrname"},
      {NFT_META_IIFKIND, "meta iifkind"},
      {NFT_META_OIFKIND, "meta oifkind"},
      {NFT_META_SDIFNAME, "meta sdifname"}};
  return names;
}

// What the kernel does not load for every packet (nft_meta.c: goto err).
std::vector<Values> needs_of(std::uint32_t key) {
  switch (key) {
    case NFT_META_SKUID:  // packets without a socket have owners that no socket has
    case NFT_META_SKGID:
      return {{.field = other(std::string(meta_numbers().at(key).name), 32),
               .numbers = Numbers::up_to(0xfffffffe)}};
    case NFT_META_CGROUP:
      return {exists("socket")};
    case NFT_META_BRI_IIFNAME:
    case NFT_META_BRI_OIFNAME:
    case NFT_META_BRI_IIFPVID: {
      const auto number = meta_numbers().find(key);
      return {exists(std::string(number == meta_numbers().end() ? meta_names().at(key)
                                                                : number->second.name))};
    }
    case NFT_META_RTCLASSID:
      return {exists("rt")};
    case NFT_META_IIFTYPE:
    case NFT_META_IIFGROUP:
      return {has_interface(Kind::InInterface)};
    case NFT_META_OIFTYPE:
    case NFT_META_OIFGROUP:
      return {has_interface(Kind::OutInterface)};
    case NFT_META_IIFKIND:  // nor has every interface one
      return {has_interface(Kind::InInterface), exists("meta iifkind")};
    case NFT_META_OIFKIND:
      return {has_interface(Kind::OutInterface), exists("meta oifkind")};
    default:
      return {};
  }
}

Load special_meta(std::uint32_t key, Origins& origins) {
  const auto with = [&origins](Kind kind, Reading reading, int bits, bool machine = false) {
    const auto origin = origins.add({.field = {.kind = kind}, .reading = reading, .bits = bits});
    return Load{.bits = machine ? machine_order(origin, bits) : network_order(origin, bits - 1, 0)};
  };
  switch (key) {
    case NFT_META_PROTOCOL:
      return with(Kind::Family, Reading::EtherType, 16);
    case NFT_META_NFPROTO:
      return with(Kind::Family, Reading::NfProtocol, 8);
    case NFT_META_L4PROTO:
      return with(Kind::Protocol, Reading::Number, 8);
    case NFT_META_MARK:
      return with(Kind::Mark, Reading::Number, 32, true);
    case NFT_META_IIF:
      return with(Kind::InInterface, Reading::InterfaceIndex, 32, true);
    case NFT_META_OIF:
      return with(Kind::OutInterface, Reading::InterfaceIndex, 32, true);
    case NFT_META_IIFNAME:
      return with(Kind::InInterface, Reading::InterfaceName, kNameBits);
    case NFT_META_OIFNAME:
      return with(Kind::OutInterface, Reading::InterfaceName, kNameBits);
    case NFT_META_SECPATH:
      return truth(origins, other("meta secpath", 1));
    case NFT_META_PRANDOM:
      return nothing(origins, "meta random", 32, true);
    default:
      return nothing(origins, fmt::format("meta {}", key), kNameBits);
  }
}

}  // namespace

Load load_of(const Meta& meta, const Scene&, Origins& origins) {
  Load load;
  const auto number = meta_numbers().find(meta.key);
  const auto name = meta_names().find(meta.key);
  if (number != meta_numbers().end())
    load = machine_number(origins, other(std::string(number->second.name), number->second.bits),
                          number->second.bits);
  else if (name != meta_names().end())
    load = network_number(origins, other(std::string(name->second), kNameBits), kNameBits);
  else
    load = special_meta(meta.key, origins);
  load.needs = needs_of(meta.key);
  return load;
}

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
      {NFT_CT_ID, {"id", 32, true}}};
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

Values of_family(Family family) {
  const filter::Number number = family == Family::V4 ? 0 : 1;
  return {.field = {.kind = Kind::Family}, .numbers = Numbers({{number, number}})};
}

}  // namespace

Load load_of(const Conntrack& conntrack, const Scene& scene, Origins& origins) {
  if (conntrack.key == NFT_CT_STATE)
    return {
        .bits = machine_order(
            origins.add({.field = {.kind = Kind::State}, .reading = Reading::State, .bits = 32}),
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
  load.needs.push_back(known_to_conntrack());
  if (conntrack.key == NFT_CT_SRC_IP || conntrack.key == NFT_CT_DST_IP)
    load.needs.push_back(of_family(Family::V4));
  if (conntrack.key == NFT_CT_SRC_IP6 || conntrack.key == NFT_CT_DST_IP6)
    load.needs.push_back(of_family(Family::V6));
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
      load.needs.push_back(of_family(Family::V4));
      break;
    case NFT_RT_NEXTHOP6:
      load = network_number(origins, other("rt ip6 nexthop", 128), 128);
      load.needs.push_back(of_family(Family::V6));
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
  load.needs.push_back(exists("rt"));
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
        return truth(origins, other(name + " . oif exists", 1));
      return machine_number(origins, other(name + " . oif", 32), 32);
    case NFT_FIB_RESULT_OIFNAME:
      if (present)
        return truth(origins, other(name + " . oif exists", 1));
      return network_number(origins, other(name + " . oifname", kNameBits), kNameBits);
    case NFT_FIB_RESULT_ADDRTYPE:
      return machine_number(origins, other(name + " . type", 32), 32);
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
  load.needs.push_back(exists("socket"));
  return load;
}

namespace {

// As nft(8) calls extension headers and TCP's options.
std::string header_name(const ExtensionHeader& header) {
  static const std::map<int, std::string_view> ipv6{{0, "hbh"}, {43, "rt"},  {44, "frag"},
                                                    {51, "ah"}, {60, "dst"}, {135, "mh"}};
  static const std::map<int, std::string_view> tcp{
      {0, "eol"},  {1, "nop"},       {2, "maxseg"},  {3, "window"}, {4, "sack-perm"},
      {5, "sack"}, {8, "timestamp"}, {19, "md5sig"}, {30, "mptcp"}, {34, "fastopen"}};
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
      return fmt::format("ip option {}", header.type);
    case NFT_EXTHDR_OP_SCTP:
      return fmt::format("sctp chunk {}", header.type);
    case NFT_EXTHDR_OP_DCCP:
      return fmt::format("dccp option {}", header.type);
    default:
      return fmt::format("header {} {}", header.operation, header.type);
  }
}

}  // namespace

Load load_of(const ExtensionHeader& header, const Scene&, Origins& origins) {
  constexpr std::uint32_t longest = 16;
  constexpr int maxseg = 2;
  const std::string name = header_name(header);
  if (header.present)
    return truth(origins, other(name + " exists", 1));
  const int bits = static_cast<int>(std::min(header.length, longest)) * 8;
  const bool size = header.operation == NFT_EXTHDR_OP_TCPOPT && header.type == maxseg &&
                    header.offset == 2 && header.length == 2;
  const std::string part =
      size ? name + " size" : fmt::format("{} @{},{}", name, header.offset * 8ULL, bits);
  Load load = header.length == 0 || header.length > longest
                  ? nothing(origins, part, kNameBits)
                  : network_number(origins, other(part, bits), bits);
  load.needs.push_back(exists(name));
  return load;
}

std::optional<Field> written_by(const MetaWrite& meta) {
  if (meta.key == NFT_META_MARK)
    return Field{.kind = Kind::Mark};
  if (meta.key == NFT_META_NFTRACE || meta.key == NFT_META_SECMARK)
    return std::nullopt;
  const auto number = meta_numbers().find(meta.key);
  if (number == meta_numbers().end())
    return other(fmt::format("meta {}", meta.key), 32);
  return other(std::string(number->second.name), number->second.bits);
}

std::optional<Field> written_by(const ConntrackWrite& conntrack) {
  const auto key = conntrack_keys().find(conntrack.key);
  if (key == conntrack_keys().end())  // NFT_CT_EVENTMASK: who is told of changes
    return std::nullopt;
  return other(conntrack_name(key->second.name, conntrack.direction), key->second.bits);
}

}  // namespace quay::nft
