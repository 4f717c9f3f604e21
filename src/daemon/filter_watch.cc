#include "daemon/filter_watch.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace quay {
namespace {

using Steady = std::chrono::steady_clock;

constexpr const char* kOurs = "inet quaymaster";
constexpr const char* kAllWell = "what the policy opens stays open";
constexpr std::size_t kRounds = 5;
constexpr std::chrono::seconds kWindow{10};
constexpr std::chrono::seconds kPause{1};

std::string by(const std::string& process) {
  return process.empty() ? "somebody else" : process;
}

std::string and_more(std::size_t count) {
  return count > 1 ? fmt::format("; and {} more", count - 1) : "";
}

}  // namespace

FilterWatch::FilterWatch(boost::asio::io_context& context, int events, Drain drain,
                         Manager& manager, Examine examine, Tell tell)
    : drain_(std::move(drain)),
      manager_(manager),
      examine_(std::move(examine)),
      tell_(std::move(tell)),
      readable_(context, events),
      pause_(context) {}

void FilterWatch::start() {
  told_ = verdict(manager_.prove());
  if (!told_.empty() && told_ != kAllWell)
    tell_(told_);
  wait();
}

void FilterWatch::wait() {
  readable_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                       [this](const boost::system::error_code& error) {
                         if (!error)
                           look();
                       });
}

void FilterWatch::look() {
  NftChanges news = drain_();
  for (const auto& [table, process] : news.tables)
    seen_.add(table, process);
  seen_.lost = seen_.lost || news.lost;
  const Milliseconds ours = examine();
  const Milliseconds others = review();
  const Milliseconds pause = std::max(ours, others);
  if (pause == Milliseconds::zero())
    return wait();
  pause_.expires_after(pause);
  pause_.async_wait([this](const boost::system::error_code& error) {
    if (!error)
      look();
  });
}

FilterWatch::Milliseconds FilterWatch::examine() {
  const auto change = seen_.tables.find(kOurs);
  if (change == seen_.tables.end() && !seen_.lost)
    return Milliseconds::zero();
  const auto differences = examine_();
  if (!differences) {  // and is tried again
    tell_(differences.error().text());
    seen_.add(kOurs, "");
    return kPause;
  }
  if (!differences->empty())
    report(*differences, change == seen_.tables.end() ? "" : change->second);
  seen_.tables.erase(kOurs);
  while (!rounds_.empty() && Steady::now() - rounds_.front() > kWindow)
    rounds_.pop_front();
  return rounds_.size() > kRounds ? kPause : Milliseconds::zero();
}

void FilterWatch::report(const std::vector<std::string>& differences, const std::string& process) {
  const bool stays = !manager_.drift().empty();
  tell_(fmt::format("what {} changed in our table {}: {}{}", by(process),
                    stays ? "stays" : "was put back", differences.front(),
                    and_more(differences.size())));
  if (!stays)
    rounds_.push_back(Steady::now());
}

FilterWatch::Milliseconds FilterWatch::review() {
  const bool known = manager_.proof() && manager_.drift().empty();
  const bool others =
      std::ranges::any_of(seen_.tables, [](const auto& change) { return change.first != kOurs; });
  if (known && !others && !seen_.lost)
    return Milliseconds::zero();
  const auto begin = Steady::now();
  const auto proof = manager_.prove();
  const std::string found = verdict(proof);
  // What was there before is nobody's work now.
  const bool as_before = found == std::exchange(told_, found) && found != kAllWell;
  for (const auto& [table, process] : seen_.tables)
    if (table != kOurs && !found.empty())
      tell_(fmt::format("table {} was changed by {}: {}", table, by(process),
                        as_before ? "what stands between policy and packets is as before" : found));
  if (seen_.lost && !found.empty())
    tell_("the packet filter was changed faster than we could look: " + found);
  std::erase_if(seen_.tables, [](const auto& change) { return change.first != kOurs; });
  seen_.lost = false;
  const auto taken = std::chrono::duration_cast<Milliseconds>(Steady::now() - begin);
  return taken < Milliseconds(20) ? Milliseconds::zero() : taken * 10;
}

// Empty where the kernel is held against no policy.
std::string FilterWatch::verdict(const Result<Proof>& proof) const {
  if (!proof)
    return manager_.enforcement() == Enforcement::On ? proof.error().text() : "";
  const auto first_of = [](const std::vector<Difference>& list) {
    return to_text(list.front()) + and_more(list.size());
  };
  if (!proof->differences.empty())
    return "the kernel does not do what the policy says: " + first_of(proof->differences);
  if (!proof->opened.empty())
    return "what the policy closes is open: " + first_of(proof->opened);
  if (!proof->closed.empty())
    return "what the policy opens is closed: " + first_of(proof->closed);
  return proof->too_large ? "there are too many rules now to hold them against the policy"
                          : kAllWell;
}

}  // namespace quay
