#include "api/change_json.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include "base/text.h"
#include "language/policy_file.h"

namespace quay {
namespace {

namespace json = boost::json;

// Reads the keys of one object, and tells of those that nobody asked for.
class ObjectReader {
 public:
  ObjectReader(const json::object& object, std::string name, std::vector<std::string>& faults)
      : object_(object), name_(std::move(name)), faults_(faults) {}

  const json::value* find(std::string_view key) {
    asked_.emplace_back(key);
    const json::value* value = object_.if_contains(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  std::optional<std::string> text(std::string_view key) {
    const json::value* value = find(key);
    if (value == nullptr)
      return std::nullopt;
    if (!value->is_string())
      return wrong<std::string>(key, "a text");
    return std::string(value->get_string());
  }
  std::optional<bool> boolean(std::string_view key) {
    const json::value* value = find(key);
    if (value == nullptr)
      return std::nullopt;
    return value->is_bool() ? std::optional(value->get_bool()) : wrong<bool>(key, "true or false");
  }
  // RFC 3339, in UTC and whole seconds: "2026-11-23T18:00:00Z"
  std::optional<TimePoint> time(std::string_view key) {
    const auto written = text(key);
    if (!written)
      return std::nullopt;
    std::tm parts{};
    const char* end = strptime(written->c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (end == nullptr || *end != '\0')
      return wrong<TimePoint>(key, "a time like 2026-11-23T18:00:00Z");
    return TimePoint(std::chrono::seconds(timegm(&parts)));
  }
  std::optional<std::size_t> number(std::string_view key) {
    return positive<std::size_t>(key, "a number, from 1 on");
  }
  std::optional<Port> port(std::string_view key) {
    return positive<Port>(key, "a port, 1 to 65535");
  }
  std::optional<std::vector<std::string>> texts(std::string_view key) {
    const json::value* value = find(key);
    if (value == nullptr)
      return std::nullopt;
    std::vector<std::string> result;
    if (!value->is_array())
      return wrong<std::vector<std::string>>(key, "a list of texts");
    for (const json::value& one : value->get_array()) {
      if (!one.is_string())
        return wrong<std::vector<std::string>>(key, "a list of texts");
      result.emplace_back(one.get_string());
    }
    return result;
  }
  const json::object* object(std::string_view key) {
    const json::value* value = find(key);
    if (value == nullptr)
      return nullptr;
    if (!value->is_object())
      wrong<bool>(key, "an object");
    return value->if_object();
  }
  void fault(std::string_view key, std::string_view reason) {
    faults_.push_back(fmt::format("{}{}: {}", name_, key, reason));
  }
  void finish() {
    for (const auto& [key, value] : object_)
      if (std::find(asked_.begin(), asked_.end(), std::string_view(key)) == asked_.end())
        fault(std::string(key), "is not known here" + suggestion(std::string(key), asked_));
  }

 private:
  template <typename T>
  std::optional<T> positive(std::string_view key, std::string_view wanted) {
    const json::value* value = find(key);
    if (value == nullptr)
      return std::nullopt;
    boost::system::error_code error;
    const auto number = value->to_number<T>(error);
    return error || number == 0 ? wrong<T>(key, wanted) : std::optional(number);
  }
  template <typename T>
  std::optional<T> wrong(std::string_view key, std::string_view wanted) {
    fault(key, fmt::format("is not {}", wanted));
    return std::nullopt;
  }

  const json::object& object_;
  std::string name_;
  std::vector<std::string>& faults_;
  std::vector<std::string> asked_;
};

ServiceEdit read_service(const json::object& object, std::vector<std::string>& faults) {
  ObjectReader in(object, "service.", faults);
  ServiceEdit edit;
  edit.id = in.text("id").value_or("");
  if (edit.id.empty())
    in.fault("id", "is missing");
  edit.enabled = in.boolean("enabled");
  edit.exposed = in.boolean("exposed");
  edit.everywhere = in.boolean("everywhere").value_or(false);
  edit.on = in.texts("on");
  if (const auto from = in.texts("from")) {
    edit.from.emplace();
    for (const std::string& text : *from)
      if (const auto prefix = parse_prefix(text))
        edit.from->push_back(*prefix);
      else
        in.fault("from", prefix.error().reason);
  }
  edit.port = in.port("port");
  if (const auto clients = in.text("clients")) {
    if (const auto ports = parse_ports(*clients))
      edit.clients = *ports;
    else
      in.fault("clients", ports.error().reason);
  }
  edit.reason = in.text("reason");
  edit.owner = in.text("owner");
  in.finish();
  return edit;
}

ProfileEdit read_profile(const json::object& object, std::vector<std::string>& faults) {
  ObjectReader in(object, "profile.", faults);
  ProfileEdit edit{in.text("id").value_or(""),
                   in.texts("keep").value_or(std::vector<std::string>{})};
  in.finish();
  return edit;
}

InterfaceEdit read_interfaces(const json::object& object, std::vector<std::string>& faults) {
  ObjectReader in(object, "interfaces.", faults);
  InterfaceEdit edit;
  if (const json::object* set = in.object("set"))
    for (const auto& [name, value] : *set) {
      if (value.is_string())
        edit.set.emplace(std::string(name), InterfaceName{std::string(value.get_string())});
      else
        in.fault("set", "is not an object of texts");
    }
  edit.remove = in.texts("remove").value_or(std::vector<std::string>{});
  in.finish();
  return edit;
}

// A new one has a rule and an end; one that there is gets another end, or none but now.
OpeningEdit read_opening(const json::object& object, const RuleNames& names,
                         std::vector<std::string>& faults) {
  ObjectReader in(object, "opening.", faults);
  OpeningEdit edit;
  edit.number = in.number("number").value_or(0);
  if (const auto words = in.texts("rule")) {
    auto command = parse_rule_command(*words, names);
    if (!command)
      in.fault("rule", command.error().reason);
    else if (!std::holds_alternative<AppendRule>(command->edit))
      in.fault("rule", "is a rule, without insert, prepend or delete");
    else
      edit.rule = std::move(command->rule);
  }
  edit.until = in.time("until");
  edit.reason = in.text("reason");
  const bool closes = in.boolean("close").value_or(false);
  in.finish();
  if (closes && (edit.number == 0 || edit.until || edit.reason))
    in.fault("close", "stands beside a number alone");
  else if (!closes && !edit.until && !object.contains("until"))
    in.fault("until", "is missing: an opening has an end");
  return edit;
}

// True when the edit does nothing but switch the service, on the interfaces that it says: the
// switch of an optional service asks for them.
bool only_switches(const ServiceEdit& edit) {
  ServiceEdit bare{.id = edit.id, .enabled = edit.enabled, .exposed = edit.exposed};
  if (edit.enabled.value_or(false) || edit.exposed.value_or(false)) {
    bare.everywhere = edit.everywhere;
    bare.on = edit.on;
    bare.reason = edit.reason;
  }
  return edit == bare;
}

// Reads the one change that a body holds.
class ChangeReader {
 public:
  ChangeReader(ObjectReader& in, const RuleNames& names, const Catalogue& catalogue,
               std::vector<std::string>& faults)
      : in_(in), names_(names), catalogue_(catalogue), faults_(faults) {}

  ChangeRequest read();

 private:
  void set(Edit edit) {
    ++changes_;
    result_.change.edit = std::move(edit);
  }
  void read_rule();
  void read_policy();

  ObjectReader& in_;
  const RuleNames& names_;
  const Catalogue& catalogue_;
  std::vector<std::string>& faults_;
  ChangeRequest result_;
  int changes_ = 0;
};

void ChangeReader::read_rule() {
  const auto words = in_.texts("rule");
  if (!words)
    return;
  auto command = parse_rule_command(*words, names_);
  if (command)
    set(std::move(*command));
  else
    faults_.push_back(command.error().text());
}

void ChangeReader::read_policy() {
  const auto text = in_.text("policy");
  const std::string name = in_.text("name").value_or("policy");
  if (!text)
    return;
  Parsed<Policy> parsed = parse_policy(*text, name, catalogue_, names_.ports);
  for (const Error& error : parsed.errors)
    faults_.push_back(error.text());
  set(ReplaceEdit{std::move(parsed.value)});
}

ChangeRequest ChangeReader::read() {
  result_.change.base = in_.text("base").value_or("");
  result_.dry_run = in_.boolean("dry_run").value_or(false);
  result_.change.only_opening = in_.boolean("only_opening").value_or(false);
  read_rule();
  read_policy();
  if (const json::object* object = in_.object("service")) {
    ServiceEdit edit = read_service(*object, faults_);
    result_.needed = only_switches(edit) ? Role::Operator : Role::Admin;
    set(std::move(edit));
  }
  if (const json::object* object = in_.object("profile"))
    set(read_profile(*object, faults_));
  if (const json::object* object = in_.object("interfaces"))
    set(read_interfaces(*object, faults_));
  if (const json::object* object = in_.object("opening")) {
    result_.needed = Role::Operator;
    set(read_opening(*object, names_, faults_));
  }
  if (const auto enforcing = in_.boolean("enforcing"))
    set(EnforceEdit{*enforcing});
  if (in_.boolean("file").value_or(false))
    ++changes_;
  if (const auto init = in_.text("init")) {
    ++changes_;
    result_.first_policy = *init;
    if (*init != "new" && *init != "factory")
      in_.fault("init", "is not new or factory");
  }
  in_.finish();
  if (changes_ != 1 && faults_.empty())
    faults_.push_back(
        "a change holds one of rule, service, profile, interfaces, opening, enforcing, policy, "
        "file, init");
  return std::move(result_);
}

}  // namespace

Result<ChangeRequest> parse_change(std::string_view body, const RuleNames& names,
                                   const Catalogue& catalogue) {
  boost::system::error_code error;
  const json::value value = json::parse(body, error);
  if (error)
    return fail("the body is not JSON: " + error.message());
  if (!value.is_object())
    return fail("the body is not an object");
  std::vector<std::string> faults;
  ObjectReader in(value.get_object(), "", faults);
  ChangeRequest request = ChangeReader(in, names, catalogue, faults).read();
  if (!faults.empty())
    return fail(join(faults, "; "));
  return request;
}

}  // namespace quay
