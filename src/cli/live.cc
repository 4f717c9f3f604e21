#include "cli/live.h"

#include <algorithm>
#include <array>
#include <optional>
#include <ranges>
#include <set>
#include <utility>
#include <variant>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/text.h"
#include "policy/filter_teller.h"

namespace quay {
namespace {

namespace json = boost::json;

std::string text(const json::value& value, std::string_view key) {
  const json::value* found = value.as_object().if_contains(key);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

const json::array& list(const json::value& value, std::string_view key) {
  static const json::array none;
  const json::value* found = value.as_object().if_contains(key);
  return found != nullptr && found->is_array() ? found->get_array() : none;
}

std::vector<std::string> texts(const json::value& value, std::string_view key) {
  std::vector<std::string> result;
  for (const json::value& one : list(value, key))
    result.emplace_back(one.as_string());
  return result;
}

bool flag(const json::value& value, std::string_view key) {
  const json::value* found = value.as_object().if_contains(key);
  return found != nullptr && found->is_bool() && found->get_bool();
}

// What the daemon refused, a line each.
int refused(const LiveContext& context, const ApiResponse& response, const json::value& body) {
  if (context.base.json) {
    context.base.out << response.body << '\n';
  } else {
    for (const json::value& error : list(body, "errors"))
      context.base.err << "quaymaster: "
                       << Error{text(error, "place"), text(error, "reason")}.text() << '\n';
    for (const std::string& line : texts(body, "changed"))
      context.base.err << "  that change " << line << '\n';
  }
  return response.status == 400 ? kUsage : kFailed;
}

// A good answer's body; else what to exit with.
std::variant<json::value, int> answer(const LiveContext& context, const std::string& method,
                                      const std::string& target, const std::string& body = {}) {
  const auto response = context.ask(method, target, body);
  if (!response) {
    context.base.err << "quaymaster: " << response.error().text() << '\n';
    return kFailed;
  }
  boost::system::error_code error;
  json::value value = json::parse(response->body, error);
  if (error || !value.is_object()) {
    context.base.err << "quaymaster: the daemon's answer is not understood\n";
    return kFailed;
  }
  if (response->status != 200)
    return refused(context, *response, value);
  return value;
}

// What to exit with after a good answer.
using Judge = int (*)(const json::value& body);

int nothing_to_report(const json::value&) {
  return kDone;
}

// Asks and prints, as JSON or by `print`.
template <typename Print>
int show(const LiveContext& context, const std::string& target, Print print,
         Judge judge = nothing_to_report) {
  const auto got = answer(context, "GET", target);
  if (const int* status = std::get_if<int>(&got))
    return *status;
  const json::value& body = std::get<json::value>(got);
  if (context.base.json)
    context.base.out << json::serialize(body) << '\n';
  else
    print(body);
  return judge(body);
}

std::string action_word(const std::string& verdict) {
  return verdict == "accept" ? "ALLOW" : verdict == "drop" ? "DENY" : upper(verdict);
}

void print_rules(const LiveContext& context, const json::value& body, bool with_numbers) {
  std::vector<std::vector<std::string>> rows{{"To", "Action", "From", ""}};
  if (with_numbers)
    rows.front().insert(rows.front().begin(), "No.");
  for (const json::value& rule : list(body, "rules")) {
    const std::vector<std::string> on = texts(rule, "interfaces");
    const std::string place = on.empty() ? "" : " on " + join(on, ", ");
    const bool in = text(rule, "direction") == "in";
    const std::string comment = text(rule, "comment");
    std::vector<std::string> row{
        text(rule, "to") + (in ? place : ""),
        fmt::format("{} {}", action_word(text(rule, "verdict")), upper(text(rule, "direction"))),
        text(rule, "from") + (in ? "" : place), comment.empty() ? "" : "# " + comment};
    if (with_numbers)
      row.insert(row.begin(), fmt::format("[{:>2}]", rule.at("number").as_int64()));
    rows.push_back(std::move(row));
  }
  print_table(context.base.out, rows, context.base.style);
}

std::string enforcement_words(const std::string& enforcement) {
  if (enforcement == "on")
    return "enforced";
  if (enforcement == "off")
    return "not enforced: every packet passes (`quaymaster enable`)";
  if (enforcement == "no-policy")
    return "there is no policy yet (`quaymaster init`)";
  if (enforcement == "kept")
    return "the policy file is refused; the rules that were in force stay";
  if (enforcement == "last-good")
    return "the policy file is refused; the rules that loaded last are in force";
  return "the policy file is refused; the fail-safe rules are in force";
}

std::string interfaces_text(const json::value& status) {
  std::vector<std::string> parts;
  for (const auto& [name, interface] : status.at("interfaces").as_object())
    parts.push_back(fmt::format("{} = {}", std::string(name), std::string(interface.as_string())));
  return parts.empty() ? "none named: services are open on every one" : join(parts, ", ");
}

// What of a status needs attention, and in which words.
constexpr std::array<std::pair<const char*, const char*>, 4> kTroubles{{
    {"drift", "the kernel differs: "},
    {"differences", "the kernel does not do what the policy says: "},
    {"opened_by_others", "another table opens what the policy closes: "},
    {"closed_by_others", "another table closes what the policy opens: "},
}};
constexpr std::size_t kMostOfOneTrouble = 5;

bool troubled(const json::value& status) {
  return !list(status, "errors").empty() || flag(status, "edited") ||
         !text(status, "unproved").empty() ||
         std::ranges::any_of(
             kTroubles, [&](const auto& trouble) { return !list(status, trouble.first).empty(); });
}

void print_troubles(const LiveContext& context, const json::value& status) {
  std::ostream& out = context.base.out;
  const auto line = [&](const std::string& what) {
    out << context.base.style.paint("Attention  ", Colour::Red) << what << '\n';
  };
  for (const json::value& error : list(status, "errors"))
    line(Error{text(error, "place"), text(error, "reason")}.text());
  for (const auto& [key, words] : kTroubles) {
    const std::vector<std::string> found = texts(status, key);
    for (const std::string& one : found | std::views::take(kMostOfOneTrouble))
      line(words + one);
    if (found.size() > kMostOfOneTrouble)
      line(fmt::format("{}and {} more (`quaymaster verify`)", words,
                       found.size() - kMostOfOneTrouble));
  }
  if (const std::string why = text(status, "unproved"); !why.empty())
    line("the kernel was not held against the policy: " + why);
  if (flag(status, "edited"))
    line("the policy file was edited and is not in force yet (`quaymaster plan`)");
  for (const std::string& warning : texts(status, "warnings"))
    out << context.base.style.paint("Warning    ", Colour::Yellow) << warning << '\n';
}

void print_effects(const LiveContext& context, const json::value& plan, const char* verb,
                   std::string_view key, Colour colour) {
  for (const json::value& effect : list(plan, key))
    context.base.out << context.base.style.paint(fmt::format("{:<8}", verb), colour)
                     << text(effect, "text") << '\n';
}

void print_plan(const LiveContext& context, const json::value& plan) {
  std::ostream& out = context.base.out;
  print_effects(context, plan, "Closes", "closes", Colour::Red);
  for (const std::string& sentence : texts(plan, "stops"))
    out << "  stops " << sentence << '\n';
  print_effects(context, plan, "Opens", "opens", Colour::Green);
  if (!flag(plan, "effects_known"))
    out << (list(plan, "closes").empty() && list(plan, "opens").empty()
                ? "Note    what opens and closes is not known: what is in force stands for no "
                  "policy\n"
                : "Note    more opens or closes than these lines say\n");
  else if (flag(plan, "changes") && list(plan, "closes").empty() && list(plan, "opens").empty())
    out << "Note    nothing opens or closes by this; at most it is limited, refused or logged "
           "otherwise\n";
  for (const std::string& note : texts(plan, "notes"))
    out << "Note    " << note << '\n';
  for (const std::string& warning : texts(plan, "warnings"))
    out << context.base.style.paint("Warning ", Colour::Yellow) << warning << '\n';
}

bool agreed(const LiveContext& context) {
  context.base.out << "Proceed (y|n)? " << std::flush;
  std::string line;
  std::getline(context.in, line);
  return line == "y" || line == "Y" || line == "yes";
}

void print_differences(const LiveContext& context, const json::value& proof, const char* name,
                       const char* head) {
  for (const json::value& one : list(proof, name))
    context.base.out << fmt::format("  {}{} {}{}: kernel {}, policy {}\n    for example {}\n", head,
                                    text(one, "direction"), text(one, "packets"),
                                    flag(one, "certain") ? "" : " (perhaps)", text(one, "kernel"),
                                    text(one, "policy"), text(one, "example"));
}

void print_lost_answers(const LiveContext& context, const json::value& proof) {
  for (const json::value& one : list(proof, "lost"))
    context.base.out << fmt::format(
        "  no answer: {} {}{}: kernel {}, the answer it {}\n    for example {}\n",
        text(one, "direction"), text(one, "packets"), flag(one, "certain") ? "" : " (perhaps)",
        text(one, "first"), text(one, "answer"), text(one, "example"));
}

// What other tables make of the policy.
void print_others(const LiveContext& context, const json::value& proof, const char* head) {
  print_differences(context, proof, "opened", head);
  print_differences(context, proof, "closed", head);
}

int print_done(const LiveContext& context, const json::value& done) {
  if (context.base.json) {
    context.base.out << json::serialize(done) << '\n';
    return kDone;
  }
  const json::value* proof = done.as_object().if_contains("proof");
  context.base.out << (flag(done, "enforcing")
                           ? fmt::format("Done: revision {}, {} rules, {}.\n",
                                         text(done, "revision"), done.at("rules").as_int64(),
                                         proof != nullptr && flag(*proof, "equal")
                                             ? "proved equal to the policy"
                                             : "read back, but too many to be proved")
                           : "Done: nothing is enforced any more.\n");
  if (proof != nullptr) {
    print_others(context, *proof, "Note, other tables: ");
    print_lost_answers(context, *proof);
  }
  return kDone;
}

// What only opens is done and shown. What closes is shown before, asked about when `ask`, and done
// for the revision that was shown.
int carry_out(const LiveContext& context, json::object change, bool plan_only, bool ask) {
  change["dry_run"] = plan_only || ask;
  change["only_opening"] = true;
  const auto planned = answer(context, "POST", "/v1/changes", json::serialize(change));
  if (const int* status = std::get_if<int>(&planned))
    return *status;
  const json::value& plan = std::get<json::value>(planned);
  if (!context.base.json)
    print_plan(context, plan);
  if (flag(plan, "applied"))
    return print_done(context, plan);
  if (plan_only || !flag(plan, "changes")) {
    if (context.base.json)
      context.base.out << json::serialize(plan) << '\n';
    else if (!flag(plan, "changes"))
      context.base.out << "Nothing changes.\n";
    else
      context.base.out << "Disrupts rules only; connections that exist stay.\n";
    return kDone;
  }
  if (ask && context.base.json) {
    context.base.err << "quaymaster: with --json nothing is asked; --yes does it\n";
    return kUsage;
  }
  if (ask && !agreed(context)) {
    context.base.out << "Left as it is.\n";
    return kFailed;
  }
  change["dry_run"] = false;
  change["only_opening"] = false;
  change["base"] = text(plan, "base");
  const auto applied = answer(context, "POST", "/v1/changes", json::serialize(change));
  if (const int* status = std::get_if<int>(&applied))
    return *status;
  return print_done(context, std::get<json::value>(applied));
}

std::string or_dash(const std::string& what) {
  return what.empty() ? "-" : what;
}

// "tcp", "raw icmp", "packet all"
std::string protocol_text(const json::value& socket) {
  const std::string kind = text(socket, "kind");
  const bool whole = kind == "raw" || kind == "packet";
  return (whole ? kind + " " : "") + text(socket, "protocol");
}

// One endpoint: what the profiles say, what the policy allows, who listens.
std::vector<std::string> port_row(const json::value& line) {
  const std::string function = text(line, "function");
  const std::string ports = text(line, "ports");
  const json::value& allowed = line.at("allowed");
  const std::vector<std::string> on = texts(allowed, "on");
  const std::vector<std::string> from = texts(allowed, "from");
  std::vector<std::string> listeners;
  for (const json::value& socket : list(line, "listening")) {
    std::string at = text(socket, "text");
    if (std::find(listeners.begin(), listeners.end(), at) == listeners.end())
      listeners.push_back(std::move(at));
  }
  const bool in = text(line, "direction") == "in";
  return {text(line, "service") + (function.empty() ? "" : "." + function),
          (flag(line, "from_ports") ? "from " : "") + (ports.empty() ? "dynamic" : ports) + "/" +
              join(texts(line, "protocols"), "+"),
          text(line, "direction"),
          text(line.at("profiles"), "enhanced"),
          text(line.at("profiles"), "standard"),
          allowed.at("open").is_null() ? "unknown"
          : !flag(allowed, "open")     ? "no"
                                       : (on.empty() ? "yes" : "on " + join(on, ", ")) +
                                         (!from.empty()             ? " to " + join(from, ", ")
                                          : flag(allowed, "partly") ? " in part"
                                                                    : ""),
          in ? or_dash(join(listeners, ", ")) : "",
          text(line, "closing")};
}

std::string state_text(const json::value& service) {
  const json::value* policy = service.as_object().if_contains("policy");
  if (text(service, "scope") == "internal")
    return "inside";
  if (policy == nullptr)
    return "-";
  if (!flag(*policy, "enabled"))
    return "off";
  if (!flag(*policy, "exposed"))
    return "hidden";
  const std::vector<std::string> on = texts(*policy, "on");
  const std::vector<std::string> from = texts(*policy, "from");
  return "open" + (on.empty() ? "" : " on " + join(on, ", ")) +
         (from.empty() ? "" : " to " + join(from, ", "));
}

void print_service(const LiveContext& context, const json::value& service) {
  std::ostream& out = context.base.out;
  out << context.base.style.paint(text(service, "id"), Colour::Bold) << ": "
      << text(service, "title") << '\n';
  const auto line = [&](std::string_view name, const std::string& what) {
    if (!what.empty())
      out << fmt::format("{:<9}{}\n", name, what);
  };
  line("state", state_text(service));
  if (const json::value* policy = service.as_object().if_contains("policy")) {
    line("reason", text(*policy, "reason"));
    line("owner", text(*policy, "owner"));
  }
  line("units", join(texts(service, "units"), ", "));
  line("closed", text(service, "closing"));
  for (const json::value& function : list(service, "functions"))
    line("function",
         text(service, "id") + "." + text(function, "id") + ": " + text(function, "title"));
  out << "`quaymaster services " << text(service, "id") << "` tells what it needs.\n";
}

}  // namespace

int show_status(const LiveContext& context, bool with_numbers) {
  const auto got = answer(context, "GET", "/v1/status");
  if (const int* status = std::get_if<int>(&got))
    return *status;
  json::value status = std::get<json::value>(got);
  const auto rules = answer(context, "GET", "/v1/rules");
  if (const int* exit = std::get_if<int>(&rules))
    return *exit;
  if (context.base.json) {
    status.as_object()["rules"] = list(std::get<json::value>(rules), "rules");
    context.base.out << json::serialize(status) << '\n';
    return troubled(status) ? kReport : kDone;
  }
  std::ostream& out = context.base.out;
  const std::string profile = text(status, "profile");
  out << "Profile    " << (profile.empty() ? "none" : profile) << ", "
      << enforcement_words(text(status, "enforcement")) << '\n';
  if (!profile.empty())
    out << "Interfaces " << interfaces_text(status) << '\n'
        << "Revision   " << text(status, "revision") << '\n';
  print_troubles(context, status);
  if (!profile.empty()) {
    out << '\n';
    print_rules(context, std::get<json::value>(rules), with_numbers);
  }
  return troubled(status) ? kReport : kDone;
}

int show_profile(const LiveContext& context) {
  return show(context, "/v1/status", [&](const json::value& status) {
    const std::string profile = text(status, "profile");
    context.base.out << (profile.empty() ? "none" : profile) << '\n';
  });
}

int show_interfaces(const LiveContext& context) {
  return show(context, "/v1/status", [&](const json::value& status) {
    std::vector<std::vector<std::string>> rows{{"NAME", "INTERFACE"}};
    for (const auto& [name, interface] : status.at("interfaces").as_object())
      rows.push_back({std::string(name), std::string(interface.as_string())});
    print_table(context.base.out, rows, context.base.style);
  });
}

int show_services(const LiveContext& context, const std::string& id) {
  if (!id.empty())
    return show(context, "/v1/services/" + id,
                [&](const json::value& service) { print_service(context, service); });
  return show(context, "/v1/services", [&](const json::value& body) {
    std::vector<std::vector<std::string>> rows{{"SERVICE", "STATE", "TITLE"}};
    for (const json::value& service : list(body, "services"))
      rows.push_back({text(service, "id"), state_text(service), text(service, "title")});
    print_table(context.base.out, rows, context.base.style);
  });
}

int show_listening(const LiveContext& context) {
  return show(context, "/v1/listening", [&](const json::value& body) {
    const auto table = [&](std::string_view key, std::string_view title) {
      std::vector<std::vector<std::string>> rows{
          {"PROTO", "ADDRESS", "INTERFACE", "UNIT", "PROCESS", "USER", "SERVICE"}};
      for (const json::value& socket : list(body, key)) {
        rows.push_back({protocol_text(socket), text(socket, "text"),
                        or_dash(text(socket, "interface")), or_dash(text(socket, "unit")),
                        or_dash(text(socket, "process")), text(socket, "user"),
                        or_dash(text(socket, "service"))});
      }
      context.base.out << title << '\n';
      print_table(context.base.out, rows, context.base.style);
    };
    table("listening", "Listening");
    if (!list(body, "clients").empty()) {
      context.base.out << '\n';
      table("clients", "Clients (connected, or at a passing port)");
    }
  });
}

int show_ports(const LiveContext& context, const std::string& scope) {
  const std::string target = "/v1/ports" + (scope.empty() ? "" : "/" + scope);
  return show(context, target, [&](const json::value& body) {
    std::vector<std::vector<std::string>> rows{
        {"SERVICE", "PORT", "WAY", "ENHANCED", "STANDARD", "ALLOWED", "LISTENING", "CLOSED MEANS"}};
    for (const json::value& line : list(body, "ports"))
      rows.push_back(port_row(line));
    print_table(context.base.out, rows, context.base.style);
    if (!scope.empty() || list(body, "unknown").empty())
      return;
    context.base.out << "\nListening, and in no service of the catalogue\n";
    std::vector<std::vector<std::string>> unknown{{"PROTO", "ADDRESS", "UNIT", "USER"}};
    for (const json::value& socket : list(body, "unknown"))
      unknown.push_back({protocol_text(socket), text(socket, "text"), or_dash(text(socket, "unit")),
                         text(socket, "user")});
    print_table(context.base.out, unknown, context.base.style);
  });
}

int show_proof(const LiveContext& context) {
  const auto print = [&](const json::value& proof) {
    std::ostream& out = context.base.out;
    if (flag(proof, "too_large"))
      out << context.base.style.paint("UNKNOWN", Colour::Yellow)
          << " the kernel's rules are too many to be held against the policy\n";
    else if (flag(proof, "equal"))
      out << context.base.style.paint("EQUAL", Colour::Green)
          << "   our table judges every packet as the policy says\n";
    else
      out << context.base.style.paint("DIFFERS", Colour::Red)
          << " the kernel does not do what the policy says\n";
    print_differences(context, proof, "differences", "");
    const json::value& rest = proof.at("untold");
    const Untold untold{.lines = rest.at("lines").to_number<std::size_t>(),
                        .counted = flag(rest, "counted")};
    if (!untold.none())
      out << "  and " << to_text(untold) << '\n';
    print_others(context, proof, "other tables: ");
    print_lost_answers(context, proof);
    const auto lines = [&](const char* title, const char* name) {
      for (const std::string& line : texts(proof, name))
        out << title << line << '\n';
    };
    lines("Not understood  ", "unknown");
    lines("Outside  ", "outside");
    out << "Scope   " << text(proof, "scope") << '\n';
  };
  return show(context, "/v1/proof", print, [](const json::value& proof) {
    const bool clean =
        std::ranges::all_of(std::array{"closed", "opened", "lost"},
                            [&](const char* key) { return list(proof, key).empty(); });
    return flag(proof, "equal") && clean ? kDone : kReport;
  });
}

int make_change(const LiveContext& context, const json::object& change, bool plan_only) {
  return carry_out(context, change, plan_only, false);
}

int delete_number(const LiveContext& context, std::size_t number, bool yes) {
  const auto got = answer(context, "GET", "/v1/rules");
  if (const int* status = std::get_if<int>(&got))
    return *status;
  const json::value& body = std::get<json::value>(got);
  const json::array& rules = list(body, "rules");
  if (number == 0 || number > rules.size()) {
    context.base.err << fmt::format("quaymaster: there is no rule {}: they are numbered 1 to {}\n",
                                    number, rules.size());
    return kFailed;
  }
  const json::value& rule = rules[number - 1];
  const bool own = text(rule.at("origin"), "kind") == "rule";
  std::string back = text(rule, "syntax");
  if (const std::string comment = text(rule, "comment"); own && !comment.empty())
    back += " comment '" + comment + "'";
  // Where another rule of one's own follows, the place matters.
  if (own && number < rules.size() && text(rules[number].at("origin"), "kind") == "rule")
    back = fmt::format("insert {} {}", number, back);
  if (!context.base.json)
    context.base.out << fmt::format("Rule {} is `{}`; put it back with `quaymaster {}`.\n", number,
                                    own ? text(rule, "syntax") : text(rule, "comment"), back);
  json::object change;
  change["base"] = text(body, "revision");
  change["rule"] = json::array{"delete", std::to_string(number)};
  return carry_out(context, std::move(change), false, !yes);
}

namespace {

// The position of an own rule among them; 0 for other rules.
std::int64_t own_position(const json::value& rule) {
  const json::value& origin = rule.at("origin");
  return text(origin, "kind") == "rule" ? origin.at("number").to_number<std::int64_t>() : 0;
}

}  // namespace

int complete(const LiveContext& context, const std::string& what) {
  const std::string target = what == "services"     ? "/v1/services"
                             : what == "interfaces" ? "/v1/status"
                                                    : "/v1/rules";
  const auto response = context.ask("GET", target, "");
  if (!response || response->status != 200)
    return kDone;
  boost::system::error_code error;
  const json::value body = json::parse(response->body, error);
  if (error)
    return kDone;
  std::set<std::int64_t> positions;
  for (const json::value& service : list(body, "services")) {
    context.base.out << text(service, "id") << '\n';
    for (const json::value& function : list(service, "functions"))
      context.base.out << text(service, "id") << '.' << text(function, "id") << '\n';
  }
  for (const json::value& rule : list(body, "rules"))
    if (what == "positions")
      positions.insert(own_position(rule));
    else
      context.base.out << rule.at("number").as_int64() << '\n';
  positions.erase(0);
  for (const std::int64_t position : positions)
    context.base.out << position << '\n';
  if (what == "interfaces")
    for (const auto& [name, interface] : body.at("interfaces").as_object())
      context.base.out << std::string(name) << '\n';
  return kDone;
}

}  // namespace quay
