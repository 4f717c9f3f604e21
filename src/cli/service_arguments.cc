#include "cli/service_arguments.h"

#include <algorithm>

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <fmt/format.h>

#include "base/text.h"

namespace quay {

namespace json = boost::json;

json::array to_array(const std::vector<std::string>& words) {
  json::array result;
  for (const std::string& word : words)
    result.emplace_back(word);
  return result;
}

void add_service_options(CLI::App& verb, ServiceArguments& arguments) {
  verb.add_option("ID", arguments.id, "A service, or one of its functions: lon.rni")->required();
  verb.add_option("--on", arguments.on, "Expose it on these interfaces, or on `all`")
      ->option_text("NAME,NAME")
      ->delimiter(',')
      ->allow_extra_args(false);
  verb.add_option("--from", arguments.from, "Expose it to these addresses, or to `any`")
      ->option_text("ADDRESS,ADDRESS")
      ->delimiter(',')
      ->allow_extra_args(false);
  verb.add_option("--reason", arguments.reason, "Why, for those who audit")->option_text("TEXT");
  verb.add_option("--owner", arguments.owner, "Who wants it")->option_text("TEXT");
}

Result<json::object> service_json(const ServiceArguments& arguments, const json::object& switches) {
  json::object edit = switches;
  edit["id"] = arguments.id;
  if (arguments.on == std::vector<std::string>{"all"})
    edit["everywhere"] = true;
  else if (!arguments.on.empty())
    edit["on"] = to_array(arguments.on);
  if (arguments.from == std::vector<std::string>{"any"})
    edit["from"] = json::array();
  else if (!arguments.from.empty())
    edit["from"] = to_array(arguments.from);
  if (arguments.reason)
    edit["reason"] = *arguments.reason;
  if (arguments.owner)
    edit["owner"] = *arguments.owner;
  for (const std::string& setting : arguments.settings) {
    const std::size_t equals = setting.find('=');
    const std::string key = setting.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : setting.substr(equals + 1);
    if (key == "port") {
      const auto port = parse_number(value, 65535);
      if (!port || *port == 0)
        return fail(fmt::format("`{}`: a port is a number from 1 to 65535", setting));
      edit["port"] = *port;
    } else if (key == "clients") {
      edit["clients"] = value;
    } else {
      return fail(fmt::format("`{}` is not port=NUMBER or clients=PORTS", setting));
    }
  }
  if (edit.size() == 1)
    return fail(fmt::format("what of {} is to be set?", arguments.id));
  return edit;
}

}  // namespace quay
