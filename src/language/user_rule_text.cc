#include "language/user_rule_text.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace quay {
namespace {

constexpr std::size_t kMostPorts = 15;  // ufw's limit, which is that of iptables' multiport

constexpr std::array<std::pair<std::string_view, Verdict>, 4> kActions{{
    {"allow", Verdict::Accept},
    {"deny", Verdict::Drop},
    {"reject", Verdict::Reject},
    {"limit", Verdict::Limit},
}};

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

std::string_view action_name(Verdict verdict) {
  for (const auto& [name, value] : kActions)
    if (value == verdict)
      return name;
  return "deny";
}

bool is_numeric(std::string_view ports) {
  return ports.find_first_not_of("0123456789,:") == std::string_view::npos;
}

// A port given by a name of /etc/services fixes the protocol where the name has only one.
struct NamedProtocols {
  std::vector<Protocol> allowed;
  std::string name;
};

// Reads one rule, word by word.
class RuleReader {
 public:
  RuleReader(std::vector<std::string> words, const RuleNames& names)
      : words_(std::move(words)), names_(names) {}

  Result<UserRule> read();

 private:
  bool done() const { return at_ == words_.size(); }
  bool next_is(std::string_view word) const { return !done() && lower(words_[at_]) == word; }
  bool take(std::string_view word) {
    const bool found = next_is(word);
    at_ += found ? 1 : 0;
    return found;
  }
  Result<std::string> argument(std::string_view keyword);

  Result<void> read_action();
  Result<void> read_direction();
  Result<void> read_log();
  Result<void> read_comment();
  Result<void> read_simple();
  Result<void> read_full();
  Result<void> read_protocol();
  Result<void> read_end(RuleEnd& end, bool& seen);
  Result<void> read_application(RuleEnd& end);
  Result<void> read_ports(RuleEnd& end);
  Result<void> set_protocol(std::string_view text);
  Result<void> numeric_ports(RuleEnd& end, std::string_view text) const;
  Result<void> service_ports(RuleEnd& end, const std::string& id) const;
  Result<void> check() const;
  Result<void> fix_protocol();

  std::vector<std::string> words_;
  std::size_t at_ = 0;
  const RuleNames& names_;
  UserRule rule_;
  bool protocol_seen_ = false;
  bool from_seen_ = false;
  bool to_seen_ = false;
  bool many_ports_ = false;
  std::vector<NamedProtocols> named_;
};

Result<std::string> RuleReader::argument(std::string_view keyword) {
  if (done())
    return fail(fmt::format("`{}` needs a word after it", keyword));
  return words_[at_++];
}

Result<void> RuleReader::read_action() {
  const std::string word = done() ? "" : lower(words_[at_]);
  if (word == "route")
    return fail(
        "`route` rules are not managed: routed packets are dropped or left alone "
        "(forward = \"drop\" or \"leave\")");
  for (const auto& [name, verdict] : kActions) {
    if (word == name) {
      rule_.verdict = verdict;
      ++at_;
      return {};
    }
  }
  return fail(fmt::format("a rule begins with allow, deny, reject or limit, not `{}`",
                          done() ? "" : words_[at_]));
}

Result<void> RuleReader::read_direction() {
  if (!next_is("in") && !next_is("out"))
    return {};
  rule_.direction = take("out") ? Direction::Out : Direction::In;
  if (rule_.direction == Direction::In)
    take("in");
  if (!take("on"))
    return {};
  const auto word = argument("on");
  if (!word)
    return fail(word.error());
  const auto interface = parse_interface(*word);
  if (!interface)
    return fail(interface.error());
  rule_.interface = *interface;
  return {};
}

Result<void> RuleReader::read_log() {
  if (take("log"))
    rule_.log = Log::New;
  else if (take("log-all"))
    rule_.log = Log::All;
  return {};
}

// The comment may stand anywhere behind the action; ufw takes it out first.
Result<void> RuleReader::read_comment() {
  const auto at = std::find(words_.begin(), words_.end(), "comment");
  if (at == words_.end())
    return {};
  if (std::next(at) == words_.end())
    return fail("`comment` needs a text after it");
  rule_.comment = *std::next(at);
  if (!good_comment(rule_.comment))
    return fail("a comment holds no single quotes and no line ends");
  words_.erase(at, at + 2);
  return {};
}

Result<void> RuleReader::set_protocol(std::string_view text) {
  constexpr std::array known{Protocol::Tcp, Protocol::Udp,  Protocol::Ah,   Protocol::Esp,
                             Protocol::Gre, Protocol::Vrrp, Protocol::Ipv6, Protocol::Igmp};
  const std::string name = lower(text);
  if (name == "any")
    return {};
  for (const Protocol protocol : known) {
    if (quay::to_text(protocol) == name) {
      rule_.protocol = protocol;
      return {};
    }
  }
  return fail(fmt::format(
      "`{}` is not a protocol of a rule: tcp, udp, ah, esp, gre, vrrp, ipv6, igmp or any", text));
}

Result<void> RuleReader::numeric_ports(RuleEnd& end, std::string_view text) const {
  const auto ports = parse_ports(text);
  if (!ports)
    return fail(ports.error());
  const auto marks = static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return c == ',' || c == ':'; }));
  if (marks + 1 > kMostPorts)
    return fail(
        fmt::format("`{}` lists more than {} ports (a range counts as two)", text, kMostPorts));
  end.ports = *ports;
  return {};
}

Result<void> RuleReader::service_ports(RuleEnd& end, const std::string& id) const {
  if (!std::binary_search(names_.services.begin(), names_.services.end(), id))
    return fail(
        fmt::format("`{}` is neither a port nor a service{}", id, suggestion(id, names_.services)));
  end.service = id;
  return {};
}

// PORT[/PROTOCOL] | PROTOCOL/PORT | NAME
Result<void> RuleReader::read_simple() {
  std::string word = words_[at_++];
  std::size_t slash = word.find('/');
  if (slash != std::string::npos && !is_numeric(word.substr(0, slash)) &&
      is_numeric(word.substr(slash + 1))) {
    word = word.substr(slash + 1) + "/" + word.substr(0, slash);
    slash = word.find('/');
  }
  const std::string ports = word.substr(0, slash);
  if (slash != std::string::npos)
    if (const auto set = set_protocol(word.substr(slash + 1)); !set)
      return set;
  if (is_numeric(ports)) {
    many_ports_ = ports.find_first_of(",:") != std::string::npos;
    return numeric_ports(rule_.to, ports);
  }
  const auto named = names_.ports.find(ports);
  if (named != names_.ports.end()) {
    rule_.to.ports = one_port(named->second.port);
    named_.push_back({named->second.protocols, ports});
    return {};
  }
  if (ports.find_first_of(",:") != std::string::npos)
    return fail(fmt::format("`{}`: ports in a list or a range are numbers", ports));
  if (slash != std::string::npos)
    return fail(fmt::format("`{}` is not a port", ports));
  return service_ports(rule_.to, word);
}

Result<void> RuleReader::read_ports(RuleEnd& end) {
  const auto word = argument("port");
  if (!word)
    return fail(word.error());
  if (end.ports || !end.service.empty())
    return fail("an end of a rule has one `port` or one `app`");
  if (*word == "any")
    return {};
  if (is_numeric(*word)) {
    many_ports_ = many_ports_ || word->find_first_of(",:") != std::string::npos;
    return numeric_ports(end, *word);
  }
  if (word->find_first_of(",:") != std::string::npos)
    return fail(fmt::format("`{}`: ports in a list or a range are numbers", *word));
  const auto named = names_.ports.find(*word);
  if (named == names_.ports.end())
    return fail(fmt::format("`{}` is neither a port nor a name of /etc/services", *word));
  end.ports = one_port(named->second.port);
  named_.push_back({named->second.protocols, *word});
  return {};
}

Result<void> RuleReader::read_application(RuleEnd& end) {
  const auto id = argument("app");
  if (!id)
    return fail(id.error());
  if (end.ports || !end.service.empty())
    return fail("an end of a rule has one `port` or one `app`");
  return service_ports(end, *id);
}

// Reads `from ADDRESS ...` or `to ADDRESS ...`, of which a rule has one each.
Result<void> RuleReader::read_end(RuleEnd& end, bool& seen) {
  const std::string keyword = lower(words_[at_]);
  if (std::exchange(seen, true))
    return fail(fmt::format("`{}` stands twice", keyword));
  ++at_;
  const auto word = argument(keyword);
  if (!word)
    return fail(word.error());
  if (lower(*word) != "any") {
    const auto prefix = parse_prefix(lower(*word));
    if (!prefix)
      return fail(prefix.error());
    end.prefix = *prefix;
  }
  for (;;) {
    if (take("port")) {
      if (const auto read = read_ports(end); !read)
        return read;
    } else if (take("app")) {
      if (const auto read = read_application(end); !read)
        return read;
    } else {
      return {};
    }
  }
}

Result<void> RuleReader::read_protocol() {
  if (std::exchange(protocol_seen_, true))
    return fail("`proto` stands twice");
  const auto word = argument("proto");
  return word ? set_protocol(*word) : fail(word.error());
}

Result<void> RuleReader::read_full() {
  while (!done()) {
    if (take("proto")) {
      if (const auto read = read_protocol(); !read)
        return read;
    } else if (next_is("from")) {
      if (const auto read = read_end(rule_.from, from_seen_); !read)
        return read;
    } else if (next_is("to")) {
      if (const auto read = read_end(rule_.to, to_seen_); !read)
        return read;
    } else if (next_is("port") || next_is("app")) {
      return fail(fmt::format("`{}` needs `from` or `to` before it", words_[at_]));
    } else {
      const std::vector<std::string> known{"proto", "from", "to", "port", "app", "comment"};
      return fail(fmt::format("`{}` is not understood here{}", words_[at_],
                              suggestion(words_[at_], known)));
    }
  }
  if (!from_seen_ && !to_seen_ && !rule_.interface)
    return fail("a rule needs a port, `from`, `to` or `on INTERFACE`");
  return {};
}

// Ports by name bring their protocol; it must agree with the one that is written.
Result<void> RuleReader::fix_protocol() {
  if (named_.empty())
    return {};
  std::vector<Protocol> common{Protocol::Tcp, Protocol::Udp};
  for (const NamedProtocols& named : named_) {
    std::erase_if(common, [&](Protocol p) {
      return std::find(named.allowed.begin(), named.allowed.end(), p) == named.allowed.end();
    });
    if (common.empty() || (rule_.protocol && std::find(common.begin(), common.end(),
                                                       *rule_.protocol) == common.end()))
      return fail(
          fmt::format("port `{}` is not one of the protocol that the rule asks for", named.name));
  }
  if (!rule_.protocol && common.size() == 1)
    rule_.protocol = common.front();
  return {};
}

Result<void> RuleReader::check() const {
  const bool ports = rule_.from.ports || rule_.to.ports;
  const bool apps = !rule_.from.service.empty() || !rule_.to.service.empty();
  if (many_ports_ && !rule_.protocol)
    return fail("several ports need `tcp` or `udp`");
  if (rule_.protocol && ports && !has_ports(*rule_.protocol))
    return fail(fmt::format("{} has no ports", quay::to_text(*rule_.protocol)));
  if (rule_.protocol && apps)
    return fail("`app` brings its own protocols; leave `proto` out");
  const bool v4 = (rule_.from.prefix && rule_.from.prefix->family() == Family::V4) ||
                  (rule_.to.prefix && rule_.to.prefix->family() == Family::V4);
  const bool v6 = (rule_.from.prefix && rule_.from.prefix->family() == Family::V6) ||
                  (rule_.to.prefix && rule_.to.prefix->family() == Family::V6);
  if (v4 && v6)
    return fail("`from` and `to` are of different IP versions");
  if (v6 && (rule_.protocol == Protocol::Ipv6 || rule_.protocol == Protocol::Igmp))
    return fail(fmt::format("{} exists in IPv4 alone", quay::to_text(*rule_.protocol)));
  return {};
}

Result<UserRule> RuleReader::read() {
  Result<void> step = read_action();
  if (step)
    step = read_comment();
  if (step)
    step = read_direction();
  if (step)
    step = read_log();
  if (step && done() && !rule_.interface)
    return fail("a rule needs a port, `from`, `to` or `on INTERFACE`");
  const bool simple = step && !rule_.interface && at_ + 1 == words_.size();
  if (step)
    step = simple ? read_simple() : read_full();
  if (step)
    step = fix_protocol();
  if (step)
    step = check();
  if (!step)
    return fail(step.error());
  return rule_;
}

bool is_simple(const UserRule& rule) {
  return !rule.interface && rule.from == RuleEnd{} && !rule.to.prefix;
}

// The simple spelling of ports, unless /etc/services would claim a service's name.
std::string simple_text(const PortSet& ports, std::optional<Protocol> protocol) {
  return quay::to_text(ports, ':') + (protocol ? "/" + quay::to_text(*protocol) : "");
}

std::string end_text(std::string_view keyword, const RuleEnd& end) {
  std::string text =
      fmt::format(" {} {}", keyword, end.prefix ? quay::to_text(*end.prefix) : "any");
  if (end.ports)
    text += " port " + quay::to_text(*end.ports, ':');
  if (!end.service.empty())
    text += " app " + end.service;
  return text;
}

}  // namespace

bool good_comment(std::string_view comment) {
  return comment.find_first_of("'\r\n") == std::string_view::npos;
}

Result<UserRule> parse_user_rule(std::string_view text, const RuleNames& names) {
  auto words = split_words(text);
  if (!words)
    return fail("a quote is not closed");
  return RuleReader(std::move(*words), names).read();
}

Result<RuleCommand> parse_rule_command(const std::vector<std::string>& words,
                                       const RuleNames& names) {
  std::vector<std::string> rest = words;
  const auto drop = [&](std::ptrdiff_t count) { rest.erase(rest.begin(), rest.begin() + count); };
  if (!rest.empty() && rest.front() == "rule")
    drop(1);
  const std::string first = rest.empty() ? "" : lower(rest.front());
  RuleCommand command{AppendRule{}, {}};
  if (first == "prepend") {
    command.edit = PrependRule{};
    drop(1);
  } else if (first == "insert") {
    const auto position = rest.size() < 2 ? std::nullopt : parse_number(rest[1], 1'000'000);
    if (!position || *position == 0)
      return fail("`insert` needs the number of a rule, counted from 1");
    command.edit = InsertRule{*position};
    drop(2);
  } else if (first == "delete") {
    drop(1);
    const auto number = rest.size() == 1 ? parse_number(rest[0], 1'000'000) : std::nullopt;
    if (number && *number == 0)
      return fail("rules are counted from 1");
    if (number)
      return RuleCommand{DeleteNumber{*number}, {}};
    command.edit = DeleteRule{};
  }
  auto rule = RuleReader(std::move(rest), names).read();
  if (!rule)
    return fail(rule.error());
  command.rule = std::move(*rule);
  return command;
}

std::string to_text(const UserRule& rule) {
  std::string text(action_name(rule.verdict));
  if (rule.direction == Direction::Out)
    text += " out";
  else if (rule.interface)
    text += " in";
  if (rule.interface)
    text += " on " + rule.interface->text;
  if (rule.log != Log::None)
    text += rule.log == Log::New ? " log" : " log-all";
  if (const auto& ports = rule.to.ports; ports && is_simple(rule)) {
    text += " " + simple_text(*ports, rule.protocol);
  } else {
    if (rule.protocol)
      text += " proto " + to_text(*rule.protocol);
    if (rule.from != RuleEnd{})
      text += end_text("from", rule.from);
    if (rule.to != RuleEnd{} || (rule.from == RuleEnd{} && !rule.interface))
      text += end_text("to", rule.to);
  }
  if (!rule.comment.empty())
    text += " comment '" + rule.comment + "'";
  return text;
}

std::string to_text(const RuleCommand& command) {
  struct Printer {
    const UserRule& rule;
    std::string operator()(AppendRule) const { return to_text(rule); }
    std::string operator()(PrependRule) const { return "prepend " + to_text(rule); }
    std::string operator()(InsertRule edit) const {
      return fmt::format("insert {} {}", edit.position, to_text(rule));
    }
    std::string operator()(DeleteRule) const { return "delete " + to_text(rule); }
    std::string operator()(DeleteNumber edit) const {
      return fmt::format("delete {}", edit.number);
    }
  };
  return std::visit(Printer{command.rule}, command.edit);
}

}  // namespace quay
