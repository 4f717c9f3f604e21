#include "language/ufw_files.h"

#include <array>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "language/xt_restore.h"

namespace quay {
namespace {

constexpr std::array<std::string_view, 3> kDirections{"input", "output", "forward"};
constexpr std::array<std::string_view, 3> kBuiltIn{"INPUT", "OUTPUT", "FORWARD"};

// The variables of a file of the shell: NAME=value, quoted or not. The last one wins.
std::map<std::string, std::string, std::less<>> read_variables(std::string_view text) {
  std::map<std::string, std::string, std::less<>> variables;
  for (std::string_view line : split(text, '\n')) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || trim(line).starts_with('#'))
      continue;
    const auto words = split_words(line.substr(equals + 1));
    if (words)
      variables[std::string(trim(line.substr(0, equals)))] = words->empty() ? "" : (*words)[0];
  }
  return variables;
}

// What ufw loads into the filter table, step by step.
class Loader {
 public:
  Loader(const UfwFiles& files, Family family, const PortNames& ports)
      : files_(files),
        prefix_(family == Family::V4 ? "ufw-" : "ufw6-"),
        restore_(family, ports, true),
        variables_(read_variables(files.defaults.text)) {}

  Parsed<filter::Ruleset> start(Family family);

 private:
  void load(std::string_view commands) {
    restore_.load(fmt::format("*filter\n{}COMMIT\n", commands), "ufw", true);
  }
  void load(const NamedText& rules);
  void read_policies();
  void refuse_ipv6();
  void add_first_chains();
  void add_policies();
  void add_user_chains();
  std::string chains(std::string_view name) const;

  const UfwFiles& files_;
  std::string prefix_;
  xt::Restore restore_;
  std::map<std::string, std::string, std::less<>> variables_;
  std::array<std::string, 3> policies_;  // of kDirections
  std::vector<Error> errors_;
};

void Loader::load(const NamedText& rules) {
  if (rules.text.empty())
    errors_.push_back({rules.file, "is missing or empty; ufw does not start without it"});
  else
    restore_.load(rules.text, rules.file, true);
}

void Loader::read_policies() {
  for (std::size_t i = 0; i < kBuiltIn.size(); ++i) {
    const std::string name = fmt::format("DEFAULT_{}_POLICY", kBuiltIn.at(i));
    std::string& policy = policies_.at(i);
    policy = variables_[name];
    if (policy == "ACCEPT" || policy == "DROP" || policy == "REJECT")
      continue;
    errors_.push_back({files_.defaults.file,
                       fmt::format("{} is `{}`, not ACCEPT, DROP or REJECT", name, policy)});
    policy = "DROP";
  }
}

// A chain for each direction: "input", "output" and "forward" follow the name.
std::string Loader::chains(std::string_view name) const {
  std::string text;
  for (const std::string_view direction : kDirections)
    text += fmt::format(":{}{}-{} -\n", prefix_, name, direction);
  return text;
}

constexpr std::array<std::string_view, 6> kChainNames{"before-logging", "before", "after",
                                                      "after-logging",  "reject", "track"};

void Loader::add_first_chains() {
  std::string text;
  for (const std::string_view name : kChainNames)
    text += chains(name);
  for (std::size_t i = 0; i < kBuiltIn.size(); ++i)
    for (const std::string_view name : kChainNames)
      text += fmt::format("-A {} -j {}{}-{}\n", kBuiltIn.at(i), prefix_, name, kDirections.at(i));
  load(text);
}

// A policy of REJECT is a rule at the end; one of ACCEPT keeps track of what it accepts.
void Loader::add_policies() {
  std::string text = fmt::format(":{0}logging-deny -\n:{0}logging-allow -\n", prefix_);
  text += chains("skip-to-policy");
  for (std::size_t i = 0; i < kDirections.size(); ++i) {
    const std::string& policy = policies_.at(i);
    const std::string_view direction = kDirections.at(i);
    if (policy == "REJECT")
      text += fmt::format("-A {}reject-{} -j REJECT\n", prefix_, direction);
    if (policy == "ACCEPT")
      for (const char* protocol : {"tcp", "udp"})
        text += fmt::format("-A {}track-{} -p {} -m conntrack --ctstate NEW -j ACCEPT\n", prefix_,
                            direction, protocol);
    text += fmt::format("-A {}skip-to-policy-{} -j {}\n", prefix_, direction, policy);
  }
  load(text);
}

void Loader::add_user_chains() {
  load(chains("user") + chains("user-logging") +
       fmt::format(":{0}user-limit -\n:{0}user-limit-accept -\n", prefix_));
}

void Loader::refuse_ipv6() {
  load(
      ":INPUT DROP\n:FORWARD DROP\n:OUTPUT DROP\n"
      "-A INPUT -i lo -j ACCEPT\n-A OUTPUT -o lo -j ACCEPT\n");
}

Parsed<filter::Ruleset> Loader::start(Family family) {
  const std::string& ipv6 = variables_["IPV6"];
  if (family == Family::V6 && ipv6 != "yes" && ipv6 != "YES") {
    refuse_ipv6();
    return restore_.take();
  }
  read_policies();
  add_first_chains();
  add_policies();
  load(files_.before);
  load(files_.after);
  add_user_chains();
  load(files_.user);
  std::string last;
  for (std::size_t i = 0; i < kBuiltIn.size(); ++i)
    last += fmt::format("-A {0}before-{1} -j {0}user-{1}\n:{2} {3}\n", prefix_, kDirections.at(i),
                        kBuiltIn.at(i), policies_.at(i) == "ACCEPT" ? "ACCEPT" : "DROP");
  load(last);
  auto parsed = restore_.take();
  parsed.errors.insert(parsed.errors.begin(), errors_.begin(), errors_.end());
  return parsed;
}

}  // namespace

Parsed<filter::Ruleset> parse_ufw_files(const UfwFiles& files, Family family,
                                        const PortNames& ports) {
  return Loader(files, family, ports).start(family);
}

}  // namespace quay
