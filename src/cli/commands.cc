#include "cli/commands.h"

#include <iterator>
#include <optional>
#include <utility>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "api/json.h"
#include "base/text.h"
#include "language/nft_match.h"
#include "language/nft_table.h"
#include "language/packet_text.h"
#include "policy/check.h"
#include "policy/compile.h"
#include "policy/effects.h"
#include "policy/explain.h"

namespace quay {
namespace {

void print_json(const Context& context, const boost::json::value& value) {
  context.out << boost::json::serialize(value) << '\n';
}

void tell(const Context& context, const std::vector<Error>& errors) {
  for (const Error& error : errors)
    context.err << "quaymaster: " << error.text() << '\n';
}

// A policy with the catalogue that it was read against, and its rules.
struct Loaded {
  Catalogue catalogue;
  Policy policy;
  Compiled compiled;
};

// Reads both. A wrong policy fails, wrong catalogue files are left out; `errors` has the faults.
std::optional<Loaded> load(const Context& context, const std::string& path,
                           std::vector<Error>& errors) {
  Parsed<Catalogue> catalogue = load_catalogue(context.files, context.catalogue);
  errors = std::move(catalogue.errors);
  Parsed<Policy> policy = load_policy(context.files, path, catalogue.value);
  if (!policy.ok()) {
    std::move(policy.errors.begin(), policy.errors.end(), std::back_inserter(errors));
    return std::nullopt;
  }
  Loaded loaded{std::move(catalogue.value), std::move(policy.value), {}};
  loaded.compiled = compile(loaded.policy, loaded.catalogue, context.clock.now());
  return loaded;
}

Colour colour_of(Verdict verdict) {
  return verdict == Verdict::Accept  ? Colour::Green
         : verdict == Verdict::Limit ? Colour::Yellow
                                     : Colour::Red;
}

std::string verdict_text(const Context& context, Verdict verdict) {
  return context.style.paint(fmt::format("{:<6}", upper(to_text(verdict))), colour_of(verdict));
}

// "when source is 192.168.1.0/24 and interface is eth0"
std::string conditions_text(const Outcome& outcome) {
  std::vector<std::string> parts;
  parts.reserve(outcome.conditions.size());
  for (const Condition& condition : outcome.conditions)
    parts.push_back(condition.field + " is " + condition.values);
  return parts.empty() ? "otherwise" : "when " + join(parts, " and ");
}

// What a verdict leaves open: the rate, the end of an opening.
std::string remark(const Rule& rule) {
  return rule.verdict == Verdict::Limit
             ? " (fewer than 6 connections of one source in 30 seconds, else rejected)"
             : "";
}

void print_certain(const Context& context, const PacketQuery& query, const Explanation& answer) {
  const Rule& first = *answer.outcomes.front().rule;
  context.out << verdict_text(context, first.verdict) << "  " << to_text(query) << '\n';
  for (const Outcome& outcome : answer.outcomes) {
    context.out << "  by      " << outcome.rule->origin.text();
    if (answer.outcomes.size() > 1)
      context.out << ", " << conditions_text(outcome);
    context.out << '\n' << "  reason  " << outcome.rule->reason << remark(*outcome.rule) << '\n';
  }
}

void print_depends(const Context& context, const PacketQuery& query, const Explanation& answer) {
  context.out << context.style.paint("DEPENDS", Colour::Yellow) << " on "
              << join(answer.depends_on, ", ") << ": " << to_text(query) << '\n';
  for (const Outcome& outcome : answer.outcomes)
    context.out << "  " << verdict_text(context, outcome.rule->verdict) << "  "
                << conditions_text(outcome) << "\n          by " << outcome.rule->origin.text()
                << ": " << outcome.rule->reason << remark(*outcome.rule) << '\n';
}

// "1883/tcp", "47808/udp (chosen)", "dynamic/tcp": the ports that name an endpoint.
std::string endpoint_text(const Endpoint& endpoint, const std::optional<PortChoice>& port,
                          const std::optional<PortChoice>& clients) {
  const bool in = endpoint.direction == Direction::In;
  const std::optional<Ports>& near = in ? endpoint.local : endpoint.remote;
  const std::optional<Ports>& far = in ? endpoint.remote : endpoint.local;
  if (!near && !far)
    return "-";
  struct Text {
    const std::optional<PortChoice>& port;
    const std::optional<PortChoice>& clients;
    std::string operator()(const PortSet& set) const { return to_text(set); }
    std::string operator()(ChosenPort) const { return port ? to_text(port->standard) + "*" : ""; }
    std::string operator()(ChosenClients) const {
      return clients ? to_text(clients->standard) + "*" : "";
    }
    std::string operator()(DynamicPort) const { return "dynamic"; }
  };
  std::vector<std::string> protocols;
  protocols.reserve(endpoint.protocols.size());
  for (const Protocol protocol : endpoint.protocols)
    protocols.push_back(to_text(protocol));
  std::string text =
      std::visit(Text{port, clients}, near ? *near : *far) + "/" + join(protocols, "+");
  if (!near)
    text = "from " + text;
  return text;
}

std::string direction_text(const std::vector<Endpoint>& endpoints,
                           const std::optional<PortChoice>& port,
                           const std::optional<PortChoice>& clients, Direction direction) {
  std::vector<std::string> texts;
  for (const Endpoint& endpoint : endpoints)
    if (endpoint.direction == direction)
      texts.push_back(endpoint_text(endpoint, port, clients));
  return texts.empty() ? "-" : join(texts, ", ");
}

std::string_view default_text(const Service& service) {
  return service.scope == Scope::Internal    ? "inside"
         : service.switching != Switch::Free ? "always"
         : service.optional                  ? "off"
                                             : "on";
}

// A service's row, and one for each of its functions.
void add_rows(const Service& service, std::vector<std::vector<std::string>>& rows) {
  const auto add = [&](const std::string& name, const std::string& title, std::string_view state,
                       const std::vector<Endpoint>& endpoints,
                       const std::optional<PortChoice>& port) {
    rows.push_back({name, title, std::string(state),
                    direction_text(endpoints, port, service.clients, Direction::In),
                    direction_text(endpoints, port, service.clients, Direction::Out)});
  };
  add(service.id, service.title, default_text(service), service.endpoints, service.port);
  for (const Function& function : service.functions)
    add(service.id + "." + function.id, function.title, "off", function.endpoints, function.port);
}

void print_services(const Context& context, const Catalogue& catalogue) {
  for (const Scope scope : {Scope::External, Scope::Internal}) {
    std::vector<std::vector<std::string>> rows{{"SERVICE", "TITLE", "DEFAULT", "IN", "OUT"}};
    for (const auto& [id, service] : catalogue.services)
      if (service.scope == scope)
        add_rows(service, rows);
    context.out << (scope == Scope::External ? "External: meant to be reached from outside\n"
                                             : "\nInternal: reached from the gateway alone\n");
    print_table(context.out, rows, context.style);
  }
  context.out << "\n* the policy chooses the port. `quaymaster services ID` tells more.\n";
}

void print_service(const Context& context, const Service& service) {
  std::ostream& out = context.out;
  out << context.style.paint(service.id, Colour::Bold) << ": " << service.title << '\n'
      << service.description << "\n\n";
  const auto line = [&](std::string_view name, const std::string& text) {
    if (!text.empty())
      out << fmt::format("{:<9}{}\n", name, text);
  };
  line("scope", to_text(service.scope) + (service.optional ? ", optional" : ""));
  line("units", join(service.units, ", "));
  for (const Direction direction : {Direction::In, Direction::Out})
    line(to_text(direction),
         direction_text(service.endpoints, service.port, service.clients, direction));
  if (service.port)
    line("port", to_text(service.port->standard) + ", may be " + to_text(service.port->allowed));
  if (service.clients)
    line("clients",
         to_text(service.clients->standard) + ", may be " + to_text(service.clients->allowed));
  for (const Function& function : service.functions) {
    line("function", service.id + "." + function.id + ": " + function.title);
    line("  in", direction_text(function.endpoints, function.port, service.clients, Direction::In));
    line("  closed", function.closing);
  }
  line("closed", service.closing);
  for (const Request& request : service.requests)
    line("asks", join(request.destinations, ", ") + " for " + request.purpose +
                     (request.condition.empty() ? "" : ", " + request.condition) +
                     (request.from_browser ? " (the operator's browser)" : ""));
  for (const std::string& note : service.notes)
    line("note", note);
}

}  // namespace

int compile_policy(const Context& context, const std::string& policy) {
  std::vector<Error> errors;
  const std::optional<Loaded> loaded = load(context, policy, errors);
  tell(context, errors);
  if (!loaded)
    return kFailed;
  for (const std::string& note : loaded->compiled.notes)
    context.err << "quaymaster: note: " << note << '\n';
  const std::string script = nft_script(nft_table(loaded->compiled.rules), Slot::A);
  if (!context.json) {
    context.out << script;
    return kDone;
  }
  boost::json::array rules;
  for (const Rule& rule : loaded->compiled.rules) {
    boost::json::value one = to_json(rule);
    one.as_object()["direction"] = to_text(rule.direction);
    boost::json::array matches;
    for (const std::string& text : nft_matches(rule.match, rule.direction))
      matches.emplace_back(trim(text));
    one.as_object()["match"] = std::move(matches);
    rules.push_back(std::move(one));
  }
  print_json(context, boost::json::object{{"rules", rules}, {"script", script}});
  return kDone;
}

int check_policy(const Context& context, const std::string& policy) {
  std::vector<Error> errors;
  const std::optional<Loaded> loaded = load(context, policy, errors);
  const Report report =
      loaded ? check(loaded->policy, loaded->catalogue, loaded->compiled) : Report{};
  if (context.json)
    print_json(context, to_json(errors, report, loaded ? loaded->compiled.rules : RuleList{}));
  else
    tell(context, errors);
  if (!loaded)
    return kFailed;
  if (!context.json) {
    for (const std::string& warning : report.warnings)
      context.out << policy << ": " << context.style.paint("warning", Colour::Yellow) << ": "
                  << warning << '\n';
    for (const FailedTest& failed : report.failed)
      context.out << policy << ": " << context.style.paint("test failed", Colour::Red) << ": "
                  << to_text(failed) << '\n';
    context.out << fmt::format(
        "{}: {} rules, {} of {} tests hold\n", policy, loaded->compiled.rules.size(),
        loaded->policy.tests.size() - report.failed.size(), loaded->policy.tests.size());
  }
  if (!errors.empty())
    return kFailed;
  return report.failed.empty() ? kDone : kReport;
}

int diff_policies(const Context& context, const std::string& from, const std::string& to) {
  std::vector<Error> errors;
  const std::optional<Loaded> before = load(context, from, errors);
  tell(context, errors);
  const std::optional<Loaded> after = load(context, to, errors);
  if (!before || !after) {
    tell(context, errors);
    return kFailed;
  }
  const Effects found =
      effects({before->policy, before->compiled}, {after->policy, after->compiled},
              after->catalogue, context.clock.now());
  const int status = found.empty() && found.complete ? kDone : kReport;
  if (context.json) {
    print_json(context, to_json(found));
    return status;
  }
  const auto print = [&](const char* verb, const std::vector<Effect>& lines, Colour colour) {
    for (const Effect& effect : lines)
      context.out << context.style.paint(verb, colour) << to_text(effect) << '\n';
  };
  print("Closes  ", found.closes, Colour::Red);
  for (const std::string& sentence : found.stops)
    context.out << "  stops " << sentence << '\n';
  print("Opens   ", found.opens, Colour::Green);
  if (!found.complete)
    context.out << "Note    more opens or closes than these lines say\n";
  if (status == kDone)
    context.out << "Nothing opens or closes now: first packets fare the same under both.\n";
  context.out << "Compared: " << policy_scope() << '\n';
  return status;
}

int explain_packet(const Context& context, const std::vector<std::string>& packet,
                   const std::string& policy) {
  // A sentence may come as one word, in quotes.
  const auto query =
      packet.size() == 1 ? parse_packet(std::string_view(packet.front())) : parse_packet(packet);
  if (!query) {
    context.err << "quaymaster: " << query.error().text() << '\n';
    return kUsage;
  }
  std::vector<Error> errors;
  const std::optional<Loaded> loaded = load(context, policy, errors);
  tell(context, errors);
  if (!loaded)
    return kFailed;
  auto answer = explain(*query, loaded->compiled.rules, loaded->policy);
  if (!answer) {
    context.err << "quaymaster: " << answer.error().text() << '\n';
    return kFailed;
  }
  answer->hints = port_hints(*query, loaded->policy, loaded->catalogue);
  if (context.json) {
    print_json(context, to_json(*query, *answer));
    return kDone;
  }
  if (answer->certain())
    print_certain(context, *query, *answer);
  else
    print_depends(context, *query, *answer);
  for (const std::string& hint : answer->hints)
    context.out << "  note    " << hint << '\n';
  return kDone;
}

int list_services(const Context& context, const std::string& id) {
  const Parsed<Catalogue> catalogue = load_catalogue(context.files, context.catalogue);
  tell(context, catalogue.errors);
  const int status = catalogue.ok() ? kDone : kFailed;
  if (!id.empty()) {
    const Service* service = catalogue.value.service(id);
    if (service == nullptr) {
      context.err << fmt::format("quaymaster: there is no service `{}`{}\n", id,
                                 suggestion(id, catalogue.value.service_ids()));
      return kFailed;
    }
    if (context.json)
      print_json(context, to_json(*service));
    else
      print_service(context, *service);
    return status;
  }
  if (!context.json) {
    print_services(context, catalogue.value);
    return status;
  }
  boost::json::array services;
  for (const auto& [name, service] : catalogue.value.services)
    services.push_back(to_json(service));
  print_json(context, boost::json::object{{"services", services}});
  return status;
}

}  // namespace quay
