// quaymaster: the command line.
#include <array>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/commands.h"
#include "host/system_files.h"

namespace {

constexpr const char* kPolicy = "/etc/quaymaster/policy.toml";
constexpr const char* kPolicyHelp = "The policy file; without it /etc/quaymaster/policy.toml";

// What the words of a command line ask for.
struct Arguments {
  bool json = false;
  std::vector<std::string> catalogue = quay::kInstalledCatalogue;
  std::string policy = kPolicy;
  std::vector<std::string> packet;
  std::string service;
};

void add_verbs(CLI::App& app, Arguments& arguments) {
  const auto add = [&](const char* name, const char* description) {
    CLI::App* verb = app.add_subcommand(name, description);
    verb->add_flag("--json", arguments.json, "Print JSON (shape: docs/json.md)");
    verb->add_option("--catalogue", arguments.catalogue,
                     "Use the catalogue in DIR instead of the installed one; may be repeated")
        ->option_text("DIR")
        ->allow_extra_args(false);
    return verb;
  };
  add("compile", "Print the nft script of a policy, loadable with `nft -f`")
      ->add_option("FILE", arguments.policy, kPolicyHelp);
  add("check", "Tell what is wrong in a policy, and run its own tests")
      ->add_option("FILE", arguments.policy, kPolicyHelp);
  CLI::App* explain = add("explain", "Say what a policy does with a packet, and why");
  explain->footer(
      "A packet is a sentence; what is left out means any:\n"
      "  quaymaster explain in on eth1 1883/tcp from 203.0.113.7\n"
      "  quaymaster explain out on eth0 47808/udp sport 47808 to 10.1.0.255\n"
      "  quaymaster explain in icmp type echo-request");
  explain->add_option("PACKET", arguments.packet, "The packet")->required();
  explain->add_option("--policy", arguments.policy, kPolicyHelp)->option_text("FILE");
  add("services", "Show the services that the catalogue knows, or one in full")
      ->add_option("ID", arguments.service, "A service");
}

// A verb that is missing or does not exist is told with those that do, and the one that is near.
bool wrong_verb(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({}))
    verbs.push_back(verb->get_name());
  if (argc < 2) {
    std::cerr << fmt::format("quaymaster: which verb? {}; `quaymaster --help` tells more\n",
                             quay::join(verbs, ", "));
    return true;
  }
  const std::string word = argv[1];
  if (word.starts_with('-'))
    return false;
  if (std::find(verbs.begin(), verbs.end(), word) != verbs.end())
    return false;
  std::cerr << fmt::format("quaymaster: there is no verb `{}`{}; the verbs are {}\n", word,
                           quay::suggestion(word, verbs), quay::join(verbs, ", "));
  return true;
}

int run(const CLI::App& app, const Arguments& arguments) {
  quay::SystemFiles files;
  quay::SystemClock clock;
  const quay::Context context{.files = files,
                              .clock = clock,
                              .catalogue = arguments.catalogue,
                              .json = arguments.json,
                              .out = std::cout,
                              .err = std::cerr,
                              .style = quay::Style(quay::wants_colour(STDOUT_FILENO))};
  if (app.got_subcommand("compile"))
    return quay::compile_policy(context, arguments.policy);
  if (app.got_subcommand("check"))
    return quay::check_policy(context, arguments.policy);
  if (app.got_subcommand("explain"))
    return quay::explain_packet(context, arguments.packet, arguments.policy);
  return quay::list_services(context, arguments.service);
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app("Manages the ports and services of a Linux gateway.", "quaymaster");
  app.set_version_flag("--version", "quaymaster " QUAY_VERSION);
  app.require_subcommand(1);
  app.get_formatter()->label("SUBCOMMAND", "VERB");
  app.get_formatter()->label("Subcommands", "Verbs");
  app.footer("`quaymaster VERB --help` tells more; quaymaster(1) tells all.");
  Arguments arguments;
  add_verbs(app, arguments);
  if (wrong_verb(app, argc, argv))
    return quay::kUsage;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0)
      return app.exit(error);
    std::cerr << "quaymaster: " << error.what() << "; `quaymaster " << argv[1]
              << " --help` tells more\n";
    return quay::kUsage;
  }
  const int status = run(app, arguments);
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
