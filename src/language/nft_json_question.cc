#include "language/nft_json_question.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "language/masked_numbers.h"
#include "language/nft_json_headers.h"
#include "model/packet.h"

namespace quay::nft_json {
namespace {

using filter::Kind;
using filter::Number;
using filter::Numbers;
using filter::TableFamily;

struct KeyWidth {
  std::string_view key;
  int bits;
  Spelling spelling = Spelling::Number;
  Kind kind = Kind::Other;
};

constexpr KeyWidth kMetaKeys[] = {
    {"length", 32},
    {"protocol", 16, Spelling::EtherType, Kind::Family},
    {"nfproto", 8, Spelling::NfProto, Kind::Family},
    {"l4proto", 8, Spelling::Protocol, Kind::Protocol},
    {"priority", 32, Spelling::QueueClass},
    {"mark", 32, Spelling::Number, Kind::Mark},
    {"iif", 0, Spelling::Interface, Kind::InInterface},
    {"iifname", 0, Spelling::Interface, Kind::InInterface},
    {"oif", 0, Spelling::Interface, Kind::OutInterface},
    {"oifname", 0, Spelling::Interface, Kind::OutInterface},
    {"iiftype", 16, Spelling::LinkType},
    {"oiftype", 16, Spelling::LinkType},
    {"iifgroup", 32, Spelling::Group},
    {"oifgroup", 32, Spelling::Group},
    {"skuid", 32},
    {"skgid", 32},
    {"cgroup", 32},
    {"rtclassid", 32},
    {"pkttype", 8, Spelling::PacketType},
    {"cpu", 32},
    {"day", 8, Spelling::Day},
    {"secpath", 1},
    {"ipsec", 1},
};

constexpr KeyWidth kConntrackKeys[] = {
    {"mark", 32},
    {"status", 32, Spelling::Status},
    {"direction", 8, Spelling::Direction},
    {"zone", 16},
    {"id", 32},
    {"l3proto", 8, Spelling::NfProto},
    {"protocol", 8, Spelling::Protocol},
    {"proto-src", 16},
    {"proto-dst", 16},
};

constexpr KeyWidth kRouteKeys[] = {{"classid", 32}, {"mtu", 16}, {"ipsec", 1}};

constexpr KeyWidth kSocketKeys[] = {{"transparent", 8}, {"wildcard", 8}, {"mark", 32}};

// The kernel gives these to sockets; packets that no socket sends have the number that none has.
constexpr Number kNoOwner = 0xffffffff;

template <std::size_t N>
const KeyWidth* find(const KeyWidth (&keys)[N], std::string_view name) {
  const auto* found = std::ranges::find(keys, name, &KeyWidth::key);
  return found == std::end(keys) ? nullptr : found;
}

filter::Values some_interface(Kind kind) {
  return {.field = {.kind = kind}, .numbers = {}, .names = {""}, .but_names = true};
}

std::optional<Question> meta_question(const Json& meta) {
  const std::string_view name = text_member(meta, "key");
  const KeyWidth* found = find(kMetaKeys, name);
  if (found == nullptr)
    return std::nullopt;
  Question question{
      .field = {.kind = found->kind}, .bits = found->bits, .spelling = found->spelling};
  if (found->kind == Kind::Other)
    question.field =
        other_field(fmt::format("meta {}", name == "ipsec" ? "secpath" : name), found->bits);
  if (name == "skuid" || name == "skgid")
    question.implied.push_back(values_of(question.field, 0, kNoOwner - 1));
  if (name == "iiftype")
    question.implied.push_back(values_of(other_field("meta iiftype exists", 1), 1, 1));
  if (name == "iifgroup")
    question.implied.push_back(some_interface(Kind::InInterface));
  if (name == "oiftype" || name == "oifgroup")
    question.implied.push_back(some_interface(Kind::OutInterface));
  if (name == "cgroup")
    question.implied.push_back(values_of(other_field("socket exists", 1), 1, 1));
  if (name == "rtclassid")
    question.implied.push_back(values_of(other_field("rt exists", 1), 1, 1));
  return question;
}

// "saddr", or "ip saddr" where the table is of both families.
std::optional<Question> tuple_address(std::string_view key, const Json& ct, TableFamily family) {
  std::string_view version = text_member(ct, "family");
  if (const std::size_t blank = key.find(' '); blank != std::string_view::npos) {
    version = key.substr(0, blank);
    key = key.substr(blank + 1);
  }
  if (version.empty() && (family == TableFamily::Ip || family == TableFamily::Ip6))
    version = family == TableFamily::Ip ? "ip" : "ip6";
  if ((key != "saddr" && key != "daddr") || (version != "ip" && version != "ip6"))
    return std::nullopt;
  const Family asked = version == "ip" ? Family::V4 : Family::V6;
  Question question{.field = {}, .bits = address_width(asked), .spelling = Spelling::Address};
  imply_family(question, asked, family);
  question.field.name = key;
  return question;
}

std::optional<Question> conntrack_question(const Json& ct, TableFamily family) {
  const std::string_view key = text_member(ct, "key");
  const std::string_view direction = text_member(ct, "dir");
  if (key == "state")
    return Question{.field = {.kind = Kind::State}, .bits = 7, .spelling = Spelling::State};
  std::optional<Question> question;
  if (const KeyWidth* found = find(kConntrackKeys, key))
    question = Question{.field = {}, .bits = found->bits, .spelling = found->spelling};
  else
    question = tuple_address(key, ct, family);
  if (!question)
    return std::nullopt;
  const std::string_view plain = question->field.name.empty() ? key : question->field.name;
  question->field = other_field(
      direction.empty() ? fmt::format("ct {}", plain) : fmt::format("ct {} {}", direction, plain),
      question->bits);
  // There is an entry to read.
  question->implied.push_back(values_of({.kind = Kind::State, .name = {}},
                                        static_cast<Number>(State::New),
                                        static_cast<Number>(State::Related)));
  return question;
}

std::optional<Question> fib_question(const Json& fib) {
  const std::string_view result = text_member(fib, "result");
  const Json* flags = member(fib, "flags");
  if (flags == nullptr || (result != "type" && result != "oif"))
    return std::nullopt;
  // In the order in which nft lists them, whatever the order of who writes them.
  std::vector<std::string> asked;
  for (const std::string_view flag : {"saddr", "daddr", "mark", "iif", "oif"})
    if (says(*flags, flag))
      asked.emplace_back(flag);
  return Question{.field = other_field(fmt::format("fib {} {}", join(asked, " . "), result), 32),
                  .bits = 32,
                  .spelling = result == "type" ? Spelling::RouteType : Spelling::Number};
}

std::optional<Question> route_question(const Json& rt, TableFamily family) {
  const std::string_view key = text_member(rt, "key");
  Question question;
  if (const KeyWidth* found = find(kRouteKeys, key)) {
    question = {.field = other_field(fmt::format("rt {}", key), found->bits), .bits = found->bits};
  } else if (key == "nexthop") {
    std::string_view version = text_member(rt, "family");
    if (version.empty())
      version = family == TableFamily::Ip ? "ip" : family == TableFamily::Ip6 ? "ip6" : "";
    if (version.empty())
      return std::nullopt;
    const Family asked = version == "ip" ? Family::V4 : Family::V6;
    question = {.field = other_field(asked == Family::V4 ? "rt ip nexthop" : "rt ip6 nexthop",
                                     address_width(asked)),
                .bits = address_width(asked),
                .spelling = Spelling::Address};
    imply_family(question, asked, family);
  } else {
    return std::nullopt;
  }
  question.implied.push_back(values_of(other_field("rt exists", 1), 1, 1));
  return question;
}

std::optional<Question> socket_question(const Json& socket) {
  const std::string_view key = text_member(socket, "key");
  const KeyWidth* found = find(kSocketKeys, key);
  if (found == nullptr)
    return std::nullopt;
  Question question{.field = other_field(fmt::format("socket {}", key), found->bits),
                    .bits = found->bits};
  question.implied.push_back(values_of(other_field("socket exists", 1), 1, 1));
  return question;
}

// linux/netfilter/nf_conntrack_common.h: NF_CT_STATE_INVALID_BIT, NF_CT_STATE_BIT(),
// NF_CT_STATE_UNTRACKED_BIT; in the order of quay::State.
constexpr std::uint8_t kStateBits[] = {8, 2, 4, 1, 64};

Numbers placed_states(const Numbers& numbers) {
  std::vector<Interval<Number>> states;
  for (Number state = 0; state < std::size(kStateBits); ++state)
    if (numbers.contains(kStateBits[state]))
      states.push_back({state, state});
  return Numbers(std::move(states));
}

Numbers placed_families(const Numbers& numbers, Spelling spelling) {
  const bool link = spelling == Spelling::EtherType;
  std::vector<Interval<Number>> families;
  if (numbers.contains(link ? 0x0800 : 2))
    families.push_back({0, 0});
  if (numbers.contains(link ? 0x86dd : 10))
    families.push_back({1, 1});
  return Numbers(std::move(families));
}

}  // namespace

filter::Values values_of(filter::Field field, Number first, Number last) {
  return {.field = std::move(field), .numbers = Numbers({{first, last}}), .names = {}};
}

filter::Values values_of(Kind kind, Number only) {
  return values_of({.kind = kind, .name = {}}, only, only);
}

filter::Field other_field(std::string name, int bits) {
  return {.kind = Kind::Other, .name = std::move(name), .bits = bits};
}

std::optional<Question> question_of(const Json& expression, TableFamily family) {
  const auto [tag, value] = tagged(expression);
  if (tag == "payload")
    return header_question(*value, family);
  if (tag == "meta")
    return meta_question(*value);
  if (tag == "ct")
    return conntrack_question(*value, family);
  if (tag == "fib")
    return fib_question(*value);
  if (tag == "rt")
    return route_question(*value, family);
  if (tag == "socket")
    return socket_question(*value);
  if (tag == "exthdr" || tag == "ip option" || tag == "tcp option" || tag == "sctp chunk")
    return option_question(tag, *value, family);
  return std::nullopt;
}

Numbers placed(const Question& question, const Numbers& numbers) {
  if (question.field.kind == Kind::State)
    return placed_states(numbers);
  if (question.field.kind == Kind::Family)
    return placed_families(numbers, question.spelling);
  if (question.place == Question::Place::Whole)
    return numbers;
  std::vector<Interval<Number>> intervals;
  for (const auto& [first, last] : numbers.intervals()) {
    if (question.place == Question::Place::HighByte)
      intervals.push_back({first << 8, last << 8 | 255});
    for (Number high = 0; question.place == Question::Place::LowByte && high < 256; ++high)
      intervals.push_back({high << 8 | first, high << 8 | last});
  }
  return Numbers(std::move(intervals));
}

}  // namespace quay::nft_json
