#include "language/nft_fields.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <linux/netfilter/nf_tables.h>

#include "base/text.h"
#include "language/nft_field_loads.h"
#include "language/nft_headers.h"

namespace quay::nft {
namespace {

using filter::Field;
using filter::Kind;
using filter::Numbers;
using filter::Values;
using Reading = Origin::Reading;

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
    return link_fields(scene.table);
  if (payload.base == NFT_PAYLOAD_NETWORK_HEADER && scene.table != filter::TableFamily::Arp)
    return network_fields(scene.family);
  if (payload.base == NFT_PAYLOAD_TRANSPORT_HEADER)
    return transport_fields(scene.protocol);
  return {};
}

// That a packet reaches to the end of what is loaded; nullopt: every one does.
std::optional<filter::Test> reaches(const Payload& payload, int start, int length,
                                    const Scene& scene) {
  constexpr int link = 14 * 8;  // Ethernet's, with an IP header behind it
  constexpr int v4 = 20 * 8;
  constexpr int v6 = 40 * 8;
  constexpr int ports = 32;
  const int end = start + length;
  filter::Test test{
      .boxes = {{exists(fmt::format("@{},{},{}", kBases[payload.base], start, length))}}};
  const auto unless = [&](bool certain) { return certain ? std::nullopt : std::optional(test); };
  switch (payload.base) {
    case NFT_PAYLOAD_LL_HEADER:  // of devices of other types there is none
      if (end <= link + v4)
        test.boxes.push_back(
            {{.field = other("meta iiftype", 16), .numbers = Numbers({{kEthernet, kEthernet}})}});
      return test;
    case NFT_PAYLOAD_NETWORK_HEADER:
      test.boxes.push_back({of_family(scene.family == Family::V4 ? Family::V6 : Family::V4)});
      return unless(end <= (scene.family == Family::V4 ? v4 : v6));
    case NFT_PAYLOAD_TRANSPORT_HEADER:
      break;
    default:
      return test;
  }
  const Values carriers{.field = {.kind = Kind::Protocol}, .numbers = protocols_of(end)};
  if (!scene.protocol && !carriers.numbers.empty())
    test.boxes.push_back({carriers});
  return unless(
      end <= ports ||
      (scene.protocol && carriers.numbers.contains(static_cast<filter::Number>(*scene.protocol))));
}

}  // namespace

Load load_of(const Payload& payload, const Scene& scene, Origins& origins) {
  constexpr std::uint32_t most = 64;  // bytes of all registers
  constexpr std::uint32_t farthest = 65535;
  const int length = static_cast<int>(std::min(payload.length, most)) * 8;
  const int start = static_cast<int>(std::min(payload.offset, farthest)) * 8;
  if (payload.base >= kBases.size() || payload.offset > farthest)
    return nothing(origins, fmt::format("payload of header {}", payload.base), length);
  Load load = part_of({.fields = fields_of(payload, scene),
                       .name = fmt::format("@{},", kBases[payload.base]),
                       .by_family = payload.base == NFT_PAYLOAD_NETWORK_HEADER &&
                                    scene.table != filter::TableFamily::Arp},
                      start, length, origins);
  // nft_payload_eval() breaks off beyond the end of a packet, and where the host's own packets have
  // no link header yet.
  if (auto test = reaches(payload, start, length, scene))
    load.needs.push_back(*std::move(test));
  if (payload.base == NFT_PAYLOAD_LL_HEADER && !sees_devices(scene.table))
    load.need(has_interface(Kind::InInterface));
  return load;
}

Load part_of(const Header& header, int start, int length, Origins& origins) {
  Load load;
  const int end = start + length;
  for (int at = start; at < end;) {
    const auto field = std::ranges::find_if(
        header.fields, [at](const HeaderField& one) { return one.first + one.bits > at; });
    Origin origin;
    int first = at;
    int last = 0;  // not part of it
    if (field != header.fields.end() && field->first <= at) {
      origin = header_origin(*field);
      first = field->first;
      last = std::min(end, field->first + field->bits);
    } else {  // no field known: as many bytes as belong together
      last = std::min({field == header.fields.end() ? end : field->first, end, at + 128});
      origin = {.field = other(fmt::format("{}{},{}", header.name, at, last - at), last - at),
                .bits = last - at};
    }
    origin.by_family = header.by_family;
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
    case NFT_META_IIFTYPE:  // of the device that the packet is on
      return {exists("meta iiftype")};
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
  for (Values& values : needs_of(meta.key))
    load.need(std::move(values));
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

}  // namespace quay::nft
