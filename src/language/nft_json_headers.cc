#include "language/nft_json_headers.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include <fmt/format.h>
#include <netinet/in.h>

#include "language/nft_headers.h"

namespace quay::nft_json {
namespace {

using filter::Kind;
using filter::TableFamily;

struct Header {
  std::string_view header;
  std::string_view field;
  int bits;
  Spelling spelling = Spelling::Number;
  Kind kind = Kind::Other;
  Question::Place place = Question::Place::Whole;
  std::string_view name;  // of Other that lies where a field of another name does
};

// RFC 791, 8200, 9293, 768, 792, 4443, 2236, 4302, 4303, 3173, 3828, 9260, 4340, IEEE 802.1Q.
constexpr auto kHeaders = std::to_array<Header>({
    {"ip", "version", 4},
    {"ip", "hdrlength", 4},
    {"ip", "dscp", 6, Spelling::Dscp},
    {"ip", "ecn", 2, Spelling::Ecn},
    {"ip", "length", 16},
    {"ip", "id", 16},
    {"ip", "frag-off", 16},
    {"ip", "ttl", 8},
    {"ip", "protocol", 8, Spelling::Protocol, Kind::Protocol},
    {"ip", "checksum", 16},
    {"ip", "saddr", 32, Spelling::Address, Kind::Source},
    {"ip", "daddr", 32, Spelling::Address, Kind::Destination},
    {"ip6", "version", 4},
    {"ip6", "dscp", 6, Spelling::Dscp},
    {"ip6", "ecn", 2, Spelling::Ecn},
    {"ip6", "flowlabel", 20},
    {"ip6", "length", 16},
    {"ip6", "nexthdr", 8, Spelling::Protocol, Kind::Protocol},
    {"ip6", "hoplimit", 8},
    {"ip6", "saddr", 128, Spelling::Address, Kind::Source},
    {"ip6", "daddr", 128, Spelling::Address, Kind::Destination},
    {"th", "sport", 16, Spelling::Number, Kind::SourcePort},
    {"th", "dport", 16, Spelling::Number, Kind::DestinationPort},
    {"tcp", "sport", 16, Spelling::Number, Kind::SourcePort},
    {"tcp", "dport", 16, Spelling::Number, Kind::DestinationPort},
    {"tcp", "sequence", 32},
    {"tcp", "ackseq", 32},
    {"tcp", "doff", 4},
    {"tcp", "reserved", 4},
    {"tcp", "flags", 8, Spelling::TcpFlags, Kind::TcpFlags},
    {"tcp", "window", 16},
    {"tcp", "checksum", 16},
    {"tcp", "urgptr", 16},
    {"udp", "sport", 16, Spelling::Number, Kind::SourcePort},
    {"udp", "dport", 16, Spelling::Number, Kind::DestinationPort},
    {"udp", "length", 16},
    {"udp", "checksum", 16},
    {"udplite", "sport", 16, Spelling::Number, Kind::SourcePort},
    {"udplite", "dport", 16, Spelling::Number, Kind::DestinationPort},
    {"udplite", "csumcov", 16},
    {"udplite", "checksum", 16},
    {"sctp", "sport", 16, Spelling::Number, Kind::SourcePort},
    {"sctp", "dport", 16, Spelling::Number, Kind::DestinationPort},
    {"sctp", "vtag", 32},
    {"sctp", "checksum", 32},
    {"dccp", "sport", 16, Spelling::Number, Kind::SourcePort},
    {"dccp", "dport", 16, Spelling::Number, Kind::DestinationPort},
    {"dccp", "type", 4, Spelling::DccpType},
    {"icmp", "type", 8, Spelling::IcmpType, Kind::SourcePort, Question::Place::HighByte},
    {"icmp", "code", 8, Spelling::IcmpCode, Kind::SourcePort, Question::Place::LowByte},
    {"icmp", "checksum", 16, Spelling::Number, Kind::DestinationPort},
    {"icmp", "id", 16},
    {"icmp", "sequence", 16},
    {"icmp", "mtu", 16, Spelling::Number, Kind::Other, Question::Place::Whole, "icmp sequence"},
    {"icmpv6", "type", 8, Spelling::Icmpv6Type, Kind::SourcePort, Question::Place::HighByte},
    {"icmpv6", "code", 8, Spelling::Icmpv6Code, Kind::SourcePort, Question::Place::LowByte},
    {"icmpv6", "checksum", 16, Spelling::Number, Kind::DestinationPort},
    {"icmpv6", "id", 16},
    {"icmpv6", "sequence", 16},
    {"icmpv6", "max-delay", 16, Spelling::Number, Kind::Other, Question::Place::Whole, "icmpv6 id"},
    {"igmp", "type", 8, Spelling::IgmpType, Kind::SourcePort, Question::Place::HighByte},
    {"igmp", "mrt", 8, Spelling::Number, Kind::SourcePort, Question::Place::LowByte},
    {"igmp", "checksum", 16, Spelling::Number, Kind::DestinationPort},
    {"igmp", "group", 32, Spelling::Address},
    {"ah", "nexthdr", 8, Spelling::Protocol, Kind::SourcePort, Question::Place::HighByte},
    {"ah", "hdrlength", 8, Spelling::Number, Kind::SourcePort, Question::Place::LowByte},
    {"ah", "reserved", 16, Spelling::Number, Kind::DestinationPort},
    {"ah", "spi", 32},
    {"ah", "sequence", 32},
    {"esp", "spi", 32},
    {"esp", "sequence", 32},
    {"comp", "nexthdr", 8, Spelling::Protocol, Kind::SourcePort, Question::Place::HighByte},
    {"comp", "flags", 8, Spelling::Number, Kind::SourcePort, Question::Place::LowByte},
    {"comp", "cpi", 16, Spelling::Number, Kind::DestinationPort},
    {"ether", "saddr", 48, Spelling::Mac, Kind::SourceMac},
    {"ether", "daddr", 48, Spelling::Mac},
    {"ether", "type", 16, Spelling::EtherType},
    {"vlan", "id", 12},
    {"vlan", "cfi", 1, Spelling::Number, Kind::Other, Question::Place::Whole, "vlan dei"},
    {"vlan", "dei", 1},
    {"vlan", "pcp", 3},
    {"vlan", "type", 16, Spelling::EtherType},
});

struct Transport {
  std::string_view header;
  std::uint8_t number;
  std::optional<Family> family;  // that nft asks for besides
};

constexpr Transport kTransports[] = {
    {"tcp", 6, {}},          {"udp", 17, {}},         {"udplite", 136, {}},      {"sctp", 132, {}},
    {"dccp", 33, {}},        {"ah", 51, {}},          {"esp", 50, {}},           {"comp", 108, {}},
    {"igmp", 2, Family::V4}, {"icmp", 1, Family::V4}, {"icmpv6", 58, Family::V6}};

// nft asks for the type of an ICMP message before it reads what only such messages have.
struct IcmpPart {
  std::string_view header;
  std::string_view field;
  std::array<std::uint8_t, 2> types;
};

constexpr IcmpPart kIcmpParts[] = {{"icmp", "id", {0, 8}},
                                   {"icmp", "sequence", {0, 8}},
                                   {"icmp", "mtu", {3, 3}},
                                   {"icmpv6", "id", {128, 129}},
                                   {"icmpv6", "sequence", {128, 129}},
                                   {"icmpv6", "max-delay", {130, 130}}};

constexpr filter::Number kVlan = 0x8100;

// Of what devices see it may be that of a VLAN tag; elsewhere it says which IP version follows.
filter::Field ether_type(TableFamily family) {
  if (nft::sees_devices(family))
    return other_field(std::string(nft::kEtherType), 16);
  return {.kind = Kind::Family};
}

void imply_icmp_type(Question& question, std::string_view header, std::string_view field) {
  for (const IcmpPart& part : kIcmpParts) {
    if (part.header != header || part.field != field)
      continue;
    filter::Values types{.field = {.kind = Kind::SourcePort}, .numbers = {}, .names = {}};
    const auto [first, second] = part.types;
    types.numbers = placed({.field = types.field, .place = Question::Place::HighByte},
                           filter::Numbers({{first, first}, {second, second}}));
    question.implied.push_back(std::move(types));
  }
}

void imply_headers(Question& question, const Header& found, TableFamily family) {
  if (found.header == "ip" || found.header == "ip6")
    imply_family(question, found.header == "ip" ? Family::V4 : Family::V6, family);
  for (const Transport& transport : kTransports) {
    if (transport.header != found.header)
      continue;
    if (transport.family)
      imply_family(question, *transport.family, family);
    question.implied.push_back(values_of(Kind::Protocol, transport.number));
  }
  imply_icmp_type(question, found.header, found.field);
  const bool vlan = found.header == "vlan";
  if ((vlan || found.header == "ether") && family != TableFamily::Bridge) {
    if (!nft::sees_devices(family))
      question.implied.push_back(
          {.field = {.kind = Kind::InInterface}, .numbers = {}, .names = {""}, .but_names = true});
    question.implied.push_back(values_of(other_field("meta iiftype exists", 1), 1, 1));
    question.implied.push_back(
        values_of(other_field("meta iiftype", 16), nft::kEthernet, nft::kEthernet));
  }
  if (vlan)
    question.implied.push_back(
        {.field = ether_type(family),
         .numbers = placed({.field = ether_type(family), .spelling = Spelling::EtherType},
                           filter::Numbers({{kVlan, kVlan}})),
         .names = {}});
}

// ARP is none of the packets that the model is about.
Question never(std::string_view field) {
  Question question{.field = other_field(fmt::format("arp {}", field), 128), .bits = 128};
  question.spelling = field.ends_with("ether") ? Spelling::Mac : Spelling::Address;
  question.implied.push_back({.field = {.kind = Kind::Family}, .numbers = {}, .names = {}});
  return question;
}

}  // namespace

void imply_family(Question& question, Family family, TableFamily table) {
  if (table != TableFamily::Ip && table != TableFamily::Ip6)
    question.implied.push_back(values_of(Kind::Family, family == Family::V4 ? 0 : 1));
}

std::optional<Question> header_question(const Json& payload, TableFamily family) {
  std::string_view header = text_member(payload, "protocol");
  std::string_view field = text_member(payload, "field");
  if (header == "arp" && !field.empty())
    return never(field);
  if (text_member(payload, "base") == "th") {
    const Json* offset = member(payload, "offset");
    const Json* length = member(payload, "len");
    if (offset == nullptr || length == nullptr || *length != 16)
      return std::nullopt;
    header = "th";
    field = *offset == 0 ? "sport" : *offset == 16 ? "dport" : "";
  }
  const auto* found = std::ranges::find_if(
      kHeaders, [&](const Header& one) { return one.header == header && one.field == field; });
  if (found == kHeaders.end())
    return std::nullopt;
  Question question{.field = {.kind = found->kind},
                    .bits = found->bits,
                    .spelling = found->spelling,
                    .place = found->place};
  if (found->kind == Kind::Other)
    question.field = other_field(
        found->name.empty() ? fmt::format("{} {}", header, field) : std::string(found->name),
        found->bits);
  if (question.field.name == nft::kEtherType)
    question.field = ether_type(family);
  imply_headers(question, *found, family);
  return question;
}

std::optional<Question> option_question(std::string_view kind, const Json& option,
                                        TableFamily family) {
  const std::string_view name = text_member(option, "name");
  if (name.empty() || member(option, "offset") != nullptr)
    return std::nullopt;
  Question question;
  if (kind == "exthdr" || kind == "ip option")
    imply_family(question, kind == "exthdr" ? Family::V6 : Family::V4, family);
  const std::string found = fmt::format("{} {}", kind, name);
  filter::Values present = values_of(other_field(found + " exists", 1), 1, 1);
  if (member(option, "field") == nullptr) {
    question.field = present.field;
    question.bits = 1;
    return question;
  }
  const std::string field = fmt::format("{} {}", kind == "exthdr" ? std::string(name) : found,
                                        text_member(option, "field"));
  const auto fields = nft::option_fields(found);
  const auto known = std::ranges::find(fields, field, &nft::HeaderField::name);
  if (known == fields.end())
    return std::nullopt;
  question.field = other_field(field, known->bits);
  question.bits = known->bits;
  if (field.ends_with(" nexthdr"))
    question.spelling = Spelling::Protocol;
  if (kind == "tcp option")
    question.implied.push_back(values_of(Kind::Protocol, IPPROTO_TCP));
  question.implied.push_back(std::move(present));
  return question;
}

}  // namespace quay::nft_json
