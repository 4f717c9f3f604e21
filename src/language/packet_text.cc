#include "language/packet_text.h"

#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "language/icmp_names.h"
#include "model/interface.h"

namespace quay {
namespace {

bool is_icmp(const PacketQuery& query) {
  return query.protocols.size() == 1 &&
         (query.protocols[0] == Protocol::Icmp || query.protocols[0] == Protocol::Icmpv6);
}

std::optional<State> parse_state(std::string_view text) {
  for (int i = 0; i < kStates; ++i)
    if (to_text(static_cast<State>(i)) == text)
      return static_cast<State>(i);
  return std::nullopt;
}

class QueryReader {
 public:
  explicit QueryReader(const std::vector<std::string>& words) : words_(words) {}

  Result<PacketQuery> read();

 private:
  Result<void> read_word();
  Result<void> read_prefix(std::optional<Prefix>& field, const std::string& text);
  Result<void> read_keyword(const std::string& keyword, const std::string& value);
  Result<void> read_endpoint(const std::string& word);

  const std::vector<std::string>& words_;
  std::size_t at_ = 0;
  PacketQuery query_;
  std::set<std::string> seen_;
  std::string type_;  // read last: its meaning depends on the protocol
};

Result<void> QueryReader::read_prefix(std::optional<Prefix>& field, const std::string& text) {
  if (text == "any")
    return {};
  const auto prefix = parse_prefix(text);
  if (!prefix)
    return fail(prefix.error());
  field = *prefix;
  return {};
}

Result<void> QueryReader::read_keyword(const std::string& keyword, const std::string& value) {
  if (keyword == "from")
    return read_prefix(query_.source, value);
  if (keyword == "to")
    return read_prefix(query_.destination, value);
  if (keyword == "type") {
    type_ = value;
    return {};
  }
  if (keyword == "on") {
    const auto interface = parse_interface(value);
    if (!interface)
      return fail(interface.error());
    if (interface->wildcard())
      return fail("a packet is on one interface, not on `" + value + "`");
    query_.interface = value;
    return {};
  }
  if (keyword == "sport") {
    const auto ports = parse_ports(value);
    if (!ports)
      return fail(ports.error());
    query_.source_ports = *ports;
    return {};
  }
  const auto state = parse_state(value);
  if (!state)
    return fail(
        fmt::format("`{}` is not a state: new, established, related, invalid, untracked", value));
  query_.state = *state;
  return {};
}

// "1883/tcp", "tcp/1883", "1883", "icmp"
Result<void> QueryReader::read_endpoint(const std::string& word) {
  const std::size_t slash = word.find('/');
  std::string ports = word.substr(0, slash);
  std::string protocol = slash == std::string::npos ? "" : word.substr(slash + 1);
  const bool digits = !word.empty() && word[0] >= '0' && word[0] <= '9';
  if (!digits)
    std::swap(ports, protocol);
  if (!protocol.empty()) {
    const auto known = parse_protocol(protocol);
    if (!known || (protocol[0] >= '0' && protocol[0] <= '9' && digits))
      return fail(
          fmt::format("`{}` is not understood; a packet is written like `in on eth1 "
                      "1883/tcp from 203.0.113.7`",
                      word));
    query_.protocols = {*known};
    if (!ports.empty() && !has_ports(*known))
      return fail(fmt::format("{} has no ports", protocol));
  } else {
    query_.protocols = {Protocol::Tcp, Protocol::Udp};
  }
  if (ports.empty())
    return {};
  const auto parsed = parse_ports(ports);
  if (!parsed)
    return fail(parsed.error());
  query_.destination_ports = *parsed;
  return {};
}

Result<void> QueryReader::read_word() {
  const std::string& word = words_[at_++];
  for (const std::string_view keyword : {"from", "to", "on", "sport", "type", "state"}) {
    if (word != keyword)
      continue;
    if (at_ == words_.size())
      return fail(fmt::format("`{}` needs a word after it", word));
    if (!seen_.insert(word).second)
      return fail(fmt::format("`{}` stands twice", word));
    return read_keyword(word, words_[at_++]);
  }
  if (!seen_.insert("port").second)
    return fail(fmt::format("`{}` is a second port or protocol; a packet has one", word));
  return read_endpoint(word);
}

Result<PacketQuery> QueryReader::read() {
  const std::string first = words_.empty() ? "" : words_[at_++];
  if (first == "out")
    query_.direction = Direction::Out;
  else if (first == "forward")
    query_.direction = Direction::Forward;
  else if (first != "in")
    return fail(fmt::format("a packet begins with in, out or forward, not `{}`", first));
  while (at_ < words_.size())
    if (const auto read = read_word(); !read)
      return fail(read.error());
  if (!type_.empty()) {
    if (!is_icmp(query_))
      return fail("`type` belongs to icmp or icmpv6");
    query_.icmp_type = parse_icmp_type(query_.protocols[0], type_);
    if (!query_.icmp_type)
      return fail(fmt::format("`{}` is not a type of {}", type_, to_text(query_.protocols[0])));
  }
  if (query_.source_ports && query_.protocols.empty())
    query_.protocols = {Protocol::Tcp, Protocol::Udp};
  if (query_.source && query_.destination &&
      query_.source->family() != query_.destination->family())
    return fail("`from` and `to` are of different IP versions");
  const std::optional<Prefix>& address = query_.source ? query_.source : query_.destination;
  if (address && query_.protocols.size() == 1 && !exists_in(query_.protocols[0], address->family()))
    return fail(fmt::format("{} does not exist in that IP version", to_text(query_.protocols[0])));
  return query_;
}

}  // namespace

Result<PacketQuery> parse_packet(const std::vector<std::string>& words) {
  return QueryReader(words).read();
}

Result<PacketQuery> parse_packet(std::string_view sentence) {
  const auto words = split_words(sentence);
  if (!words)
    return fail("a quote is not closed");
  return parse_packet(*words);
}

std::string to_text(const PacketQuery& query) {
  std::string text = to_text(query.direction);
  if (!query.interface.empty())
    text += " on " + query.interface;
  const std::string protocol = query.protocols.size() == 1 ? to_text(query.protocols[0]) : "";
  if (query.destination_ports)
    text += " " + to_text(*query.destination_ports) + (protocol.empty() ? "" : "/" + protocol);
  else if (!protocol.empty())
    text += " " + protocol;
  if (query.source)
    text += " from " + to_text(*query.source);
  if (query.destination)
    text += " to " + to_text(*query.destination);
  if (query.source_ports)
    text += " sport " + to_text(*query.source_ports);
  if (query.icmp_type)
    text += " type " + icmp_type_name(query.protocols[0], *query.icmp_type);
  if (query.state != State::New)
    text += " state " + to_text(query.state);
  return text;
}

std::string to_text(const Packet& packet) {
  const auto single = [](const Address& address) {
    return Prefix{address, address.family == Family::V4 ? 32 : 128};
  };
  PacketQuery query{.direction = packet.direction,
                    .interface = packet.interface,
                    .source = single(packet.source),
                    .destination = single(packet.destination),
                    .protocols = {packet.protocol},
                    .state = packet.state};
  if (has_ports(packet.protocol)) {
    query.source_ports = one_port(packet.source_port);
    query.destination_ports = one_port(packet.destination_port);
  }
  if (is_icmp(query))
    query.icmp_type = packet.icmp_type;
  return to_text(query);
}

}  // namespace quay
