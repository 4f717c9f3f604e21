#include "language/nft_table.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "language/nft_match.h"

namespace quay {
namespace {

constexpr std::size_t kMostKeys = 64;  // a port set that is spread over at most so many elements
constexpr int kLimitAttempts = 5;      // the sixth within 30 seconds is refused

// A step of a base chain. Plain accepts commute, which is what lets look-ups move up.
struct Step {
  std::vector<std::string> rules;
  bool plain_accept = false;
};

bool plain_accept(const Rule& rule) {
  return rule.verdict == Verdict::Accept && rule.log == Log::None;
}

// Same plain verdict, so that their order does not matter.
bool commute(const Rule& a, const Rule& b) {
  return a.verdict == b.verdict && a.verdict != Verdict::Limit && a.log == Log::None &&
         b.log == Log::None;
}

// The single ports of a set; none when they are too many for a map.
std::vector<Port> single_ports(const std::optional<PortSet>& ports) {
  std::vector<Port> result;
  if (!ports)
    return result;
  std::size_t count = 0;
  for (const auto& [first, last] : ports->intervals())
    count += static_cast<std::size_t>(last - first) + 1;
  if (count > kMostKeys)
    return result;
  for (const auto& [first, last] : ports->intervals())
    for (int port = first; port <= last; ++port)
      result.push_back(static_cast<Port>(port));
  return result;
}

std::string comment(const Rule& rule) {
  return fmt::format(" comment \"{}\"", rule.origin.text());
}

// Builds the chains of one direction.
class DirectionBuilder {
 public:
  DirectionBuilder(Direction direction, NftTable& table)
      : direction_(direction), prefix_(to_text(direction)), table_(table) {}

  void build(const std::vector<const Rule*>& rules);

 private:
  // A run of rules that are found by protocol and destination port, or one rule alone.
  struct Segment {
    std::vector<const Rule*> rules;
    bool keyed = false;
  };

  void add_endings(const std::vector<const Rule*>& rules);
  void add_limit();
  std::vector<std::string> rule_texts(const Rule& rule, const Match& match, bool counted) const;
  std::string verdict_text(const Rule& rule) const;

  void add_step(Step step) { steps_.push_back(std::move(step)); }
  // Puts a step of plain accepts in front of the plain accepts before it.
  void add_early(Step step);

  void add_host(const std::vector<const Rule*>& rules);
  void add_own(const std::vector<const Rule*>& rules);
  void add_segment(const Segment& segment, std::size_t number);
  void add_services(const std::vector<const Rule*>& rules);
  void add_default(const Rule& rule);

  // Service rules, by the chain that they share.
  struct Key {
    bool by_source_port = false;
    std::string interface;  // empty: any but lo
    Protocol protocol = Protocol::Tcp;
    Port port = 0;
    auto operator<=>(const Key&) const = default;
  };
  std::vector<Key> keys_of(const Rule& rule) const;
  std::string service_chain(const std::string& id, const std::vector<const Rule*>& rules);
  void add_elements(const std::map<Key, std::vector<const Rule*>>& by_key);
  std::string map_of(const Key& key) const;

  Direction direction_;
  std::string prefix_;  // "in", "out", "forward"
  NftTable& table_;
  std::vector<Step> steps_;
};

std::string DirectionBuilder::verdict_text(const Rule& rule) const {
  switch (rule.verdict) {
    case Verdict::Accept:
      return "accept";
    case Verdict::Drop:
      return fmt::format("goto {}_denied", prefix_);
    case Verdict::Reject:
      return fmt::format("goto {}_rejected", prefix_);
    case Verdict::Limit:
      break;
  }
  return fmt::format("goto {}_limit", prefix_);
}

std::vector<std::string> DirectionBuilder::rule_texts(const Rule& rule, const Match& match,
                                                      bool counted) const {
  std::vector<std::string> texts;
  for (const std::string& text : nft_matches(match, direction_)) {
    const std::string head = text + nft_until(rule.until);
    if (rule.log != Log::None)
      texts.push_back(
          fmt::format("{}{}limit rate 3/minute burst 10 packets log prefix \"{} \" group {}", head,
                      rule.log == Log::New ? "ct state new " : "", rule.origin.text(), kLogGroup));
    texts.push_back(head + (counted ? "counter " : "") + verdict_text(rule) + comment(rule));
  }
  return texts;
}

// Where refused packets end: told to the log within limits, counted, dropped. A chain that no rule
// leads to is left out.
void DirectionBuilder::add_endings(const std::vector<const Rule*>& rules) {
  const auto has = [&](Verdict verdict) {
    return std::any_of(rules.begin(), rules.end(),
                       [&](const Rule* rule) { return rule->verdict == verdict; });
  };
  const std::string denied = prefix_ + "_denied";
  table_.counters.insert(denied);
  const std::string log =
      fmt::format("limit rate {}/second burst {} packets log prefix \"{} \" group {}",
                  kDeniedPerSecond, 2 * kDeniedPerSecond, denied, kLogGroup);
  const std::string count = fmt::format("counter name \"{}\"", denied);
  table_.chains[denied] = {log, count + " drop"};
  if (has(Verdict::Reject) || has(Verdict::Limit))
    table_.chains[prefix_ + "_rejected"] = {log, count, "meta l4proto tcp reject with tcp reset",
                                            "reject"};
  if (has(Verdict::Limit))
    add_limit();
}

// ufw's limit: the sixth attempt of a source within 30 seconds is refused. Each accepted attempt
// takes one of five places for 30 seconds; a refused one takes all five anew, so that a source
// that does not stop stays out.
void DirectionBuilder::add_limit() {
  std::vector<std::string>& chain = table_.chains[prefix_ + "_limit"];
  for (const auto& [digit, key] : {std::pair{'4', "ip saddr"}, std::pair{'6', "ip6 saddr"}})
    for (int i = 1; i <= kLimitAttempts; ++i)
      chain.push_back(
          fmt::format("{1} != @limit{0}_{2} add @limit{0}_{2} {{ {1} }} accept", digit, key, i));
  for (const auto& [digit, key] : {std::pair{'4', "ip saddr"}, std::pair{'6', "ip6 saddr"}})
    for (int i = 1; i <= kLimitAttempts; ++i)
      chain.push_back(fmt::format("update @limit{}_{} {{ {} }}", digit, i, key));
  chain.push_back(fmt::format("goto {}_rejected", prefix_));
}

void DirectionBuilder::add_early(Step step) {
  auto at = steps_.end();
  while (at != steps_.begin() && std::prev(at)->plain_accept)
    --at;
  steps_.insert(at, std::move(step));
}

// ICMP stands in a chain of its own, so that other packets pass it with one comparison.
void DirectionBuilder::add_host(const std::vector<const Rule*>& rules) {
  for (std::size_t i = 0; i < rules.size();) {
    const Rule& rule = *rules[i];
    if (rule.match.icmp_types.empty()) {
      add_step({rule_texts(rule, rule.match, false), plain_accept(rule)});
      ++i;
      continue;
    }
    const Protocol protocol = rule.match.protocols.front();
    std::vector<std::string> texts;
    for (; i < rules.size() && !rules[i]->match.icmp_types.empty() &&
           rules[i]->match.protocols.front() == protocol;
         ++i)
      std::ranges::move(rule_texts(*rules[i], rules[i]->match, false), std::back_inserter(texts));
    // Both directions need the same, and share the chain.
    std::string name = "host_" + to_text(protocol);
    const auto [chain, fresh] = table_.chains.try_emplace(name, texts);
    if (!fresh && chain->second != texts) {
      name += "_" + prefix_;
      table_.chains[name] = std::move(texts);
    }
    add_step({{fmt::format("meta l4proto {} jump {}",
                           protocol == Protocol::Icmp ? "icmp" : "ipv6-icmp", name)},
              true});
  }
}

// The operator's rules keep their order. A run of rules that each name their destination ports is
// found by one look-up: every port has a chain with the rules of the run that concern it, in
// order. A rule may join the run before it over rules that it commutes with.
void DirectionBuilder::add_own(const std::vector<const Rule*>& rules) {
  std::vector<Segment> segments;
  for (const Rule* rule : rules) {
    if (!rule->match.protocols.empty() && !single_ports(rule->match.destination_ports).empty()) {
      auto at = segments.rbegin();
      while (at != segments.rend() && !at->keyed && commute(*rule, *at->rules.front()))
        ++at;
      if (at == segments.rend() || !at->keyed)
        at = std::make_reverse_iterator(segments.insert(segments.end(), Segment{{}, true})) - 1;
      at->rules.push_back(rule);
    } else {
      segments.push_back({{rule}, false});
    }
  }
  std::size_t runs = 0;
  for (const Segment& segment : segments) {
    runs += segment.keyed ? 1 : 0;
    add_segment(segment, runs);
  }
}

void DirectionBuilder::add_segment(const Segment& segment, std::size_t number) {
  const bool plain = std::all_of(segment.rules.begin(), segment.rules.end(),
                                 [](const Rule* rule) { return plain_accept(*rule); });
  if (!segment.keyed) {
    const Rule& rule = *segment.rules.front();
    return add_step({rule_texts(rule, rule.match, true), plain});
  }
  const std::string name = fmt::format("{}_own{}", prefix_, number);
  NftMap& map = table_.maps[name];
  map.type = "inet_proto . inet_service";
  for (const Rule* rule : segment.rules) {
    const std::vector<Port> ports = single_ports(rule->match.destination_ports);
    for (const Protocol protocol : rule->match.protocols) {
      for (const Port port : ports) {
        const std::string chain = fmt::format("{}-{}-{}", name, to_text(protocol), port);
        map.elements[fmt::format("{} . {}", to_text(protocol), port)] = "jump " + chain;
        Match rest = rule->match;  // what the look-up has not yet decided
        rest.destination_ports.reset();
        if (rest.source_ports)
          rest.protocols = {protocol};
        else
          rest.protocols.clear();
        std::ranges::move(rule_texts(*rule, rest, true), std::back_inserter(table_.chains[chain]));
      }
    }
  }
  add_step({{fmt::format("meta l4proto . th dport vmap @{}", name)}, plain});
}

// The map keys that find a service's rule; none when it must stand in the chain itself.
std::vector<DirectionBuilder::Key> DirectionBuilder::keys_of(const Rule& rule) const {
  const Match& match = rule.match;
  const bool by_source = match.source_ports.has_value();
  const auto ports = single_ports(by_source ? match.source_ports : match.destination_ports);
  const bool placed = match.interface && !match.interface->wildcard() &&
                      (!match.interface_is_not || *match.interface == kLoopback);
  if (ports.empty() || !placed || (by_source && match.destination_ports) ||
      match.protocols.size() != 1 || !match.destinations.empty() || !match.icmp_types.empty() ||
      match.states != kEveryState || rule.until || !plain_accept(rule))
    return {};
  std::vector<Key> keys;
  keys.reserve(ports.size());
  for (const Port port : ports)
    keys.push_back({by_source, match.interface_is_not ? "" : match.interface->text,
                    match.protocols.front(), port});
  return keys;
}

std::string DirectionBuilder::map_of(const Key& key) const {
  return prefix_ + (key.by_source_port ? "_from" : "") + (key.interface.empty() ? "_any" : "");
}

// The chain in which a service's packets are counted and accepted, for the sources that `rules`
// name. A service whose endpoints have different sources has several.
std::string DirectionBuilder::service_chain(const std::string& id,
                                            const std::vector<const Rule*>& rules) {
  const std::string counter = fmt::format("{}_{}", prefix_, id);
  std::vector<std::string> texts;
  for (const Rule* rule : rules) {
    Match sources;
    sources.family = rule->match.family;
    sources.sources = rule->match.sources;
    for (const std::string& text : nft_matches(sources, direction_))
      texts.push_back(fmt::format("{}counter name \"{}\" accept{}", text, counter, comment(*rule)));
  }
  table_.counters.insert(counter);
  for (int number = 1;; ++number) {
    const std::string name = number == 1 ? counter : fmt::format("{}-{}", counter, number);
    const auto [chain, fresh] = table_.chains.try_emplace(name, texts);
    if (fresh || chain->second == texts)
      return name;
  }
}

void DirectionBuilder::add_elements(const std::map<Key, std::vector<const Rule*>>& by_key) {
  std::set<std::string> looked_up;
  for (const auto& [key, rules] : by_key) {
    const std::string name = map_of(key);
    NftMap& map = table_.maps[name];
    const std::string where = key.interface.empty() ? "" : nft_interface_key(direction_) + " . ";
    map.type =
        key.interface.empty() ? "inet_proto . inet_service" : "ifname . inet_proto . inet_service";
    const std::string quoted = key.interface.empty() ? "" : fmt::format("\"{}\" . ", key.interface);
    map.elements[fmt::format("{}{} . {}", quoted, to_text(key.protocol), key.port)] =
        "jump " + service_chain(rules.front()->origin.name, rules);
    if (looked_up.insert(name).second)
      add_early({{fmt::format("{}meta l4proto . th {} vmap @{}", where,
                              key.by_source_port ? "sport" : "dport", name)},
                 true});
  }
}

void DirectionBuilder::add_services(const std::vector<const Rule*>& rules) {
  std::map<Key, std::vector<const Rule*>> by_key;
  std::vector<std::string> others;  // ranges, and ports that two services share
  const auto stand_alone = [&](const Rule& rule, const Match& match) {
    const std::string chain = service_chain(rule.origin.name, {&rule});
    Match place = match;
    place.sources.clear();
    place.family.reset();
    for (const std::string& text : nft_matches(place, direction_))
      others.push_back(fmt::format("{}jump {}{}", text, chain, comment(rule)));
  };
  for (const Rule* rule : rules) {
    const std::vector<Key> keys = keys_of(*rule);
    if (keys.empty())
      stand_alone(*rule, rule->match);
    for (const Key& key : keys) {
      std::vector<const Rule*>& sharing = by_key[key];
      if (sharing.empty() || sharing.front()->origin == rule->origin) {
        sharing.push_back(rule);
      } else if (!sharing.front()->match.sources.empty()) {
        // The first service of a port does not take every source: this one takes the others.
        Match match = rule->match;
        (key.by_source_port ? match.source_ports : match.destination_ports) = one_port(key.port);
        stand_alone(*rule, match);
      }
    }
  }
  add_elements(by_key);
  if (!others.empty())
    add_step({std::move(others), true});
}

void DirectionBuilder::add_default(const Rule& rule) {
  add_step({rule_texts(rule, rule.match, false), plain_accept(rule)});
}

void DirectionBuilder::build(const std::vector<const Rule*>& rules) {
  using Kind = Origin::Kind;
  const auto part = [&](auto... kinds) {
    std::vector<const Rule*> result;
    for (const Rule* rule : rules)
      if (((rule->origin.kind == kinds) || ...))
        result.push_back(rule);
    return result;
  };
  add_endings(rules);
  add_host(part(Kind::Host));
  add_own(part(Kind::Opening, Kind::Own));
  add_services(part(Kind::Service));
  for (const Rule* rule : part(Kind::Profile))
    add_default(*rule);
  std::vector<std::string>& chain = table_.chains[direction_ == Direction::In    ? "input"
                                                  : direction_ == Direction::Out ? "output"
                                                                                 : "forward"];
  for (Step& step : steps_)
    std::ranges::move(step.rules, std::back_inserter(chain));
}

}  // namespace

NftTable nft_table(const RuleList& rules) {
  NftTable table;
  for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward}) {
    std::vector<const Rule*> mine;
    for (const Rule& rule : rules)
      if (rule.direction == direction)
        mine.push_back(&rule);
    DirectionBuilder(direction, table).build(mine);
  }
  return table;
}

namespace {

// The direction that a map belongs to: the first word of its name.
std::string_view direction_of(std::string_view map) {
  return map.substr(0, map.find('_'));
}

bool changes_a_verdict(const NftMap& from, const NftMap& to) {
  return std::any_of(to.elements.begin(), to.elements.end(), [&](const auto& element) {
    const auto before = from.elements.find(element.first);
    return before != from.elements.end() && before->second != element.second;
  });
}

}  // namespace

bool can_update(const NftTable& from, const NftTable& to) {
  if (from.maps.size() != to.maps.size())
    return false;
  std::set<std::string_view> changed;  // directions with a map that changes
  for (const auto& [name, map] : to.maps) {
    const auto before = from.maps.find(name);
    if (before == from.maps.end() || before->second.type != map.type ||
        changes_a_verdict(before->second, map))
      return false;
    if (before->second.elements != map.elements && !changed.insert(direction_of(name)).second)
      return false;
  }
  if (changed.empty())
    return true;
  return std::all_of(to.chains.begin(), to.chains.end(), [&](const auto& chain) {
    const auto before = from.chains.find(chain.first);
    return before == from.chains.end() || before->second == chain.second;
  });
}

namespace {

using Lines = std::vector<std::string>;

// The counters, maps and chains of a table, without the chains' rules.
std::set<std::string> objects(const NftTable& table) {
  std::set<std::string> result;
  for (const std::string& counter : table.counters)
    result.insert("counter " + counter);
  for (const auto& [name, map] : table.maps) {
    result.insert(fmt::format("map {} of {}", name, map.type));
    for (const auto& [key, verdict] : map.elements)
      result.insert(fmt::format("map {}: {} : {}", name, key, verdict));
  }
  for (const auto& [name, rules] : table.chains)
    result.insert("chain " + name);
  return result;
}

// How the rules of one chain become those of another, in order: what stays is a longest common
// subsequence, of which few rules are looked for at all: those between the first and the last that
// differ.
class ChainChanges {
 public:
  ChainChanges(const std::string& name, const Lines& from, const Lines& to, Lines& lines)
      : name_(name), from_(from), to_(to), lines_(lines) {}

  void tell() {
    while (begin_ < std::min(from_.size(), to_.size()) && from_[begin_] == to_[begin_])
      ++begin_;
    std::size_t same_end = 0;
    while (same_end < std::min(from_.size(), to_.size()) - begin_ &&
           from_[from_.size() - 1 - same_end] == to_[to_.size() - 1 - same_end])
      ++same_end;
    const std::size_t from_end = from_.size() - same_end;
    const std::size_t to_end = to_.size() - same_end;
    measure(from_end, to_end);
    std::size_t i = begin_;
    std::size_t j = begin_;
    while (i < from_end || j < to_end) {
      if (i < from_end && j < to_end && from_[i] == to_[j]) {
        ++i;
        ++j;
      } else if (j == to_end || (i < from_end && common(i + 1, j) >= common(i, j + 1))) {
        line('-', i, from_[i]);
        ++i;
      } else {
        line('+', j, to_[j]);
        ++j;
      }
    }
  }

 private:
  static constexpr std::size_t kMostPairs = 4'000'000;  // 16 MB; beyond, nothing between stays

  // For all ends of both, how many rules they have in common.
  void measure(std::size_t from_end, std::size_t to_end) {
    width_ = to_end - begin_ + 1;
    const std::size_t height = from_end - begin_ + 1;
    if (width_ * height > kMostPairs)
      return;
    common_.assign(width_ * height, 0);
    for (std::size_t i = from_end; i-- > begin_;)
      for (std::size_t j = to_end; j-- > begin_;)
        common_[(i - begin_) * width_ + j - begin_] =
            from_[i] == to_[j] ? common(i + 1, j + 1) + 1
                               : std::max(common(i + 1, j), common(i, j + 1));
  }
  std::uint32_t common(std::size_t i, std::size_t j) const {
    return common_.empty() ? 0 : common_[(i - begin_) * width_ + j - begin_];
  }
  void line(char sign, std::size_t position, const std::string& rule) {
    lines_.push_back(fmt::format("{} chain {} rule {}: {}", sign, name_, position + 1, rule));
  }

  const std::string& name_;
  const Lines& from_;
  const Lines& to_;
  Lines& lines_;
  std::size_t begin_ = 0;  // of what differs
  std::size_t width_ = 0;
  std::vector<std::uint32_t> common_;
};

}  // namespace

std::vector<std::string> differences(const NftTable& from, const NftTable& to) {
  Lines lines;
  const std::set<std::string> a = objects(from);
  const std::set<std::string> b = objects(to);
  for (const std::string& line : a)
    if (!b.contains(line))
      lines.push_back("- " + line);
  for (const std::string& line : b)
    if (!a.contains(line))
      lines.push_back("+ " + line);
  static const Lines nothing;
  const auto rules_of = [](const NftTable& table, const std::string& name) -> const Lines& {
    const auto chain = table.chains.find(name);
    return chain == table.chains.end() ? nothing : chain->second;
  };
  std::set<std::string> names;
  for (const NftTable* table : {&from, &to})
    for (const auto& [name, rules] : table->chains)
      names.insert(name);
  for (const std::string& name : names)
    ChainChanges(name, rules_of(from, name), rules_of(to, name), lines).tell();
  return lines;
}

}  // namespace quay
