#include "bench/control_cost.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "app/kernel_table.h"
#include "bench/rulesets.h"
#include "host/nftables.h"

namespace quay::bench {
namespace {

constexpr int kRounds = 200;

double milliseconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;
  return taken.count();
}

ChangeCost summary(const std::string& name, std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return {name, times[times.size() / 2], times.front(), times.back()};
}

template <typename Value>
void must(const Result<Value>& done) {
  if (!done)
    throw std::runtime_error(done.error().text());
}

std::vector<ChangeCost> measure() {
  Nftables firewall;
  KernelTable kernel(firewall);
  const NftTable whole = sample(0).table;
  NftTable without = whole;  // one port closed: one element less
  std::erase_if(without.maps.at("in").elements,
                [](const auto& element) { return element.first == "\"eth0\" . tcp . 55000"; });
  NftTable limited = whole;  // other sources for one service: one chain
  limited.chains.at("in_opcua") = {
      "ip saddr 10.0.0.0/8 counter name \"in_opcua\" accept comment \"service opcua\""};
  must(kernel.replace(whole));
  const Slot slot = kernel.read()->slot;
  std::vector<double> replace;
  std::vector<double> refill;
  std::vector<double> plain;
  const std::string by_hand_text = "flush chain inet hand input\n" + by_hand_script(30);
  must(firewall.run(by_hand_script(30)));
  std::vector<double> close_one;
  std::vector<double> open_one;
  std::vector<double> sources;
  std::vector<double> read_back;
  const auto change = [&](const NftTable& from, const NftTable& to) {
    return milliseconds([&] {
      const auto done = kernel.change(from, to, slot);
      if (!done || *done != slot)
        throw std::runtime_error("a small change was none");
    });
  };
  for (int i = 0; i < kRounds; ++i) {
    const Slot next = slot == Slot::A ? Slot::B : Slot::A;
    const std::string everything = nft_script(whole, next);
    replace.push_back(milliseconds([&] { must(firewall.run(everything)); }));
    const std::string switched = nft_script(whole, slot, whole);
    refill.push_back(milliseconds([&] { must(firewall.run(switched)); }));
    plain.push_back(milliseconds([&] { must(firewall.run(by_hand_text)); }));
    close_one.push_back(change(whole, without));
    open_one.push_back(change(without, whole));
    sources.push_back(change(whole, limited));
    static_cast<void>(change(limited, whole));
    read_back.push_back(milliseconds([&] { must(kernel.verify(whole)); }));
  }
  return {summary("whole policy, known what the kernel holds", refill),
          summary("whole policy, everything written", replace),
          summary("by hand, 30 rules reloaded", plain),
          summary("open one port", open_one),
          summary("close one port", close_one),
          summary("other sources for a service", sources),
          summary("read back and compare", read_back)};
}

}  // namespace

std::vector<ChangeCost> change_costs() {
  const std::string netns = "quaybench-" + std::to_string(getpid());
  if (std::system(("ip netns add " + netns).c_str()) != 0)
    throw std::runtime_error("cannot make namespace " + netns);
  std::vector<ChangeCost> costs;
  std::thread([&] {
    const int fd = open(("/run/netns/" + netns).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && setns(fd, CLONE_NEWNET) == 0)
      costs = measure();
    close(fd);
  }).join();
  static_cast<void>(std::system(("ip netns del " + netns).c_str()));
  return costs;
}

}  // namespace quay::bench
