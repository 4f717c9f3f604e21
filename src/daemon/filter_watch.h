// Looks when the kernel says that somebody changed its packet filter.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "app/manager.h"
#include "base/result.h"
#include "host/nft_changes.h"

namespace quay {

// Our own table is examined and put back; a program that keeps fighting for it is answered once a
// second after the first few rounds. When another table changes, the policy is proved again and
// what it opens or closes is told. Reviews that take long leave ten times as long to others.
class FilterWatch {
 public:
  // Takes the changes that wait.
  using Drain = std::function<NftChanges()>;
  // Manager::examine under the lock of those who change the policy.
  using Examine = std::function<Result<std::vector<std::string>>()>;
  using Tell = std::function<void(const std::string& line)>;

  // `events` is readable when changes wait. It, the context and the manager outlive the watch.
  FilterWatch(boost::asio::io_context& context, int events, Drain drain, Manager& manager,
              Examine examine, Tell tell);
  FilterWatch(const FilterWatch&) = delete;
  FilterWatch& operator=(const FilterWatch&) = delete;
  ~FilterWatch() { readable_.release(); }

  // Tells what is closed already, and waits for events.
  void start();

 private:
  using Milliseconds = std::chrono::milliseconds;

  void wait();
  void look();
  // How long to leave things alone now.
  Milliseconds examine();
  Milliseconds review();
  void report(const std::vector<std::string>& differences, const std::string& process);
  std::string verdict(const Result<Proof>& proof) const;

  Drain drain_;
  Manager& manager_;
  Examine examine_;
  Tell tell_;
  boost::asio::posix::stream_descriptor readable_;
  boost::asio::steady_timer pause_;
  NftChanges seen_;                                           // and not looked at yet
  std::string told_;                                          // the last verdict
  std::deque<std::chrono::steady_clock::time_point> rounds_;  // of the fight
};

}  // namespace quay
