#include "language/policy_file.h"

#include <algorithm>
#include <array>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/text.h"
#include "language/packet_text.h"
#include "language/toml_reader.h"
#include "language/user_rule_text.h"

namespace quay {
namespace {

template <typename Map>
std::vector<std::string> keys(const Map& map) {
  std::vector<std::string> result;
  result.reserve(map.size());
  for (const auto& [key, value] : map)
    result.push_back(key);
  return result;
}

// Reads one policy against one catalogue.
class PolicyReader {
 public:
  PolicyReader(const Catalogue& catalogue, const PortNames& port_names, Policy& policy)
      : catalogue_(catalogue), names_{port_names, catalogue.service_ids()}, policy_(policy) {}

  void read(TomlReader& in);

 private:
  void read_profile(TomlReader& in);
  void read_interfaces(TomlReader& in);
  void read_service(const std::string& id, TomlReader& in);
  void read_switch(const Service& service, TomlReader& in, ServicePolicy& chosen);
  void read_reach(const Service& service, TomlReader& in, ServicePolicy& chosen);
  void read_function(const Service& service, const std::string& id, TomlReader& in,
                     ServicePolicy& chosen);
  std::optional<UserRule> read_rule(TomlReader& in);
  void read_own(TomlReader& in);
  void read_opening(TomlReader& in);
  void read_test(TomlReader& in);

  const Catalogue& catalogue_;
  const RuleNames names_;
  Policy& policy_;
};

void PolicyReader::read_profile(TomlReader& in) {
  const auto profile = in.text("profile");
  if (!profile)
    return;
  if (!catalogue_.profiles.contains(*profile))
    in.fault("profile", fmt::format("there is no profile `{}`: {}", *profile,
                                    join(keys(catalogue_.profiles), ", ")));
  policy_.profile = *profile;
}

// Why an interface cannot be called so; nothing when it can.
std::string interface_fault(const std::string& name, const std::string& text,
                            const std::map<std::string, InterfaceName>& known) {
  const auto interface = parse_interface(text);
  if (!interface)
    return interface.error().reason;
  if (interface->wildcard())
    return fmt::format("`{}` is not one interface", text);
  if (*interface == kLoopback)
    return "lo is the gateway itself, not an external interface";
  const auto own_name = parse_interface(name);
  if (!own_name || own_name->wildcard())
    return fmt::format("`{}` cannot name an interface: letters, digits, `-`, `_`, at most 15",
                       name);
  for (const auto& [other, taken] : known) {
    if (taken == *interface)
      return fmt::format("{} is already called `{}`", text, other);
    if (taken.text == name || other == text)
      return fmt::format("one interface is called `{0}`, and another is `{0}`",
                         taken.text == name ? name : text);
  }
  return {};
}

void PolicyReader::read_interfaces(TomlReader& in) {
  in.table("interfaces", [&](TomlReader& table) {
    table.named_texts([&](const std::string& name, const std::string& text) {
      const std::string fault = interface_fault(name, text, policy_.interfaces);
      if (fault.empty())
        policy_.interfaces.emplace(name, InterfaceName{text});
      else
        table.fault(name, fault);
    });
  });
}

// A chosen port must be one of those that the catalogue allows.
void check_port(TomlReader& in, std::string_view key, const std::string& owner,
                const std::optional<PortChoice>& choice, const PortSet& chosen) {
  if (!choice)
    return in.fault(key, fmt::format("the {} of {} cannot be chosen", key, owner));
  if (!chosen.subtract(choice->allowed).empty())
    in.fault(key, fmt::format("{} may not use {}: allowed are {}", owner, to_text(chosen),
                              to_text(choice->allowed)));
}

// A port that is to be opened must not be one that the gateway keeps for itself.
void check_not_internal(TomlReader& in, const std::string& owner, const Catalogue& catalogue,
                        const std::vector<Endpoint>& endpoints, Port port) {
  const auto opens = [&](Protocol protocol) {
    return std::any_of(endpoints.begin(), endpoints.end(), [&](const Endpoint& e) {
      return e.direction == Direction::In && e.local && *e.local == Ports(ChosenPort{}) &&
             std::find(e.protocols.begin(), e.protocols.end(), protocol) != e.protocols.end();
    });
  };
  for (const auto& [id, service] : catalogue.services)
    for (const Endpoint& endpoint : service.endpoints) {
      const PortSet* kept = endpoint.local ? std::get_if<PortSet>(&*endpoint.local) : nullptr;
      if (endpoint.scope == Scope::Internal && kept != nullptr && kept->contains(port) &&
          std::any_of(endpoint.protocols.begin(), endpoint.protocols.end(), opens))
        in.fault("port", fmt::format("{} may not use {}: {} keeps it for the gateway itself", owner,
                                     port, id));
    }
}

void PolicyReader::read_switch(const Service& service, TomlReader& in, ServicePolicy& chosen) {
  chosen.enabled = in.boolean("enabled");
  chosen.exposed = in.boolean("exposed");
  if (service.switching == Switch::Host && (in.has("on") || in.has("from")))
    in.fault(in.has("on") ? "on" : "from",
             fmt::format("{} is part of what every host needs, on every interface", service.id));
  if (service.scope == Scope::Internal)
    for (const char* key : {"exposed", "on", "from"})
      if (in.has(key))
        in.fault(key, fmt::format("{} is reached from the gateway alone", service.id));
  if (service.switching == Switch::Free)
    return;
  for (const auto& [key, value] :
       {std::pair{"enabled", chosen.enabled}, std::pair{"exposed", chosen.exposed}})
    if (value == false)
      in.fault(key, fmt::format("{} is always open; it has no switch", service.id));
}

bool has_open_server_port(const std::vector<Endpoint>& endpoints) {
  return std::any_of(endpoints.begin(), endpoints.end(), [](const Endpoint& e) {
    return e.direction == Direction::In && e.scope == Scope::External;
  });
}

void PolicyReader::read_reach(const Service& service, TomlReader& in, ServicePolicy& chosen) {
  chosen.on = in.texts("on");
  for (const std::string& name : chosen.on.value_or(std::vector<std::string>{}))
    if (!policy_.interfaces.contains(name))
      in.fault("on", fmt::format("`{}` is not named in [interfaces]{}", name,
                                 suggestion(name, keys(policy_.interfaces))));
  if (service.switching == Switch::Always && chosen.on && chosen.on->empty())
    in.fault("on", fmt::format("{} is always open; it needs an interface", service.id));
  const auto from = in.texts("from").value_or(std::vector<std::string>{});
  for (const std::string& text : from) {
    const auto prefix = parse_prefix(text);
    if (prefix)
      chosen.from.push_back(*prefix);
    else
      in.fault("from", prefix.error().reason);
  }
  const bool reachable =
      has_open_server_port(service.endpoints) ||
      std::any_of(service.functions.begin(), service.functions.end(),
                  [](const Function& f) { return has_open_server_port(f.endpoints); });
  if (!from.empty() && !reachable && service.scope == Scope::External)
    in.fault("from", fmt::format("{} has no port that is reached from outside", service.id));
}

void PolicyReader::read_function(const Service& service, const std::string& id, TomlReader& in,
                                 ServicePolicy& chosen) {
  const Function* function = service.function(id);
  FunctionPolicy& policy = chosen.functions[id];
  policy.enabled = in.boolean("enabled");
  policy.port = in.port("port");
  if (function == nullptr) {
    std::vector<std::string> known;
    known.reserve(service.functions.size());
    for (const Function& f : service.functions)
      known.push_back(f.id);
    return in.fault(
        "", fmt::format("{} has no function `{}`{}", service.id, id, suggestion(id, known)));
  }
  if (policy.port) {
    check_port(in, "port", service.id + "." + id, function->port, one_port(*policy.port));
    check_not_internal(in, service.id + "." + id, catalogue_, function->endpoints, *policy.port);
  }
}

void PolicyReader::read_service(const std::string& id, TomlReader& in) {
  const Service* service = catalogue_.service(id);
  if (service == nullptr)
    in.fault("", fmt::format("there is no service `{}`{}", id, suggestion(id, names_.services)));
  const Service nothing;  // the rest is still read, so that other faults are told too
  const Service& known = service != nullptr ? *service : nothing;
  ServicePolicy& chosen = policy_.services[id];
  read_switch(known, in, chosen);
  read_reach(known, in, chosen);
  chosen.port = in.port("port");
  if (const auto clients = in.text("clients")) {
    const auto ports = parse_ports(*clients);
    if (ports)
      chosen.clients = *ports;
    else
      in.fault("clients", ports.error().reason);
  }
  chosen.reason = in.text("reason").value_or("");
  chosen.owner = in.text("owner").value_or("");
  in.named_tables("functions", [&](const std::string& function, TomlReader& table) {
    read_function(known, function, table, chosen);
  });
  if (service == nullptr)
    return;
  if (chosen.port) {
    check_port(in, "port", id, known.port, one_port(*chosen.port));
    check_not_internal(in, id, catalogue_, known.endpoints, *chosen.port);
  }
  if (chosen.clients)
    check_port(in, "clients", id, known.clients, *chosen.clients);
}

std::optional<UserRule> PolicyReader::read_rule(TomlReader& in) {
  const auto text = in.text("rule");
  if (!text) {
    if (!in.has("rule"))
      in.fault("rule", "`rule` is missing");
    return std::nullopt;
  }
  auto rule = parse_user_rule(*text, names_);
  if (!rule) {
    in.fault("rule", rule.error().reason);
    return std::nullopt;
  }
  return *rule;
}

void PolicyReader::read_own(TomlReader& in) {
  auto rule = read_rule(in);
  const auto comment = in.text("comment");
  if (!rule)
    return;
  if (comment && !rule->comment.empty())
    in.fault("comment", "the comment stands in the rule and beside it");
  if (comment && !good_comment(*comment))
    in.fault("comment", "a comment holds no single quotes and no line ends");
  if (comment)
    rule->comment = *comment;
  policy_.rules.push_back(std::move(*rule));
}

void PolicyReader::read_opening(TomlReader& in) {
  Opening opening;
  auto rule = read_rule(in);
  const auto until = in.time("until");
  opening.reason = in.text("reason").value_or("");
  if (!in.has("until"))
    in.fault("until", "`until` is missing: an opening has an end");
  if (!rule || !until)
    return;
  if (rule->verdict != Verdict::Accept && rule->verdict != Verdict::Limit)
    in.fault("rule", "an opening allows or limits; what closes is a rule");
  if (*until >= kLastTime)
    in.fault("until", "the kernel counts time up to the year 2262");
  opening.rule = std::move(*rule);
  opening.until = *until;
  policy_.openings.push_back(std::move(opening));
}

constexpr std::array kExpectations{Verdict::Accept, Verdict::Drop, Verdict::Reject};

void PolicyReader::read_test(TomlReader& in) {
  const auto sentence = in.text("packet");
  const auto expect = in.text("expect");
  for (const auto& [key, value] : {std::pair{"packet", sentence}, std::pair{"expect", expect}})
    if (!value && !in.has(key))
      in.fault(key, fmt::format("`{}` is missing", key));
  if (!sentence || !expect)
    return;
  const auto packet = parse_packet(*sentence);
  if (!packet)
    return in.fault("packet", packet.error().reason);
  const auto verdict = std::find_if(kExpectations.begin(), kExpectations.end(),
                                    [&](Verdict v) { return to_text(v) == *expect; });
  if (verdict == kExpectations.end())
    return in.fault("expect", fmt::format("`{}` is not accept, drop or reject", *expect));
  policy_.tests.push_back({*packet, *verdict});
}

void PolicyReader::read(TomlReader& in) {
  read_profile(in);
  const std::string forward = in.text("forward").value_or("drop");
  policy_.forward_leave = forward == "leave";
  if (forward != "drop" && forward != "leave")
    in.fault("forward", fmt::format("`{}` is not drop or leave", forward));
  const std::string drift = in.text("drift").value_or("restore");
  policy_.drift = drift == "report" ? Drift::Report : Drift::Restore;
  if (drift != "restore" && drift != "report")
    in.fault("drift", fmt::format("`{}` is not restore or report", drift));
  policy_.enforcing = in.boolean("enforcing").value_or(true);
  read_interfaces(in);
  in.named_tables("services",
                  [&](const std::string& id, TomlReader& table) { read_service(id, table); });
  in.tables("rules", [&](TomlReader& table) { read_own(table); });
  in.tables("openings", [&](TomlReader& table) { read_opening(table); });
  in.tables("tests", [&](TomlReader& table) { read_test(table); });
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  quoted.reserve(texts.size());
  for (const std::string& text : texts)
    quoted.push_back(toml_quoted(text));
  return "[" + join(quoted, ", ") + "]";
}

// A TOML key, quoted where it is not bare.
std::string key_text(const std::string& key) {
  const bool bare = !key.empty() && key.find_first_not_of(
                                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789-_") == std::string::npos;
  return bare ? key : toml_quoted(key);
}

std::string service_text(const std::string& id, const ServicePolicy& service) {
  std::string text = fmt::format("\n[services.{}]\n", key_text(id));
  if (service.enabled)
    text += fmt::format("enabled = {}\n", *service.enabled);
  if (service.exposed)
    text += fmt::format("exposed = {}\n", *service.exposed);
  if (service.on)
    text += fmt::format("on = {}\n", quoted_list(*service.on));
  if (!service.from.empty()) {
    std::vector<std::string> prefixes;
    prefixes.reserve(service.from.size());
    for (const Prefix& prefix : service.from)
      prefixes.push_back(to_text(prefix));
    text += fmt::format("from = {}\n", quoted_list(prefixes));
  }
  if (service.port)
    text += fmt::format("port = {}\n", *service.port);
  if (service.clients)
    text += fmt::format("clients = {}\n", toml_quoted(to_text(*service.clients)));
  if (!service.reason.empty())
    text += fmt::format("reason = {}\n", toml_quoted(service.reason));
  if (!service.owner.empty())
    text += fmt::format("owner = {}\n", toml_quoted(service.owner));
  for (const auto& [function, policy] : service.functions) {
    text += fmt::format("\n[services.{}.functions.{}]\n", key_text(id), key_text(function));
    if (policy.enabled)
      text += fmt::format("enabled = {}\n", *policy.enabled);
    if (policy.port)
      text += fmt::format("port = {}\n", *policy.port);
  }
  return text;
}

}  // namespace

Parsed<Policy> parse_policy(std::string_view text, const std::string& file,
                            const Catalogue& catalogue, const PortNames& port_names) {
  Parsed<Policy> parsed;
  read_toml(text, file, parsed.errors,
            [&](TomlReader& in) { PolicyReader(catalogue, port_names, parsed.value).read(in); });
  return parsed;
}

std::string time_text(TimePoint time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::string to_text(const Policy& policy) {
  std::string text = fmt::format("profile = {}\nforward = {}\n", toml_quoted(policy.profile),
                                 policy.forward_leave ? "\"leave\"" : "\"drop\"");
  if (policy.drift == Drift::Report)
    text += "drift = \"report\"\n";
  if (!policy.enforcing)
    text += "enforcing = false\n";
  if (!policy.interfaces.empty())
    text += "\n[interfaces]\n";
  for (const auto& [name, interface] : policy.interfaces)
    text += fmt::format("{} = {}\n", key_text(name), toml_quoted(interface.text));
  for (const auto& [id, service] : policy.services)
    text += service_text(id, service);
  for (UserRule rule : policy.rules) {
    const std::string comment = std::exchange(rule.comment, "");
    text += fmt::format("\n[[rules]]\nrule = {}\n", toml_quoted(to_text(rule)));
    if (!comment.empty())
      text += fmt::format("comment = {}\n", toml_quoted(comment));
  }
  for (const Opening& opening : policy.openings) {
    text += fmt::format("\n[[openings]]\nrule = {}\nuntil = {}\n",
                        toml_quoted(to_text(opening.rule)), time_text(opening.until));
    if (!opening.reason.empty())
      text += fmt::format("reason = {}\n", toml_quoted(opening.reason));
  }
  for (const PolicyTest& test : policy.tests)
    text += fmt::format("\n[[tests]]\npacket = {}\nexpect = {}\n",
                        toml_quoted(to_text(test.packet)), toml_quoted(to_text(test.expect)));
  return text;
}

}  // namespace quay
