#include "tests/oracle/sample.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <net/if_arp.h>
#include <netinet/in.h>

#include "tests/oracle/gateway.h"

namespace quay::oracle {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::size_t kHeader4 = 20;
constexpr std::size_t kHeader6 = 40;

// linux/tcp.h; the flags of byte 13.
constexpr std::uint8_t kFin = 1;
constexpr std::uint8_t kSyn = 2;
constexpr std::uint8_t kRst = 4;
constexpr std::uint8_t kPsh = 8;
constexpr std::uint8_t kAck = 16;
constexpr std::uint8_t kUrg = 32;

void put(Bytes& out, AddressBits value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i)
    out.push_back(static_cast<std::byte>(static_cast<std::uint8_t>(value >> (8 * i))));
}

void put_at(Bytes& out, std::size_t at, std::uint16_t value) {
  out[at] = static_cast<std::byte>(value >> 8);
  out[at + 1] = static_cast<std::byte>(value & 0xff);
}

std::uint16_t number_at(const Bytes& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[at]) << 8 |
                                    std::to_integer<unsigned>(bytes[at + 1]));
}

// RFC 1071.
std::uint16_t checksum(const Bytes& bytes, std::size_t from, std::size_t to) {
  std::uint32_t sum = 0;
  for (std::size_t i = from; i < to; i += 2)
    sum += std::to_integer<std::uint32_t>(bytes[i]) << 8 |
           (i + 1 < to ? std::to_integer<std::uint32_t>(bytes[i + 1]) : 0);
  while (sum > 0xffff)
    sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

bool is_icmp(const Draft& draft) {
  return draft.protocol == IPPROTO_ICMP || draft.protocol == IPPROTO_ICMPV6;
}

// Where the checksum of the transport header is; 0: it has none.
std::size_t checksum_place(std::uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_TCP:
      return 16;
    case IPPROTO_UDP:
      return 6;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return 2;
    default:
      return 0;
  }
}

// The transport header with what follows it; its checksum is 0 as yet.
Bytes transport(const Draft& draft) {
  Bytes out;
  put(out, draft.source_port, 2);
  if (is_icmp(draft)) {
    put(out, 0, 2);
    put(out, draft.echo, 2);
    put(out, 1, 2);  // sequence number
    put(out, 0, 16);
  } else if (draft.protocol == IPPROTO_TCP) {
    put(out, draft.destination_port, 2);
    put(out, 1, 4);  // sequence number
    put(out, 2, 4);  // acknowledges an opener
    put(out, 0x50, 1);
    put(out, draft.tcp_flags, 1);
    put(out, 8192, 2);
    put(out, 0, 4);
  } else if (draft.protocol == IPPROTO_UDP) {
    put(out, draft.destination_port, 2);
    put(out, 8U + 8U + draft.payload, 2);
    put(out, 0, 2);
    put(out, 0, 8);
  } else {
    put(out, draft.protocol == IPPROTO_GRE ? 0 : draft.destination_port, 2);
    put(out, 0, 20);
  }
  put(out, 0, draft.payload);
  return out;
}

std::uint8_t service_of(const Draft& draft) {
  if (draft.direction == Direction::Out)
    return static_cast<std::uint8_t>(draft.dscp << 2);
  return draft.direction == Direction::In ? kLocalService : service_towards(draft.out_interface);
}

void put_addresses(Bytes& out, const Draft& draft) {
  const int bytes = address_width(draft.family) / 8;
  put(out, draft.source, bytes);
  put(out, draft.destination, bytes);
}

std::uint16_t transport_checksum(const Draft& draft, const Bytes& body) {
  Bytes all;
  if (draft.protocol != IPPROTO_ICMP) {
    put_addresses(all, draft);
    put(all, draft.protocol, 4);
    put(all, body.size(), 4);
  }
  all.insert(all.end(), body.begin(), body.end());
  const std::uint16_t sum = checksum(all, 0, all.size());
  return draft.protocol == IPPROTO_UDP && sum == 0 ? 0xffff : sum;
}

Bytes bytes_of(const Draft& draft) {
  Bytes body = transport(draft);
  if (const std::size_t place = checksum_place(draft.protocol); place != 0)
    put_at(body, place, transport_checksum(draft, body));
  Bytes out;
  if (draft.family == Family::V6) {
    put(out, 0x60000000U | static_cast<unsigned>(service_of(draft)) << 20, 4);
    put(out, body.size(), 2);
    put(out, draft.protocol, 1);
    put(out, draft.ttl, 1);
  } else {
    put(out, 0x45, 1);
    put(out, service_of(draft), 1);
    put(out, kHeader4 + body.size(), 2);
    put(out, 0, 4);
    put(out, draft.ttl, 1);
    put(out, draft.protocol, 1);
    put(out, 0, 2);
  }
  put_addresses(out, draft);
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

// net/netfilter/nf_conntrack_proto_tcp.c: which flags there may be together, and which of them
// begin a flow (nf_conntrack_tcp_loose lets ACK do so).
State tcp_state(const Draft& draft) {
  const auto flags =
      static_cast<std::uint8_t>(draft.tcp_flags & (kFin | kSyn | kRst | kAck | kUrg));
  const bool begins =
      flags == kSyn || flags == (kSyn | kUrg) || flags == kAck || flags == (kAck | kUrg);
  return begins ? State::New : State::Invalid;
}

// nf_conntrack_proto_icmp.c: requests begin flows; answers without one, and errors about nothing
// that is known, are invalid.
State icmp4_state(std::uint8_t type) {
  return type == 8 || type == 13 || type == 15 || type == 17 ? State::New : State::Invalid;
}

// nf_conntrack_proto_icmpv6.c: echo and node information begin flows; what neighbours and groups
// say to each other is not tracked.
State icmp6_state(std::uint8_t type) {
  if (type == 128 || type == 139)
    return State::New;
  const bool neighbourly = (type >= 130 && type <= 136) || type == 143;
  return neighbourly ? State::Untracked : State::Invalid;
}

State state_of(const Draft& draft) {
  if (draft.answer)
    return State::Established;
  const auto type = static_cast<std::uint8_t>(draft.source_port >> 8);
  switch (draft.protocol) {
    case IPPROTO_TCP:
      return tcp_state(draft);
    case IPPROTO_ICMP:  // each is a stranger in the other family
      return draft.family == Family::V4 ? icmp4_state(type) : State::Invalid;
    case IPPROTO_ICMPV6:
      return draft.family == Family::V6 ? icmp6_state(type) : State::Invalid;
    default:
      return State::New;
  }
}

filter::Field other(std::string name, int bits) {
  return {.kind = filter::Kind::Other, .name = std::move(name), .bits = bits};
}

// Everything that stands in the bytes is read from them.
filter::Point point_of(const Draft& draft, const Bytes& bytes) {
  using filter::Kind;
  filter::Point point{.direction = draft.direction,
                      .family = draft.family,
                      .in_interface = draft.in_interface,
                      .out_interface = draft.out_interface,
                      .numbers = {},
                      .atoms = {}};
  auto& numbers = point.numbers;
  const auto set = [&](Kind kind, AddressBits value) {
    numbers[{.kind = kind, .name = {}, .bits = 0}] = value;
  };
  const bool v6 = draft.family == Family::V6;
  const std::size_t at = v6 ? kHeader6 : kHeader4;
  set(Kind::State, static_cast<AddressBits>(state_of(draft)));
  set(Kind::Protocol, draft.protocol);
  set(Kind::Source, draft.source);
  set(Kind::Destination, draft.destination);
  set(Kind::SourcePort, number_at(bytes, at));
  set(Kind::DestinationPort, number_at(bytes, at + 2));
  set(Kind::TcpFlags, std::to_integer<unsigned>(bytes[at + 13]));
  const std::uint8_t service = service_of(draft);
  numbers[other(v6 ? "ip6 dscp" : "ip dscp", 6)] = service >> 2;
  numbers[other(v6 ? "ip6 hoplimit" : "ip ttl", 8)] = draft.ttl;
  numbers[v6 ? other("ip6 length", 16) : other("ip length", 16)] = bytes.size() - (v6 ? at : 0);
  numbers[other("ip version", 4)] = v6 ? 6 : 4;
  numbers[other("meta length", 32)] = bytes.size();
  numbers[other("udp length", 16)] = number_at(bytes, at + 4);
  numbers[other("tcp window", 16)] = number_at(bytes, at + 14);
  numbers[other("@th,104,8 exists", 1)] = 1;     // the flags of TCP, of whatever packet
  for (const std::size_t offset : {20U, 30U}) {  // of short packets it is beyond the end
    const std::string name = fmt::format("@th,{},8", offset * 8);
    const bool there = at + offset < bytes.size();
    numbers[other(name + " exists", 1)] = there ? 1 : 0;
    numbers[other(name, 8)] = there ? std::to_integer<unsigned>(bytes[at + offset]) : 0;
  }
  numbers[other("meta iiftype where it leaves", 16)] = ARPHRD_ETHER;
  if (draft.direction != Direction::Out) {
    set(Kind::SourceMac, draft.mac);
    numbers[other("meta iiftype", 16)] = ARPHRD_ETHER;
  }
  return point;
}

// The type of an ICMP packet that has an answer, by that of the answer; both codes are 0.
std::uint16_t question_of(std::uint16_t type_and_code) {
  switch (type_and_code >> 8) {
    case 0:
      return 8 << 8;
    case 129:
      return 128 << 8;
    default:
      return type_and_code;
  }
}

}  // namespace

Sample sample_of(const Draft& draft) {
  Sample sample{draft, {}, bytes_of(draft)};
  sample.point = point_of(draft, sample.bytes);
  return sample;
}

Draft opener_of(const Draft& draft) {
  Draft opener = draft;
  opener.answer = false;
  opener.ttl = kOpenerTtl;
  std::swap(opener.source, opener.destination);
  std::swap(opener.in_interface, opener.out_interface);
  if (draft.direction != Direction::Forward)
    opener.direction = draft.direction == Direction::In ? Direction::Out : Direction::In;
  if (is_icmp(draft))
    opener.source_port = question_of(draft.source_port);
  else
    std::swap(opener.source_port, opener.destination_port);
  opener.tcp_flags = kSyn;
  opener.dscp = 0;
  return opener;
}

void set_id(std::vector<std::byte>& bytes, std::uint16_t id) {
  if (std::to_integer<unsigned>(bytes[0]) >> 4 == 6) {
    put_at(bytes, 2, id);
    return;
  }
  put_at(bytes, 4, id);
  put_at(bytes, 10, 0);
  put_at(bytes, 10, checksum(bytes, 0, kHeader4));
}

std::string flow_of(const Draft& draft) {
  const bool ports = draft.protocol == IPPROTO_TCP || draft.protocol == IPPROTO_UDP;
  auto one = std::pair(draft.source, ports ? draft.source_port : draft.echo);
  auto two = std::pair(draft.destination, ports ? draft.destination_port : draft.echo);
  if (two < one)
    std::swap(one, two);
  return fmt::format("{} {} {} {} {}", draft.protocol, to_text(Address{draft.family, one.first}),
                     one.second, to_text(Address{draft.family, two.first}), two.second);
}

}  // namespace quay::oracle
