#include "cli/json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "language/packet_text.h"

namespace quay {
namespace {

namespace json = boost::json;

json::array texts(const std::vector<std::string>& values) {
  json::array result;
  for (const std::string& value : values)
    result.emplace_back(value);
  return result;
}

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

}  // namespace

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
    result["until"] = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                                  fmt::gmtime(std::chrono::system_clock::to_time_t(*rule.until)));
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
      {"hints", texts(answer.hints)}};
}

json::value to_json(const std::vector<Error>& errors, const Report& report, const RuleList& rules) {
  json::array error_list;
  for (const Error& error : errors)
    error_list.push_back(json::object{{"place", error.place}, {"reason", error.reason}});
  json::array failed;
  for (const FailedTest& test : report.failed)
    failed.push_back(json::object{{"number", test.number},
                                  {"packet", to_text(test.test.packet)},
                                  {"expect", to_text(test.test.expect)},
                                  {"decided", to_json(*test.rule)},
                                  {"example", to_json(test.example)}});
  return json::object{{"ok", errors.empty() && report.failed.empty()},
                      {"errors", error_list},
                      {"warnings", texts(report.warnings)},
                      {"failed_tests", failed},
                      {"rules", rules.size()}};
}

}  // namespace quay
