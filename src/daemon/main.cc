// quaymasterd: keeps the policy in force and answers for it, on one thread and one event loop.
#include <algorithm>
#include <chrono>
#include <deque>
#include <exception>
#include <iostream>
#include <string>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <malloc.h>
#include <systemd/sd-daemon.h>

#include "api/routes.h"
#include "api/server.h"
#include "app/manager.h"
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

// Examines our table when the kernel says that it was touched. A program that keeps fighting for
// it is answered once a second after the first few rounds.
class DriftWatch {
 public:
  DriftWatch(asio::io_context& context, quay::Manager& manager, quay::NftEvents& events,
             const quay::RestorePaths& paths)
      : manager_(manager),
        events_(events),
        paths_(paths),
        readable_(context, events.fd()),
        pause_(context) {}
  DriftWatch(const DriftWatch&) = delete;
  DriftWatch& operator=(const DriftWatch&) = delete;
  ~DriftWatch() { readable_.release(); }

  void wait() {
    readable_.async_wait(asio::posix::descriptor_base::wait_read,
                         [this](const boost::system::error_code& error) {
                           if (error)
                             return;
                           if (events_.drain())
                             examine();
                           else
                             wait();
                         });
  }

 private:
  static constexpr std::size_t kRounds = 5;
  static constexpr std::chrono::seconds kWindow{10};

  void examine() {
    const auto differences = locked_examine();
    if (!differences)
      tell(differences.error().text());
    else if (!differences->empty())
      report(*differences);
    if (differences && rounds_.size() <= kRounds)
      return wait();
    // What failed is tried again, and a fight is fought slowly.
    pause_.expires_after(std::chrono::seconds(1));
    pause_.async_wait([this](const boost::system::error_code& error) {
      if (!error)
        examine_and_forget();
    });
  }

  void examine_and_forget() {
    forget(std::chrono::steady_clock::now());
    static_cast<void>(events_.drain());
    examine();
  }

  quay::Result<std::vector<std::string>> locked_examine() {
    const auto held = lock(paths_);
    if (!held)
      return quay::fail(held.error());
    return manager_.examine();
  }

  void forget(std::chrono::steady_clock::time_point now) {
    while (!rounds_.empty() && now - rounds_.front() > kWindow)
      rounds_.pop_front();
  }

  void report(const std::vector<std::string>& differences) {
    const bool stays = !manager_.drift().empty();
    tell(std::to_string(differences.size()) + " differences in our table, made by somebody else, " +
         (stays ? "stay" : "were put back") + "; the first: " + differences.front());
    if (stays)
      return;
    const auto now = std::chrono::steady_clock::now();
    rounds_.push_back(now);
    forget(now);
  }

  quay::Manager& manager_;
  quay::NftEvents& events_;
  const quay::RestorePaths& paths_;
  asio::posix::stream_descriptor readable_;
  asio::steady_timer pause_;
  std::deque<std::chrono::steady_clock::time_point> rounds_;
};

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
  DriftWatch drift(context, manager, *events, paths);
  drift.wait();
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
