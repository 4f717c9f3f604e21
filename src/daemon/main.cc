// quaymasterd: keeps the policy in force and answers for it, on one thread and one event loop.
#include <chrono>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <malloc.h>
#include <systemd/sd-daemon.h>

#include "api/routes.h"
#include "api/server.h"
#include "app/manager.h"
#include "daemon/filter_watch.h"
#include "host/nft_events.h"
#include "host/nftables.h"
#include "host/process_lock.h"
#include "host/system_files.h"
#include "host/system_network.h"
#include "host/systemd_units.h"

namespace {

namespace asio = boost::asio;

void tell(const std::string& line) {
  std::cerr << "quaymasterd: " << line << '\n';
}

// Nobody else changes the rules while this is held: quaymaster-restore takes the same lock.
quay::Result<quay::ProcessLock> lock(const quay::RestorePaths& paths) {
  return quay::ProcessLock::acquire(paths.lock, std::chrono::seconds(2));
}

// Tells systemd that we live, when it wants to know (sd_watchdog_enabled(3)).
class Watchdog {
 public:
  explicit Watchdog(asio::io_context& context) : timer_(context) {
    std::uint64_t microseconds = 0;
    if (sd_watchdog_enabled(0, &microseconds) > 0)
      interval_ = std::chrono::microseconds(microseconds / 2);
  }
  void run() {
    if (interval_.count() == 0)
      return;
    sd_notify(0, "WATCHDOG=1");
    timer_.expires_after(interval_);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error)
        run();
    });
  }

 private:
  asio::steady_timer timer_;
  std::chrono::microseconds interval_{0};
};

int run(int argc, char** argv) {
  CLI::App app(
      "Keeps the policy in force and answers for it on a Unix socket (docs/openapi.yaml).\n"
      "Needs CAP_NET_ADMIN and write access to the policy's folder.",
      "quaymasterd");
  quay::RestorePaths paths;
  std::string socket = "/run/quaymaster/api.sock";
  std::string helper = "/run/quaymaster-helper.sock";
  app.set_version_flag("--version", "quaymasterd " QUAY_VERSION);
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
  app.add_option("--socket", socket, "The socket to answer on")
      ->option_text("FILE")
      ->capture_default_str();
  app.add_option("--helper", helper, "Where quaymaster-helper listens")
      ->option_text("FILE")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0)
      return app.exit(error);
    tell(std::string(error.what()) + "; `quaymasterd --help` tells more");
    return 2;
  }

  // Memory stays until nobody asks any more: to fetch it page by page for every answer is slow.
  mallopt(M_TRIM_THRESHOLD, 32 << 20);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most that there is

  quay::Nftables firewall;
  quay::SystemFiles files;
  quay::SystemClock clock;
  quay::Manager manager(firewall, files, clock, paths);
  auto events = quay::NftEvents::open();
  if (!events) {
    tell(events.error().text());
    return 1;
  }
  {
    const auto held = lock(paths);
    const auto started = held ? manager.start() : quay::Result<void>(quay::fail(held.error()));
    if (!started) {
      tell(started.error().text());
      return 1;
    }
  }
  for (const quay::Error& error : manager.faults())
    tell(error.text());

  quay::SystemNetwork network;
  quay::SystemdUnits units(helper);
  const quay::Gateway gateway{manager, network, units};
  asio::io_context context(1);
  asio::steady_timer quiet(context);
  const auto server = quay::Server::listen(context, socket, [&](const quay::ApiRequest& request) {
    const bool changes = request.method != "GET";
    const quay::Result<quay::ProcessLock> held =
        changes ? lock(paths) : quay::Result<quay::ProcessLock>(quay::fail(""));
    if (changes && !held)
      return quay::refusal(500, held.error());
    // What an answer took goes back to the system, once nobody asks any more.
    quiet.expires_after(std::chrono::seconds(1));
    quiet.async_wait([](const boost::system::error_code& error) {
      if (!error)
        malloc_trim(0);
    });
    return quay::answer(gateway, request);
  });
  if (!server) {
    tell(server.error().text());
    return 1;
  }
  const auto examine = [&]() -> quay::Result<std::vector<std::string>> {
    const auto held = lock(paths);
    if (!held)
      return quay::fail(held.error());
    return manager.examine();
  };
  quay::FilterWatch watch(
      context, events->fd(), [&] { return events->drain(); }, manager, examine, tell);
  watch.start();
  Watchdog watchdog(context);
  watchdog.run();
  asio::signal_set signals(context, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code&, int) { context.stop(); });
  sd_notify(0, "READY=1");
  context.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  return run(argc, argv);
} catch (const std::exception& error) {
  std::cerr << "quaymasterd: " << error.what() << '\n';
  return 1;
}
