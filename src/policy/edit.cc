#include "policy/edit.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "language/user_rule_text.h"
#include "policy/numbered.h"
#include "policy/service_state.h"

namespace quay {
namespace {

using Rules = std::vector<UserRule>;

// The same packets, whatever becomes of them.
bool same_packets(UserRule a, const UserRule& b) {
  a.verdict = b.verdict;
  a.log = b.log;
  return a.same_rule(b);
}

Rules::iterator find_like(Rules& rules, const UserRule& rule) {
  return std::find_if(rules.begin(), rules.end(),
                      [&](const UserRule& r) { return same_packets(r, rule); });
}

// What would mean another interface once the policy has no such name; empty: nothing.
std::string user_of(const Policy& policy, const std::string& name) {
  const auto about = [&](const UserRule& rule) { return rule.interface == InterfaceName{name}; };
  for (std::size_t i = 0; i < policy.rules.size(); ++i)
    if (about(policy.rules[i]))
      return fmt::format("rule {}", i + 1);
  for (std::size_t i = 0; i < policy.openings.size(); ++i)
    if (about(policy.openings[i].rule))
      return fmt::format("opening {}", i + 1);
  for (std::size_t i = 0; i < policy.tests.size(); ++i)
    if (policy.tests[i].packet.interface == name)
      return fmt::format("test {}", i + 1);
  return {};
}

// Applies one edit to a copy of the policy.
class Editor {
 public:
  Editor(const Policy& policy, const Catalogue& catalogue, const Compiled& compiled)
      : catalogue_(catalogue), compiled_(compiled), edited_{policy, {}} {}

  Result<void> operator()(const RuleCommand& command) {
    command_ = &command;
    return std::visit(*this, command.edit);
  }
  Result<void> operator()(AppendRule) { return add(policy().rules.size()); }
  Result<void> operator()(PrependRule) { return add(0); }
  Result<void> operator()(InsertRule where);
  Result<void> operator()(DeleteRule);
  Result<void> operator()(DeleteNumber which);
  Result<void> operator()(const ServiceEdit& change);
  Result<void> operator()(const ProfileEdit& change);
  Result<void> operator()(const InterfaceEdit& change);
  Result<void> operator()(const OpeningEdit& change);
  Result<void> operator()(EnforceEdit change);
  Result<void> operator()(const ReplaceEdit& change) {
    policy() = change.policy;
    return {};
  }

  Edited take() { return std::move(edited_); }

 private:
  Policy& policy() { return edited_.policy; }
  void note(std::string text) { edited_.notes.push_back(std::move(text)); }
  Result<void> add(std::size_t position);
  Result<void> close_line(const NumberedRule& line);
  Result<const Service*> find_service(const std::string& id) const;
  Result<void> edit_function(const Service& service, const std::string& function,
                             const ServiceEdit& change);
  Result<void> place(const Service& service, const ServiceEdit& change, ServicePolicy& said);
  void reset_defaults(const Profile& profile, const std::vector<std::string>& keep);

  const Catalogue& catalogue_;
  const Compiled& compiled_;
  const RuleCommand* command_ = nullptr;
  Edited edited_;
};

Result<void> Editor::add(std::size_t position) {
  Rules& rules = policy().rules;
  const UserRule& rule = command_->rule;
  const auto like = find_like(rules, rule);
  if (like == rules.end()) {
    rules.insert(rules.begin() + static_cast<std::ptrdiff_t>(position), rule);
    return {};
  }
  if (*like == rule) {
    note(fmt::format("the rule is there already, as number {}", like - rules.begin() + 1));
    return {};
  }
  note(fmt::format("rule {} was `{}` and takes its new form in its place", like - rules.begin() + 1,
                   to_text(*like)));
  *like = rule;
  return {};
}

Result<void> Editor::operator()(InsertRule where) {
  const std::size_t count = policy().rules.size();
  if (where.position == 0 || where.position > std::max<std::size_t>(count, 1))
    return fail(count == 0 ? fmt::format("there is no position {}: there are no own rules yet",
                                         where.position)
                           : fmt::format("there is no position {}: own rules are numbered 1 to {}",
                                         where.position, count));
  return add(where.position - 1);
}

Result<void> Editor::operator()(DeleteRule) {
  Rules& rules = policy().rules;
  const auto same = std::find_if(rules.begin(), rules.end(),
                                 [&](const UserRule& r) { return r.same_rule(command_->rule); });
  if (same != rules.end()) {
    rules.erase(same);
    return {};
  }
  UserRule bare = command_->rule;
  bare.comment.clear();
  const std::string text = to_text(bare);
  for (const NumberedRule& line : numbered(policy(), compiled_))
    if (line.origin.kind == Origin::Kind::Service && text == "allow " + line.to)
      return fail(
          fmt::format("there is no own rule `{}`; service {} opens {}: "
                      "`quaymaster service hide {}`",
                      text, line.comment, line.to, line.origin.name));
  return fail(fmt::format("there is no own rule `{}`", text));
}

Result<void> Editor::operator()(DeleteNumber which) {
  const std::vector<NumberedRule> lines = numbered(policy(), compiled_);
  if (which.number == 0 || which.number > lines.size())
    return fail(
        fmt::format("there is no rule {}: they are numbered 1 to {}", which.number, lines.size()));
  const NumberedRule& line = lines[which.number - 1];
  if (line.origin.kind == Origin::Kind::Service)
    return close_line(line);
  policy().rules.erase(policy().rules.begin() + static_cast<std::ptrdiff_t>(which.number - 1));
  return {};
}

// The key that closes what one line of a service opens.
Result<void> Editor::close_line(const NumberedRule& line) {
  const Service* service = catalogue_.service(line.origin.name);
  if (service == nullptr || service->switching != Switch::Free)
    return fail(fmt::format("{} is always open; it has no switch", line.origin.name));
  ServicePolicy& said = policy().services[service->id];
  if (!line.origin.function.empty()) {
    said.functions[line.origin.function].enabled = false;
    note(fmt::format("function {} is disabled", line.comment));
  } else if (line.direction == Direction::In) {
    said.exposed = false;
    note(fmt::format("service {} is hidden: all its incoming ports close, its unit is left alone",
                     service->id));
  } else {
    said.enabled = false;
    note(fmt::format("service {} is disabled: all its ports close, in and out", service->id));
  }
  return {};
}

Result<const Service*> Editor::find_service(const std::string& id) const {
  const Service* service = catalogue_.service(id);
  if (service == nullptr)
    return fail(
        fmt::format("there is no service `{}`{}", id, suggestion(id, catalogue_.service_ids())));
  return service;
}

Result<void> Editor::edit_function(const Service& service, const std::string& function,
                                   const ServiceEdit& change) {
  if (service.function(function) == nullptr) {
    std::vector<std::string> known;
    known.reserve(service.functions.size());
    for (const Function& f : service.functions)
      known.push_back(f.id);
    return fail(fmt::format("{} has no function `{}`{}", service.id, function,
                            suggestion(function, known)));
  }
  if (change.exposed || change.on || change.everywhere || change.from || change.clients ||
      change.reason || change.owner)
    return fail(fmt::format("{}.{} is a function: it has a switch and a port, the rest is {}'s",
                            service.id, function, service.id));
  ServicePolicy& whole = policy().services[service.id];
  FunctionPolicy& said = whole.functions[function];
  if (change.enabled == true && !whole.enabled.value_or(!service.optional))
    note(fmt::format("{0} is off, and its functions with it: `quaymaster service enable {0}`",
                     service.id));
  if (change.enabled)
    said.enabled = change.enabled;
  if (change.port)
    said.port = change.port;
  return {};
}

// Where it is exposed. An optional service must be told, when there is a choice.
Result<void> Editor::place(const Service& service, const ServiceEdit& change, ServicePolicy& said) {
  if (change.everywhere)
    said.on.reset();
  else if (change.on)
    said.on = change.on;
  const bool opens = change.enabled == true || change.exposed == true;
  if (!opens || !service.optional || change.everywhere || said.on || policy().interfaces.size() < 2)
    return {};
  std::vector<std::string> names;
  for (const auto& [name, interface] : policy().interfaces)
    names.push_back("--on " + name);
  return fail(fmt::format("{} is optional: say where it is exposed, with {} or --on all",
                          service.id, join(names, ", ")));
}

Result<void> Editor::operator()(const ServiceEdit& change) {
  const std::size_t dot = change.id.find('.');
  const auto found = find_service(change.id.substr(0, dot));
  if (!found)
    return fail(found.error());
  const Service& service = **found;
  if (dot != std::string::npos)
    return edit_function(service, change.id.substr(dot + 1), change);
  if (service.scope == Scope::Internal && change.exposed == true)
    return fail(fmt::format("{} is reached from the gateway alone", service.id));
  if (service.switching != Switch::Free && (change.enabled == false || change.exposed == false))
    return fail(fmt::format("{} is always open; it has no switch", service.id));
  ServicePolicy& said = policy().services[service.id];
  if (change.enabled)
    said.enabled = change.enabled;
  if (change.exposed)
    said.exposed = change.exposed;
  if (change.exposed == true && !said.enabled.value_or(!service.optional))
    said.enabled = true;
  if (auto placed = place(service, change, said); !placed)
    return placed;
  if (change.from)
    said.from = *change.from;
  if (change.port)
    said.port = change.port;
  if (change.clients)
    said.clients = change.clients;
  if (change.reason)
    said.reason = *change.reason;
  if (change.owner)
    said.owner = *change.owner;
  return {};
}

// Switching a profile on sets its defaults again: what it closes goes off, what was closed by hand
// opens.
void Editor::reset_defaults(const Profile& profile, const std::vector<std::string>& keep) {
  const auto kept = [&](const std::string& id) {
    return std::find(keep.begin(), keep.end(), id) != keep.end();
  };
  for (const std::string& id : profile.closes)
    if (!kept(id))
      policy().services[id].enabled = false;
  for (const std::string& name : profile.forces_off) {
    const std::size_t dot = name.find('.');
    const auto service = policy().services.find(name.substr(0, dot));
    if (service == policy().services.end())
      continue;
    const auto function = service->second.functions.find(name.substr(dot + 1));
    if (function != service->second.functions.end())
      function->second.enabled = false;
  }
  for (auto& [id, said] : policy().services) {
    const Service* service = catalogue_.service(id);
    if (service == nullptr || service->optional || kept(id))
      continue;
    said.enabled.reset();
    said.exposed.reset();
  }
}

Result<void> Editor::operator()(const ProfileEdit& change) {
  const auto found = catalogue_.profiles.find(change.profile);
  if (found == catalogue_.profiles.end()) {
    std::vector<std::string> known;
    known.reserve(catalogue_.profiles.size());
    for (const auto& [id, profile] : catalogue_.profiles)
      known.push_back(id);
    return fail(fmt::format("there is no profile `{}`: {}", change.profile, join(known, ", ")));
  }
  for (const std::string& id : change.keep)
    if (const auto service = find_service(id); !service)
      return fail(service.error());
  if (policy().profile == change.profile) {
    note(fmt::format("the profile is {} already", change.profile));
    return {};
  }
  policy().profile = change.profile;
  if (!found->second.closes.empty())
    reset_defaults(found->second, change.keep);
  return {};
}

Result<void> Editor::operator()(const InterfaceEdit& change) {
  for (const std::string& name : change.remove) {
    if (policy().interfaces.erase(name) == 0)
      return fail(fmt::format("no interface is called `{}`", name));
    if (const std::string user = user_of(policy(), name); !user.empty())
      return fail(fmt::format("{} is about {}: delete it first", user, name));
    for (auto& [id, said] : policy().services)
      if (said.on && std::find(said.on->begin(), said.on->end(), name) != said.on->end())
        return fail(
            fmt::format("service {} is exposed on {}: `quaymaster service expose {} --on "
                        "...` first",
                        id, name, id));
  }
  for (const auto& [name, interface] : change.set)
    policy().interfaces.insert_or_assign(name, interface);
  if (policy().interfaces.empty())
    return fail("the last name stays: without one, services are open on every interface");
  return {};
}

Result<void> Editor::operator()(const OpeningEdit& change) {
  std::vector<Opening>& openings = policy().openings;
  if (change.number > openings.size())
    return fail(openings.empty() ? fmt::format("there is no opening {}", change.number)
                                 : fmt::format("there is no opening {}: they are numbered 1 to {}",
                                               change.number, openings.size()));
  if (change.until >= kLastTime)
    return fail("the kernel counts time up to the year 2262");
  if (change.number == 0) {
    if (!change.rule || !change.until)
      return fail("an opening has a rule and an end");
    openings.push_back({*change.rule, *change.until, change.reason.value_or("")});
    return {};
  }
  if (change.rule)
    return fail("an opening keeps its rule: close it and open another");
  const auto opening = openings.begin() + static_cast<std::ptrdiff_t>(change.number - 1);
  if (!change.until) {
    openings.erase(opening);
    return {};
  }
  opening->until = *change.until;
  if (change.reason)
    opening->reason = *change.reason;
  return {};
}

Result<void> Editor::operator()(EnforceEdit change) {
  if (policy().enforcing == change.enforcing)
    note(change.enforcing ? "the policy is enforced already" : "nothing is enforced already");
  policy().enforcing = change.enforcing;
  return {};
}

}  // namespace

Result<Edited> edit(const Policy& policy, const Edit& change, const Catalogue& catalogue,
                    const Compiled& compiled) {
  Editor editor(policy, catalogue, compiled);
  if (auto done = std::visit(editor, change); !done)
    return fail(done.error());
  Edited edited = editor.take();
  std::erase_if(edited.policy.services,
                [](const auto& entry) { return entry.second == ServicePolicy{}; });
  return edited;
}

}  // namespace quay
