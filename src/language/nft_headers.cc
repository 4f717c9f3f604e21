#include "language/nft_headers.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>
#include <vector>

#include <netinet/in.h>

namespace quay::nft {
namespace {

using filter::Kind;

constexpr HeaderField kTarget{0, 48, Kind::Other, "ether daddr"};
constexpr HeaderField kSender{48, 48, Kind::SourceMac, {}};
constexpr std::array<HeaderField, 3> kLink{{kTarget, kSender, {96, 16, Kind::Family, {}}}};
// IEEE 802.1Q, where that is what the type says.
constexpr std::array<HeaderField, 7> kDeviceLink{{kTarget,
                                                  kSender,
                                                  {96, 16, Kind::Other, kEtherType},
                                                  {112, 3, Kind::Other, "vlan pcp"},
                                                  {115, 1, Kind::Other, "vlan dei"},
                                                  {116, 12, Kind::Other, "vlan id"},
                                                  {128, 16, Kind::Other, "vlan type"}}};

// RFC 791.
constexpr std::array<HeaderField, 12> kIpv4{{{0, 4, Kind::Other, "ip version"},
                                             {4, 4, Kind::Other, "ip hdrlength"},
                                             {8, 6, Kind::Other, "ip dscp"},
                                             {14, 2, Kind::Other, "ip ecn"},
                                             {16, 16, Kind::Other, "ip length"},
                                             {32, 16, Kind::Other, "ip id"},
                                             {48, 16, Kind::Other, "ip frag-off"},
                                             {64, 8, Kind::Other, "ip ttl"},
                                             {72, 8, Kind::Protocol, {}},
                                             {80, 16, Kind::Other, "ip checksum"},
                                             {96, 32, Kind::Source, {}},
                                             {128, 32, Kind::Destination, {}}}};

// RFC 8200. The next header is the protocol where there are no extension headers.
constexpr std::array<HeaderField, 9> kIpv6{{{0, 4, Kind::Other, "ip6 version"},
                                            {4, 6, Kind::Other, "ip6 dscp"},
                                            {10, 2, Kind::Other, "ip6 ecn"},
                                            {12, 20, Kind::Other, "ip6 flowlabel"},
                                            {32, 16, Kind::Other, "ip6 length"},
                                            {48, 8, Kind::Protocol, {}},
                                            {56, 8, Kind::Other, "ip6 hoplimit"},
                                            {64, 128, Kind::Source, {}},
                                            {192, 128, Kind::Destination, {}}}};

constexpr HeaderField kSourcePort{0, 16, Kind::SourcePort, {}};
constexpr HeaderField kDestinationPort{16, 16, Kind::DestinationPort, {}};
constexpr HeaderField kTcpFlags{104, 8, Kind::TcpFlags, {}};

constexpr std::array<HeaderField, 3> kAnyTransport{{kSourcePort, kDestinationPort, kTcpFlags}};
constexpr std::array<HeaderField, 10> kTcp{{kSourcePort,
                                            kDestinationPort,
                                            {32, 32, Kind::Other, "tcp sequence"},
                                            {64, 32, Kind::Other, "tcp ackseq"},
                                            {96, 4, Kind::Other, "tcp doff"},
                                            {100, 4, Kind::Other, "tcp reserved"},
                                            kTcpFlags,
                                            {112, 16, Kind::Other, "tcp window"},
                                            {128, 16, Kind::Other, "tcp checksum"},
                                            {144, 16, Kind::Other, "tcp urgptr"}}};
constexpr std::array<HeaderField, 5> kUdp{{kSourcePort,
                                           kDestinationPort,
                                           {32, 16, Kind::Other, "udp length"},
                                           {48, 16, Kind::Other, "udp checksum"},
                                           kTcpFlags}};
constexpr std::array<HeaderField, 5> kUdpLite{{kSourcePort,
                                               kDestinationPort,
                                               {32, 16, Kind::Other, "udplite csumcov"},
                                               {48, 16, Kind::Other, "udplite checksum"},
                                               kTcpFlags}};
constexpr std::array<HeaderField, 5> kSctp{{kSourcePort,
                                            kDestinationPort,
                                            {32, 32, Kind::Other, "sctp vtag"},
                                            {64, 32, Kind::Other, "sctp checksum"},
                                            kTcpFlags}};
constexpr std::array<HeaderField, 4> kDccp{
    {kSourcePort, kDestinationPort, {67, 4, Kind::Other, "dccp type"}, kTcpFlags}};
constexpr std::array<HeaderField, 4> kIgmp{
    {kSourcePort, kDestinationPort, {32, 32, Kind::Other, "igmp group"}, kTcpFlags}};
// RFC 4302.
constexpr std::array<HeaderField, 5> kAuthentication{{kSourcePort,
                                                      kDestinationPort,
                                                      {32, 32, Kind::Other, "ah spi"},
                                                      {64, 32, Kind::Other, "ah sequence"},
                                                      kTcpFlags}};
// RFC 4303.
constexpr std::array<HeaderField, 3> kEncryption{
    {{0, 32, Kind::Other, "esp spi"}, {32, 32, Kind::Other, "esp sequence"}, kTcpFlags}};
constexpr std::array<HeaderField, 5> kIcmp{{kSourcePort,
                                            kDestinationPort,
                                            {32, 16, Kind::Other, "icmp id"},
                                            {48, 16, Kind::Other, "icmp sequence"},
                                            kTcpFlags}};
constexpr std::array<HeaderField, 5> kIcmpv6{{kSourcePort,
                                              kDestinationPort,
                                              {32, 16, Kind::Other, "icmpv6 id"},
                                              {48, 16, Kind::Other, "icmpv6 sequence"},
                                              kTcpFlags}};

struct Option {
  std::string_view name;
  std::span<const HeaderField> fields;
};

// RFC 8200.
constexpr std::array<HeaderField, 5> kFragment{{{0, 8, Kind::Other, "frag nexthdr"},
                                                {8, 8, Kind::Other, "frag reserved"},
                                                {16, 13, Kind::Other, "frag frag-off"},
                                                {31, 1, Kind::Other, "frag more-fragments"},
                                                {32, 32, Kind::Other, "frag id"}}};
constexpr std::array<HeaderField, 2> kHopByHop{
    {{0, 8, Kind::Other, "hbh nexthdr"}, {8, 8, Kind::Other, "hbh hdrlength"}}};
constexpr std::array<HeaderField, 2> kDestinationOptions{
    {{0, 8, Kind::Other, "dst nexthdr"}, {8, 8, Kind::Other, "dst hdrlength"}}};
constexpr std::array<HeaderField, 4> kRouting{{{0, 8, Kind::Other, "rt nexthdr"},
                                               {8, 8, Kind::Other, "rt hdrlength"},
                                               {16, 8, Kind::Other, "rt type"},
                                               {24, 8, Kind::Other, "rt seg-left"}}};
// RFC 6275.
constexpr std::array<HeaderField, 5> kMobility{{{0, 8, Kind::Other, "mh nexthdr"},
                                                {8, 8, Kind::Other, "mh hdrlength"},
                                                {16, 8, Kind::Other, "mh type"},
                                                {24, 8, Kind::Other, "mh reserved"},
                                                {32, 16, Kind::Other, "mh checksum"}}};
// RFC 9293, 7323.
constexpr std::array<HeaderField, 1> kMaxseg{{{16, 16, Kind::Other, "tcp option maxseg size"}}};
constexpr std::array<HeaderField, 1> kWindow{{{16, 8, Kind::Other, "tcp option window count"}}};
constexpr std::array<HeaderField, 2> kTimestamp{
    {{16, 32, Kind::Other, "tcp option timestamp tsval"},
     {48, 32, Kind::Other, "tcp option timestamp tsecr"}}};

constexpr Option kOptions[] = {{"exthdr frag", kFragment},
                               {"exthdr hbh", kHopByHop},
                               {"exthdr dst", kDestinationOptions},
                               {"exthdr rt", kRouting},
                               {"exthdr mh", kMobility},
                               {"tcp option maxseg", kMaxseg},
                               {"tcp option window", kWindow},
                               {"tcp option timestamp", kTimestamp}};

}  // namespace

bool sees_devices(filter::TableFamily table) {
  return table == filter::TableFamily::Netdev || table == filter::TableFamily::Bridge;
}

std::span<const HeaderField> link_fields(filter::TableFamily table) {
  if (sees_devices(table))
    return kDeviceLink;
  return kLink;
}

std::span<const HeaderField> network_fields(Family family) {
  if (family == Family::V4)
    return kIpv4;
  return kIpv6;
}

std::span<const HeaderField> transport_fields(std::optional<int> protocol) {
  switch (protocol.value_or(-1)) {
    case IPPROTO_TCP:
      return kTcp;
    case IPPROTO_UDP:
      return kUdp;
    case IPPROTO_UDPLITE:
      return kUdpLite;
    case IPPROTO_SCTP:
      return kSctp;
    case IPPROTO_DCCP:
      return kDccp;
    case IPPROTO_IGMP:
      return kIgmp;
    case IPPROTO_AH:
      return kAuthentication;
    case IPPROTO_ESP:
      return kEncryption;
    case IPPROTO_ICMP:
      return kIcmp;
    case IPPROTO_ICMPV6:
      return kIcmpv6;
    default:
      return kAnyTransport;
  }
}

filter::Numbers protocols_of(int bits) {
  // RFC 9293, 9260, 4340, 4302; the others have eight bytes.
  constexpr std::pair<int, int> least[] = {
      {IPPROTO_TCP, 160}, {IPPROTO_SCTP, 96},  {IPPROTO_DCCP, 96}, {IPPROTO_AH, 96},
      {IPPROTO_UDP, 64},  {IPPROTO_ICMP, 64},  {IPPROTO_IGMP, 64}, {IPPROTO_UDPLITE, 64},
      {IPPROTO_ESP, 64},  {IPPROTO_ICMPV6, 64}};
  std::vector<Interval<filter::Number>> protocols;
  for (const auto& [protocol, has] : least) {
    const auto number = static_cast<filter::Number>(protocol);
    if (has >= bits)
      protocols.push_back({number, number});
  }
  return filter::Numbers(std::move(protocols));
}

std::span<const HeaderField> option_fields(std::string_view name) {
  const auto* option = std::ranges::find(kOptions, name, &Option::name);
  return option == std::end(kOptions) ? std::span<const HeaderField>() : option->fields;
}

}  // namespace quay::nft
