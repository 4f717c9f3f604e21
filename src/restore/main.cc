// quaymaster-restore: brings the policy's rules into the kernel, as root and without a daemon.
// The boot unit runs it, and so does everybody who has edited the policy file.
#include <chrono>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/restore.h"
#include "host/nftables.h"
#include "host/process_lock.h"
#include "host/system_files.h"

namespace {

std::string_view summary(quay::Restored restored) {
  switch (restored) {
    case quay::Restored::Policy:
      return "the policy is in force";
    case quay::Restored::Off:
      return "nothing is enforced: the policy says enforcing = false";
    case quay::Restored::Kept:
      return "the policy is refused; the rules that were in force stay";
    case quay::Restored::LastGood:
      return "the policy is refused; the rules that loaded last are in force";
    case quay::Restored::FailSafe:
      break;
  }
  return "the policy is refused; the fail-safe rules are in force (profile enhanced)";
}

int run(int argc, char** argv) {
  CLI::App app(
      "Brings the policy's rules into the kernel and checks what it wrote.\n"
      "Needs root. Exit status: 0 the policy is in force, 1 it is not, 2 wrong usage.",
      "quaymaster-restore");
  quay::RestorePaths paths;
  bool quiet = false;
  app.set_version_flag("--version", "quaymaster-restore " QUAY_VERSION);
  app.add_option("--policy", paths.policy, "The policy file")
      ->option_text("FILE")
      ->capture_default_str();
  app.add_option("--catalogue", paths.catalogue,
                 "Use the catalogue in DIR instead of the installed one; may be repeated")
      ->option_text("DIR");
  app.add_option("--last-good", paths.last_good, "Where the rules that loaded last are kept")
      ->option_text("FILE")
      ->capture_default_str();
  app.add_option("--lock", paths.lock, "Held by whoever changes the rules")
      ->option_text("FILE")
      ->capture_default_str();
  app.add_flag("--quiet", quiet, "Say nothing when all is well");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0)
      return app.exit(error);
    std::cerr << "quaymaster-restore: " << error.what()
              << "; `quaymaster-restore --help` tells more\n";
    return 2;
  }

  const auto lock = quay::ProcessLock::acquire(paths.lock, std::chrono::seconds(30));
  if (!lock) {
    std::cerr << "quaymaster-restore: " << lock.error().text() << '\n';
    return 1;
  }
  quay::Nftables firewall;
  quay::SystemFiles files;
  quay::SystemClock clock;
  const auto report = quay::restore(firewall, files, clock, paths);
  if (!report) {
    std::cerr << "quaymaster-restore: " << report.error().text() << '\n';
    return 1;
  }
  for (const quay::Error& error : report->errors)
    std::cerr << "quaymaster-restore: " << error.text() << '\n';
  for (const std::string& note : report->notes)
    std::cerr << "quaymaster-restore: warning: " << note << '\n';
  const bool enforced = report->restored == quay::Restored::Policy;
  std::size_t rules = 0;
  if (const auto& policy = report->policy)
    rules = policy->compiled.rules.size();
  const bool done = enforced || report->restored == quay::Restored::Off;
  if (!done)
    std::cerr << "quaymaster-restore: " << summary(report->restored) << '\n';
  else if (!quiet)
    std::cout << summary(report->restored)
              << (enforced ? fmt::format(": {} rules, read back and compared", rules) : "") << '\n';
  return done ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  return run(argc, argv);
} catch (const std::exception& error) {
  std::cerr << "quaymaster-restore: " << error.what() << '\n';
  return 1;
}
