// quaymaster: the command line.
#include <algorithm>
#include <array>
#include <csignal>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/analyze.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/examples.h"
#include "cli/live.h"
#include "cli/service_arguments.h"
#include "host/live_filter.h"
#include "host/system_files.h"

namespace {

namespace json = boost::json;

constexpr const char* kPolicy = "/etc/quaymaster/policy.toml";
constexpr const char* kPolicyHelp = "The policy file; without it /etc/quaymaster/policy.toml";

// What the words of a command line ask for.
struct Arguments {
  bool json = false;
  bool live = false;
  bool yes = false;
  bool factory = false;
  bool external = false;
  bool internal = false;
  std::vector<std::string> catalogue = quay::kInstalledCatalogue;
  std::string policy = kPolicy;
  std::string file;
  std::string socket = quay::kDaemonSocket;
  std::vector<std::string> words;
  std::vector<std::string> keep;
  quay::ServiceArguments service;
};

// A verb's work; set by the verb that the line names.
using Work = std::function<int(const quay::Context&, const quay::LiveContext&)>;

// The verbs, each with its arguments and its work.
class Verbs {
 public:
  Verbs(CLI::App& app, Arguments& arguments) : app_(app), arguments_(arguments) {
    add_readers();
    add_switches();
    add_services();
    add_rules();
    add_changes();
    add_offline();
  }

  const Work& chosen() const { return work_; }

 private:
  CLI::App* add(CLI::App& parent, const char* name, const char* description, Work work) {
    CLI::App* verb = parent.add_subcommand(name, description)->group("Verbs");
    const std::string below = &parent == &app_ ? "" : parent.get_name() + " ";
    verb->footer([path = below + name] { return quay::help_ending(path); });
    verb->add_flag("--json", arguments_.json, "Print JSON (docs/json.md)");
    verb->callback([this, work = std::move(work)] { work_ = work; });
    return verb;
  }
  CLI::App* live(CLI::App& parent, const char* name, const char* description, Work work) {
    CLI::App* verb = add(parent, name, description, std::move(work));
    verb->add_option("--socket", arguments_.socket, "The daemon's socket")
        ->option_text("FILE")
        ->capture_default_str();
    return verb;
  }
  CLI::App* offline(const char* name, const char* description, Work work) {
    CLI::App* verb = add(app_, name, description, std::move(work));
    verb->add_option("--catalogue", arguments_.catalogue,
                     "Use the catalogue in DIR instead of the installed one; may be repeated")
        ->option_text("DIR")
        ->allow_extra_args(false);
    return verb;
  }
  // Verbs below a verb, which shows something when it stands alone.
  CLI::App* group(const char* name, const char* description, Work alone) {
    CLI::App* verb = live(app_, name, description, {});
    verb->callback([this, verb, alone = std::move(alone)] {
      if (verb->get_subcommands().empty())
        work_ = alone;
    });
    return verb;
  }

  void add_readers();
  void add_switches();
  void add_services();
  void add_rules();
  void add_changes();
  void add_offline();

  CLI::App& app_;
  Arguments& arguments_;
  Work work_;
};

void Verbs::add_readers() {
  live(app_, "status", "Show the profile, what needs attention, and the rules",
       [this](const quay::Context&, const quay::LiveContext& live) {
         return quay::show_status(live, !arguments_.words.empty());
       })
      ->add_option("numbered", arguments_.words, "`numbered`: with the numbers for `delete`")
      ->check(CLI::IsMember({"numbered"}))
      ->expected(0, 1);
  live(app_, "listening", "Show what listens, with its unit, process and service",
       [](const quay::Context&, const quay::LiveContext& live) {
         return quay::show_listening(live);
       });
  CLI::App* ports =
      live(app_, "ports", "Show every port: profiles, policy, listeners, consequences",
           [this](const quay::Context&, const quay::LiveContext& live) {
             return quay::show_ports(live, arguments_.external   ? "external"
                                           : arguments_.internal ? "internal"
                                                                 : "");
           });
  CLI::Option* external = ports->add_flag("--external", arguments_.external, "Only external ones");
  ports->add_flag("--internal", arguments_.internal, "Only internal ones")->excludes(external);
  live(app_, "verify", "Prove that the kernel does what the policy says, or show the packets",
       [](const quay::Context&, const quay::LiveContext& live) { return quay::show_proof(live); });
  CLI::App* completion =
      live(app_, "complete", "", [this](const quay::Context&, const quay::LiveContext& live) {
        return quay::complete(live, arguments_.words.empty() ? "" : arguments_.words.front());
      });
  completion->group("")->add_option("WHAT", arguments_.words);
}

void Verbs::add_switches() {
  const auto change = [](json::object wanted) {
    return [wanted = std::move(wanted)](const quay::Context&, const quay::LiveContext& live) {
      return quay::make_change(live, wanted, false);
    };
  };
  live(app_, "enable", "Enforce the policy", change({{"enforcing", true}}));
  live(app_, "disable", "Stop enforcing: every packet passes, also after a reboot",
       change({{"enforcing", false}}));
  live(app_, "init", "Make the first policy of this gateway",
       [this](const quay::Context&, const quay::LiveContext& live) {
         return quay::make_change(live, {{"init", arguments_.factory ? "factory" : "new"}}, false);
       })
      ->add_flag("--factory", arguments_.factory, "Replace the policy by the one of a new gateway");
  CLI::App* profile =
      live(app_, "profile", "Show the profile, or switch it",
           [this](const quay::Context& context, const quay::LiveContext& live) {
             if (arguments_.words.empty() && !arguments_.keep.empty()) {
               context.err << "quaymaster: --keep goes with a switch: `quaymaster profile enhanced "
                              "--keep ...`\n";
               return quay::kUsage;
             }
             if (arguments_.words.empty())
               return quay::show_profile(live);
             return quay::make_change(
                 live,
                 {{"profile", json::object{{"id", arguments_.words.front()},
                                           {"keep", quay::to_array(arguments_.keep)}}}},
                 false);
           });
  profile->add_option("PROFILE", arguments_.words, "enhanced or standard")->expected(0, 1);
  profile->add_option("--keep", arguments_.keep, "Services that stay as they are")
      ->option_text("ID,ID")
      ->delimiter(',')
      ->allow_extra_args(false);

  const auto list = [](const quay::Context&, const quay::LiveContext& live) {
    return quay::show_interfaces(live);
  };
  CLI::App* interface =
      group("interface", "Show or set the names of this gateway's interfaces", list);
  live(*interface, "list", "Show them", list);
  live(*interface, "set", "Name interfaces: `interface set lan=eth0`",
       [this](const quay::Context& context, const quay::LiveContext& live) {
         json::object set;
         for (const std::string& word : arguments_.words) {
           const std::size_t equals = word.find('=');
           if (equals == 0 || equals == std::string::npos || equals + 1 == word.size()) {
             context.err << fmt::format("quaymaster: `{}` is not NAME=INTERFACE\n", word);
             return quay::kUsage;
           }
           set[word.substr(0, equals)] = word.substr(equals + 1);
         }
         return quay::make_change(live, {{"interfaces", json::object{{"set", std::move(set)}}}},
                                  false);
       })
      ->add_option("NAME=INTERFACE", arguments_.words)
      ->required();
  live(*interface, "remove", "Forget names; those interfaces close",
       [this](const quay::Context&, const quay::LiveContext& live) {
         return quay::make_change(
             live, {{"interfaces", json::object{{"remove", quay::to_array(arguments_.words)}}}},
             false);
       })
      ->add_option("NAME", arguments_.words)
      ->required();
}

void Verbs::add_services() {
  const auto list = [](const quay::Context&, const quay::LiveContext& live) {
    return quay::show_services(live, "");
  };
  CLI::App* service = group("service", "Show services, or change what is open of one", list);
  live(*service, "list", "Show all with their state", list);
  live(*service, "show", "Show one",
       [this](const quay::Context&, const quay::LiveContext& live) {
         return quay::show_services(live, arguments_.service.id);
       })
      ->add_option("ID", arguments_.service.id, "A service")
      ->required();
  const auto changing = [&](const char* name, const char* description,
                            const json::object& switches) {
    CLI::App* verb =
        live(*service, name, description,
             [this, switches](const quay::Context& context, const quay::LiveContext& live) {
               const auto edit = quay::service_json(arguments_.service, switches);
               if (!edit) {
                 context.err << "quaymaster: " << edit.error().text() << '\n';
                 return quay::kUsage;
               }
               return quay::make_change(live, {{"service", *edit}}, false);
             });
    quay::add_service_options(*verb, arguments_.service);
    return verb;
  };
  changing("enable", "Want it: its ports open", {{"enabled", true}});
  changing("disable", "Do not want it: its ports close", {{"enabled", false}});
  changing("expose", "Open its ports", {{"exposed", true}});
  changing("hide", "Close its ports; its unit is left alone", {{"exposed", false}});
  CLI::App* set = changing("set", "Set its port, or where it is exposed", {});
  set->add_option("KEY=VALUE", arguments_.service.settings, "port=47809, clients=49152-65535");
}

void Verbs::add_rules() {
  const auto rule = [&](const char* name, const char* description) {
    CLI::App* verb = live(
        app_, name, description, [this, name](const quay::Context&, const quay::LiveContext& live) {
          std::vector<std::string> words{name};
          words.insert(words.end(), arguments_.words.begin(), arguments_.words.end());
          return quay::make_change(live, {{"rule", quay::to_array(words)}}, false);
        });
    verb->add_option("RULE", arguments_.words, "In ufw's grammar")->required();
    return verb;
  };
  rule("allow",
       "Allow packets: `allow 8080/tcp`, `allow in on eth0 from 10.0.0.0/8 to any port 22`");
  rule("deny", "Drop packets");
  rule("reject", "Drop packets and tell their sender");
  rule("limit", "Allow fewer than 6 connections of one source in 30 seconds");
  rule("insert", "Put a rule in front of another: `insert 1 deny from 203.0.113.7`");
  rule("prepend", "Put a rule in front of all others");
  CLI::App* remove = live(app_, "delete", "Delete a rule by its number or its text",
                          [this](const quay::Context&, const quay::LiveContext& live) {
                            const std::vector<std::string>& words = arguments_.words;
                            const auto number = words.size() == 1
                                                    ? quay::parse_number(words.front(), 65535)
                                                    : std::nullopt;
                            if (number)
                              return quay::delete_number(live, *number, arguments_.yes);
                            std::vector<std::string> all{"delete"};
                            all.insert(all.end(), words.begin(), words.end());
                            return quay::make_change(live, {{"rule", quay::to_array(all)}}, false);
                          });
  remove->add_option("NUMBER|RULE", arguments_.words, "As `status numbered` shows it")->required();
  remove->add_flag("-y,--yes", arguments_.yes, "Do not ask");
}

void Verbs::add_changes() {
  const auto verb = [&](const char* name, const char* description, bool plan_only) {
    live(app_, name, description,
         [this, plan_only](const quay::Context& context, const quay::LiveContext& live) {
           if (arguments_.file.empty())
             return quay::make_change(live, {{"file", true}}, plan_only);
           const auto text = context.files.read(arguments_.file);
           if (!text) {
             context.err << "quaymaster: " << text.error().text() << '\n';
             return quay::kFailed;
           }
           return quay::make_change(live, {{"policy", *text}, {"name", arguments_.file}},
                                    plan_only);
         })
        ->add_option("FILE", arguments_.file,
                     "A policy; without it the policy file as it is now, edited by hand");
  };
  verb("plan", "Show what a policy would open and close", true);
  verb("apply", "Bring a policy into force", false);
}

int analyze_filters(const quay::Context& context, const Arguments& arguments) {
  const std::size_t filters = arguments.words.size() + (arguments.live ? 1 : 0);
  if (filters == 0 || filters > 2) {
    context.err << "quaymaster: analyze is about one filter, or two: FILE or --live\n";
    return quay::kUsage;
  }
  if (!arguments.live)
    return quay::analyze_filters(context, arguments.words, nullptr);
  quay::NftDump dump;
  return quay::analyze_filters(context, arguments.words, [&] { return quay::live_filter(dump); });
}

void Verbs::add_offline() {
  offline("compile", "Print the nft script of a policy, loadable with `nft -f`",
          [this](const quay::Context& context, const quay::LiveContext&) {
            return quay::compile_policy(context, arguments_.policy);
          })
      ->add_option("FILE", arguments_.policy, kPolicyHelp);
  offline("check", "Tell what is wrong in a policy, and run its own tests",
          [this](const quay::Context& context, const quay::LiveContext&) {
            return quay::check_policy(context, arguments_.policy);
          })
      ->add_option("FILE", arguments_.policy, kPolicyHelp);
  offline("diff", "Say exactly what opens and closes between two policies",
          [this](const quay::Context& context, const quay::LiveContext&) {
            return quay::diff_policies(context, arguments_.words.at(0), arguments_.words.at(1));
          })
      ->add_option("FILE FILE", arguments_.words, "The old policy and the new one")
      ->expected(2)
      ->required();
  CLI::App* analyze =
      offline("analyze", "Say what anybody's packet filter lets through, or how two differ",
              [this](const quay::Context& context, const quay::LiveContext&) {
                return analyze_filters(context, arguments_);
              });
  analyze->add_option("FILE", arguments_.words, "A filter; two are compared")->expected(0, 2);
  analyze->add_flag("--live", arguments_.live, "The packet filter that this host's kernel has");
  CLI::App* explain =
      offline("explain", "Say what a policy does with a packet, and why",
              [this](const quay::Context& context, const quay::LiveContext&) {
                return quay::explain_packet(context, arguments_.words, arguments_.policy);
              });
  explain->add_option("PACKET", arguments_.words, "The packet")->required();
  explain->add_option("--policy", arguments_.policy, kPolicyHelp)->option_text("FILE");
  offline("services", "Show the services that the catalogue knows, or one in full",
          [this](const quay::Context& context, const quay::LiveContext&) {
            return quay::list_services(context, arguments_.service.id);
          })
      ->add_option("ID", arguments_.service.id, "A service");
}

// What is said of verbs that are none.
constexpr std::array<std::pair<std::string_view, const char*>, 13> kHints{{
    {"start",
     "units are systemd's: `systemctl start ...`; `quaymaster service expose` opens ports"},
    {"stop", "units are systemd's: `systemctl stop ...`; `quaymaster service hide` closes ports"},
    {"restart",
     "units are systemd's: `systemctl restart ...`; an edited policy comes into force with "
     "`quaymaster apply`"},
    {"reload", "an edited policy comes into force with `quaymaster apply`"},
    {"open", "it is `quaymaster allow` for a port, `quaymaster service expose` for a service"},
    {"close", "it is `quaymaster deny` for a port, `quaymaster service hide` for a service"},
    {"block", "it is `quaymaster deny` for a port, `quaymaster service hide` for a service"},
    {"remove", "it is `quaymaster delete` for a rule, `quaymaster interface remove` for a name"},
    {"help", "it is `quaymaster --help`"},
    {"version", "it is `quaymaster --version`"},
    {"list",
     "it is `quaymaster status numbered` for rules, `quaymaster service list` for services"},
    {"route",
     "routed packets are not managed: they are dropped or left alone (`forward` in the policy)"},
    {"reset", "it is `quaymaster init --factory`"},
}};

// `service set bacnet --port 47809`, `service ssh hide`
std::string meant_of_service(const std::vector<std::string>& words) {
  if (words[1] != "set") {
    constexpr std::array<std::string_view, 4> switches{"enable", "disable", "expose", "hide"};
    return std::ranges::find(switches, words[2]) == switches.end()
               ? ""
               : fmt::format("it is `quaymaster service {} {}`", words[2], words[1]);
  }
  for (const std::string& word : words)
    for (const std::string_view key : {"port", "clients"})
      if (word == fmt::format("--{}", key) || word.starts_with(fmt::format("--{}=", key)))
        return fmt::format("it is `{}=...` without dashes: `quaymaster service set {} {}=...`", key,
                           words[2], key);
  return {};
}

// The verb that was meant by words that mean nothing: `disable ssh`.
std::string meant(const std::vector<std::string>& words) {
  const std::string& verb = words.front();
  if (words.size() > 1 && (verb == "enable" || verb == "disable") && !words[1].starts_with('-'))
    return fmt::format(
        "`{}` is about the whole policy; for one service it is `quaymaster service "
        "{} {}`",
        verb, verb, words[1]);
  if (words.size() > 1 && (verb == "expose" || verb == "hide" || verb == "set" || verb == "show"))
    return fmt::format("it is `quaymaster service {} {}`", verb, words[1]);
  if (words.size() > 2 && verb == "service")
    return meant_of_service(words);
  const auto* hint =
      std::ranges::find(kHints, verb, &std::pair<std::string_view, const char*>::first);
  return hint == kHints.end() ? "" : hint->second;
}

std::vector<std::string> verbs_of(const CLI::App& app) {
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({}))
    if (!verb->get_group().empty())
      verbs.push_back(verb->get_name());
  return verbs;
}

// The verb of that name below another; nullptr when there is none.
const CLI::App* find_verb(const CLI::App& app, const std::string& name) {
  for (const CLI::App* verb : app.get_subcommands({}))
    if (verb->get_name() == name)
      return verb;
  return nullptr;
}

// The verb that words lead to, as far as they do: "service set".
std::string verb_of(const CLI::App& app, const std::vector<std::string>& words) {
  std::string name;
  const CLI::App* at = &app;
  for (const std::string& word : words) {
    at = find_verb(*at, word);
    if (at == nullptr)
      break;
    name += word + " ";
  }
  return name;
}

// A verb that is missing or does not exist is told with those that do, and the one that is near.
bool wrong_verb(const CLI::App& app, const std::vector<std::string>& words) {
  if (words.empty()) {
    std::cerr << fmt::format("quaymaster: which verb? {}; `quaymaster --help` tells more\n",
                             quay::join(verbs_of(app), ", "));
    return true;
  }
  if (const std::string hint = meant(words); !hint.empty()) {
    std::cerr << "quaymaster: " << hint << '\n';
    return true;
  }
  const CLI::App* at = &app;
  for (const std::string& word : words) {
    const std::vector<std::string> verbs = verbs_of(*at);
    if (verbs.empty() || word.starts_with('-') || word == "complete")
      return false;
    at = find_verb(*at, word);
    if (at != nullptr)
      continue;
    std::cerr << fmt::format("quaymaster: there is no verb `{}{}`{}; the verbs are {}\n",
                             verb_of(app, words), word, quay::suggestion(word, verbs),
                             quay::join(verbs, ", "));
    return true;
  }
  return false;
}

int run(const Arguments& arguments, const Work& work) {
  quay::SystemFiles files;
  quay::SystemClock clock;
  const quay::Context context{.files = files,
                              .clock = clock,
                              .catalogue = arguments.catalogue,
                              .json = arguments.json,
                              .out = std::cout,
                              .err = std::cerr,
                              .style = quay::Style(quay::wants_colour(STDOUT_FILENO))};
  const quay::LiveContext live{
      .base = context,
      .ask =
          [&](const std::string& method, const std::string& target, const std::string& body) {
            return quay::ask_daemon(arguments.socket, method, target, body);
          },
      .in = std::cin};
  return work(context, live);
}

}  // namespace

int main(int argc, char** argv) try {
  std::signal(SIGPIPE, SIG_DFL);  // units ignore it: `quaymaster ports | head` is no failure there
  CLI::App app("Manages the ports and services of a Linux gateway.", "quaymaster");
  app.set_version_flag("--version", "quaymaster " QUAY_VERSION);
  app.require_subcommand(1);
  app.get_formatter()->label("SUBCOMMAND", "VERB");
  Arguments arguments;
  const Verbs verbs(app, arguments);
  app.footer("`quaymaster VERB --help` tells more; quaymaster(1) tells all.");
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (wrong_verb(app, words))
    return quay::kUsage;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0)
      return app.exit(error);
    std::cerr << "quaymaster: " << error.what() << "; `quaymaster " << verb_of(app, words)
              << "--help` tells more\n";
    return quay::kUsage;
  }
  const int status = run(arguments, verbs.chosen());
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "quaymaster: cannot write the output\n";
    return quay::kFailed;
  }
  return status;
} catch (const std::exception& error) {
  std::cerr << "quaymaster: " << error.what() << '\n';
  return quay::kFailed;
}
