#include "api/json.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "api/filter_json.h"
#include "language/packet_text.h"
#include "language/policy_file.h"
#include "policy/compile.h"
#include "policy/numbered.h"
#include "policy/service_state.h"

namespace quay {
namespace {

namespace json = boost::json;

std::string ports_text(const Ports& ports) {
  struct Text {
    std::string operator()(const PortSet& set) const { return to_text(set); }
    std::string operator()(ChosenPort) const { return "port"; }
    std::string operator()(ChosenClients) const { return "clients"; }
    std::string operator()(DynamicPort) const { return "dynamic"; }
  };
  return std::visit(Text{}, ports);
}

json::value ports_json(const std::optional<Ports>& ports) {
  return ports ? json::value(ports_text(*ports)) : json::value();
}

json::value choice_json(const std::optional<PortChoice>& choice) {
  if (!choice)
    return nullptr;
  return json::object{{"default", to_text(choice->standard)},
                      {"allowed", to_text(choice->allowed)}};
}

json::array endpoints_json(const std::vector<Endpoint>& endpoints) {
  json::array result;
  for (const Endpoint& endpoint : endpoints) {
    json::array protocols;
    for (const Protocol protocol : endpoint.protocols)
      protocols.emplace_back(to_text(protocol));
    result.push_back(json::object{{"direction", to_text(endpoint.direction)},
                                  {"protocols", protocols},
                                  {"local", ports_json(endpoint.local)},
                                  {"remote", ports_json(endpoint.remote)},
                                  {"side", endpoint.server ? "server" : "client"},
                                  {"scope", to_text(endpoint.scope)},
                                  {"name", endpoint.name},
                                  {"note", endpoint.note}});
  }
  return result;
}

std::string_view switch_text(Switch value) {
  switch (value) {
    case Switch::Free:
      return "free";
    case Switch::Always:
      return "always";
    case Switch::Host:
      break;
  }
  return "host";
}

std::string_view kind_text(Origin::Kind kind) {
  switch (kind) {
    case Origin::Kind::Host:
      return "host";
    case Origin::Kind::Opening:
      return "opening";
    case Origin::Kind::Own:
      return "rule";
    case Origin::Kind::Service:
      return "service";
    case Origin::Kind::Profile:
      break;
  }
  return "profile";
}

json::value origin_json(const Origin& origin) {
  json::object result{{"kind", kind_text(origin.kind)}};
  if (origin.number != 0)
    result["number"] = origin.number;
  else
    result["name"] = origin.name;
  return result;
}

json::array errors_array(const std::vector<Error>& errors) {
  json::array result;
  for (const Error& error : errors)
    result.push_back(json::object{{"place", error.place}, {"reason", error.reason}});
  return result;
}

std::string_view enforcement_text(Enforcement enforcement) {
  switch (enforcement) {
    case Enforcement::NoPolicy:
      return "no-policy";
    case Enforcement::Off:
      return "off";
    case Enforcement::On:
      return "on";
    case Enforcement::Kept:
      return "kept";
    case Enforcement::LastGood:
      return "last-good";
    case Enforcement::FailSafe:
      break;
  }
  return "fail-safe";
}

json::array effects_json(const std::vector<Effect>& effects) {
  json::array result;
  for (const Effect& effect : effects)
    result.push_back(json::object{{"direction", to_text(effect.direction)},
                                  {"to", effect.to},
                                  {"from", effect.from},
                                  {"interfaces", texts(effect.interfaces)},
                                  {"origin", effect.origin},
                                  {"text", to_text(effect)}});
  return result;
}

// Hands every key of a socket to `put`, with a text, a number, a truth or nothing.
template <typename Put>
void describe(const OwnedSocket& socket, Put put) {
  const Listener& listener = socket.listener;
  const bool frames = listener.kind == Listener::Kind::Packet;
  put("kind", to_text(listener.kind));
  put("protocol", protocol_text(listener));
  put("family", std::string_view(listener.family == Family::V4 ? "ipv4" : "ipv6"));
  put("both_families", listener.both_families);
  put("address", frames ? "*" : to_text(listener.address));
  put("port", listener.port);
  put("text", address_text(listener));
  put("interface", listener.interface);
  put("unit", listener.unit);
  put("process", listener.process);
  put("user", listener.user);
  if (socket.service != nullptr)
    put("service", socket.service->id);
  else
    put("service", nullptr);
}

json::object socket_json(const OwnedSocket& socket) {
  json::object result;
  describe(socket, [&](std::string_view key, const auto& value) { result.emplace(key, value); });
  return result;
}

// Appends keys and values to the text of an object.
class ObjectText {
 public:
  explicit ObjectText(std::string& text) : text_(text) { text_ += '{'; }
  void end() { text_ += '}'; }
  void operator()(std::string_view key, std::string_view value) {
    begin(key);
    // Nearly all of what is told of ten thousand sockets needs no escapes.
    const bool plain = std::ranges::all_of(
        value, [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
    if (plain) {
      text_ += '"';
      text_ += value;
      text_ += '"';
    } else {
      text_ += json::serialize(json::string_view(value));
    }
  }
  void operator()(std::string_view key, bool value) {
    begin(key);
    text_ += value ? "true" : "false";
  }
  void operator()(std::string_view key, Port value) {
    begin(key);
    text_ += fmt::format_int(value).c_str();
  }
  void operator()(std::string_view key, std::nullptr_t) {
    begin(key);
    text_ += "null";
  }

 private:
  void begin(std::string_view key) {
    if (text_.back() != '{')
      text_ += ',';
    text_ += '"';
    text_ += key;
    text_ += "\":";
  }

  std::string& text_;
};

// True when the ports are those that the packets come from.
bool from_its_ports(const PortLine& line) {
  const bool in = line.endpoint->direction == Direction::In;
  return in ? !line.endpoint->local : !line.endpoint->remote;
}

json::value state_json(const Service& service, const Compilation& in_force,
                       const Catalogue& catalogue) {
  const auto profile = catalogue.profiles.find(in_force.policy.profile);
  const ServiceState state = service_state(
      service, in_force.policy, profile == catalogue.profiles.end() ? Profile{} : profile->second);
  const auto found = in_force.policy.services.find(service.id);
  const ServicePolicy said =
      found == in_force.policy.services.end() ? ServicePolicy{} : found->second;
  json::array on;
  for (const auto& [name, interface] : in_force.policy.interfaces)
    if (!said.on || std::find(said.on->begin(), said.on->end(), name) != said.on->end())
      on.emplace_back(name);
  json::array from;
  for (const Prefix& prefix : said.from)
    from.emplace_back(to_text(prefix));
  return json::object{{"enabled", state.enabled}, {"exposed", state.exposed},
                      {"on", std::move(on)},      {"from", std::move(from)},
                      {"reason", said.reason},    {"owner", said.owner}};
}

json::object line_json(const PortLine& line, const PortTable& table) {
  json::array protocols;
  for (const Protocol protocol : line.endpoint->protocols)
    protocols.emplace_back(to_text(protocol));
  json::array listening;
  for (const std::size_t socket : line.sockets)
    listening.push_back(socket_json(table.sockets[socket]));
  return json::object{
      {"service", line.service->id},
      {"function", line.function != nullptr ? json::value(line.function->id) : json::value()},
      {"title", line.service->title},
      {"name", line.endpoint->name},
      {"scope", to_text(line.endpoint->scope)},
      {"direction", to_text(line.endpoint->direction)},
      {"protocols", std::move(protocols)},
      {"ports", line.ports ? json::value(to_text(*line.ports)) : json::value()},
      {"from_ports", from_its_ports(line)},
      {"profiles", json::object{{"enhanced", line.enhanced ? "allow" : "deny"},
                                {"standard", line.standard ? "allow" : "deny"}}},
      {"allowed", json::object{{"open", line.allowed ? json::value(*line.allowed) : json::value()},
                               {"partly", line.partly},
                               {"on", texts(line.on)},
                               {"from", texts(line.from)}}},
      {"listening", std::move(listening)},
      {"closing", line.function != nullptr ? line.function->closing : line.service->closing}};
}

}  // namespace

json::array texts(const std::vector<std::string>& values) {
  json::array result;
  for (const std::string& value : values)
    result.emplace_back(value);
  return result;
}

json::value to_json(const Service& service) {
  json::array functions;
  for (const Function& function : service.functions)
    functions.push_back(json::object{{"id", function.id},
                                     {"title", function.title},
                                     {"closing", function.closing},
                                     {"port", choice_json(function.port)},
                                     {"endpoints", endpoints_json(function.endpoints)}});
  json::array requests;
  for (const Request& request : service.requests)
    requests.push_back(json::object{{"purpose", request.purpose},
                                    {"destinations", texts(request.destinations)},
                                    {"condition", request.condition},
                                    {"by", request.from_browser ? "browser" : "gateway"}});
  return json::object{{"id", service.id},
                      {"title", service.title},
                      {"description", service.description},
                      {"scope", to_text(service.scope)},
                      {"optional", service.optional},
                      {"switch", switch_text(service.switching)},
                      {"units", texts(service.units)},
                      {"closing", service.closing},
                      {"notes", texts(service.notes)},
                      {"port", choice_json(service.port)},
                      {"clients", choice_json(service.clients)},
                      {"endpoints", endpoints_json(service.endpoints)},
                      {"functions", functions},
                      {"requests", requests}};
}

json::value to_json(const Rule& rule) {
  json::object result{{"verdict", to_text(rule.verdict)},
                      {"origin", origin_json(rule.origin)},
                      {"reason", rule.reason}};
  if (rule.until)
    result["until"] = time_text(*rule.until);
  return result;
}

json::value to_json(const Packet& packet) {
  json::object result{
      {"direction", to_text(packet.direction)}, {"interface", packet.interface},
      {"source", to_text(packet.source)},       {"destination", to_text(packet.destination)},
      {"protocol", to_text(packet.protocol)},   {"state", to_text(packet.state)}};
  if (has_ports(packet.protocol)) {
    result["source_port"] = packet.source_port;
    result["destination_port"] = packet.destination_port;
  }
  if (packet.protocol == Protocol::Icmp || packet.protocol == Protocol::Icmpv6)
    result["icmp_type"] = packet.icmp_type;
  return result;
}

json::value to_json(const PacketQuery& query, const Explanation& answer) {
  json::array outcomes;
  for (const Outcome& outcome : answer.outcomes) {
    json::value one = to_json(*outcome.rule);
    json::object conditions;
    for (const Condition& condition : outcome.conditions)
      conditions[condition.field] = condition.values;
    one.as_object()["conditions"] = conditions;
    one.as_object()["example"] = to_json(outcome.example);
    outcomes.push_back(std::move(one));
  }
  return json::object{
      {"packet", to_text(query)},
      {"verdict", answer.certain() ? to_text(answer.outcomes.front().rule->verdict) : "depends"},
      {"depends_on", texts(answer.depends_on)},
      {"outcomes", outcomes},
      {"hints", texts(answer.hints)},
      {"scope", policy_scope()}};
}

json::value to_json(const Effects& effects) {
  return json::object{{"opens", effects_json(effects.opens)},
                      {"closes", effects_json(effects.closes)},
                      {"stops", texts(effects.stops)},
                      {"complete", effects.complete},
                      {"scope", policy_scope()}};
}

json::value to_json(const std::vector<Error>& errors, const Report& report, const RuleList& rules) {
  json::array failed;
  for (const FailedTest& test : report.failed)
    failed.push_back(json::object{{"number", test.number},
                                  {"packet", to_text(test.test.packet)},
                                  {"expect", to_text(test.test.expect)},
                                  {"decided", to_json(*test.rule)},
                                  {"example", to_json(test.example)}});
  return json::object{{"ok", errors.empty() && report.failed.empty()},
                      {"errors", errors_array(errors)},
                      {"warnings", texts(report.warnings)},
                      {"failed_tests", failed},
                      {"rules", rules.size()},
                      {"scope", policy_scope()}};
}

json::value to_json(const Service& service, const Manager& manager) {
  json::value result = to_json(service);
  if (const auto& in_force = manager.in_force())
    result.as_object()["policy"] = state_json(service, *in_force, manager.catalogue());
  return result;
}

json::value to_json(const Plan& plan) {
  json::object result{{"applied", plan.applied},
                      {"changes", plan.changes},
                      {"enforcing", plan.next.policy.enforcing},
                      {"base", plan.base},
                      {"revision", plan.revision},
                      {"opens", effects_json(plan.effects.opens)},
                      {"closes", effects_json(plan.effects.closes)},
                      {"stops", texts(plan.effects.stops)},
                      {"effects_known", plan.effects_known && plan.effects.complete},
                      {"disrupts", "rules"},
                      {"notes", texts(plan.notes)},
                      {"warnings", texts(plan.warnings)},
                      {"scope", proof_scope()},
                      {"rules", plan.next.compiled.rules.size()}};
  if (plan.proof)
    result["proof"] = to_json(*plan.proof);
  return result;
}

// What the last proof found of one kind.
json::array found_json(const Manager& manager, std::vector<Difference> Proof::* kind) {
  json::array lines;
  if (const auto& proof = manager.proof())
    for (const Difference& difference : (*proof).*kind)
      lines.emplace_back(to_text(difference));
  return lines;
}

json::value status_json(const Manager& manager) {
  json::object interfaces;
  json::object result{{"enforcement", enforcement_text(manager.enforcement())},
                      {"revision", manager.revision()},
                      {"edited", manager.edited_by_hand()},
                      {"drift", texts(manager.drift())},
                      {"differences", found_json(manager, &Proof::differences)},
                      {"closed_by_others", found_json(manager, &Proof::closed)},
                      {"opened_by_others", found_json(manager, &Proof::opened)},
                      {"unproved", manager.unproved()},
                      {"scope", proof_scope()},
                      {"errors", errors_array(manager.faults())},
                      {"warnings", texts(manager.warnings())}};
  if (const auto& in_force = manager.in_force()) {
    for (const auto& [name, interface] : in_force->policy.interfaces)
      interfaces[name] = interface.text;
    result["profile"] = in_force->policy.profile;
    result["forward"] = in_force->policy.forward_leave ? "leave" : "drop";
    result["rules"] = in_force->compiled.rules.size();
  }
  result["interfaces"] = std::move(interfaces);
  return result;
}

json::value rules_json(const Manager& manager) {
  json::array rules;
  if (const auto& in_force = manager.in_force())
    for (const NumberedRule& rule : numbered(in_force->policy, in_force->compiled))
      rules.push_back(json::object{{"number", rule.number},
                                   {"id", rule.id},
                                   {"direction", to_text(rule.direction)},
                                   {"verdict", to_text(rule.verdict)},
                                   {"to", rule.to},
                                   {"from", rule.from},
                                   {"interfaces", texts(rule.interfaces)},
                                   {"origin", origin_json(rule.origin)},
                                   {"syntax", rule.syntax},
                                   {"comment", rule.comment}});
  return json::object{{"revision", manager.revision()}, {"rules", std::move(rules)}};
}

json::value openings_json(const Manager& manager) {
  json::array openings;
  if (const auto& in_force = manager.in_force())
    for (const Opening& opening : in_force->policy.openings)
      openings.push_back(json::object{{"number", openings.size() + 1},
                                      {"rule", to_text(opening.rule)},
                                      {"until", time_text(opening.until)},
                                      {"reason", opening.reason},
                                      {"ended", opening.until <= manager.now()}});
  return json::object{{"revision", manager.revision()}, {"openings", std::move(openings)}};
}

json::value policy_json(const Manager& manager) {
  std::string text;
  if (const auto& in_force = manager.in_force())
    text = to_text(in_force->policy);
  return json::object{{"revision", manager.revision()}, {"text", text}};
}

json::value ports_json(const PortTable& table) {
  json::array lines;
  for (const PortLine& line : table.lines)
    lines.push_back(line_json(line, table));
  json::array unknown;
  for (const OwnedSocket& socket : table.sockets)
    if (socket.service == nullptr && !socket.client)
      unknown.push_back(socket_json(socket));
  return json::object{{"ports", std::move(lines)}, {"unknown", std::move(unknown)}};
}

std::string listening_text(const PortTable& table) {
  constexpr std::size_t usual = 256;  // of one socket
  std::string text;
  text.reserve(usual * (table.sockets.size() + 1));
  const auto add = [&](bool clients) {
    bool first = true;
    for (const OwnedSocket& socket : table.sockets) {
      if (socket.client != clients)
        continue;
      if (!std::exchange(first, false))
        text += ',';
      ObjectText object(text);
      describe(socket, [&](std::string_view key, const auto& value) { object(key, value); });
      object.end();
    }
  };
  text += R"({"listening":[)";
  add(false);
  text += R"(],"clients":[)";
  add(true);
  text += "]}";
  return text;
}

json::value errors_json(const std::vector<Error>& errors, const std::vector<std::string>& changed) {
  return json::object{{"errors", errors_array(errors)}, {"changed", texts(changed)}};
}

}  // namespace quay
