#include "bench/packet_cost.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

namespace quay::bench {
namespace {

constexpr int kPacketsPerSlice = 8'000;
constexpr std::size_t kPayload = 64;

void run(const std::string& command) {
  if (std::system(command.c_str()) != 0)
    throw std::runtime_error("failed: " + command);
}

// Opens a UDP socket inside a namespace; the socket stays there when the thread is gone.
int udp_socket_in(const std::string& netns) {
  int fd = -1;
  std::thread([&] {
    const int ns = open(("/run/netns/" + netns).c_str(), O_RDONLY | O_CLOEXEC);
    if (ns >= 0 && setns(ns, CLONE_NEWNET) == 0)
      fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (ns >= 0)
      close(ns);
  }).join();
  if (fd < 0)
    throw std::runtime_error("no socket in " + netns);
  return fd;
}

sockaddr_in address(const std::string& text, int port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET, text.c_str(), &result.sin_addr);
  return result;
}

// A sender and a receiver with one contestant's rules between them.
class Track {
 public:
  Track(const Contestant& contestant, Flow flow, int number)
      : gate_(fmt::format("quaybench-{}-g{}", getpid(), number)),
        sender_(fmt::format("quaybench-{}-s{}", getpid(), number)) {
    run("ip netns add " + gate_);
    run("ip netns add " + sender_);
    run(fmt::format("ip link add eth0 netns {} type veth peer name eth0 netns {}", gate_, sender_));
    run(
        fmt::format("ip -n {0} addr add 10.9.0.1/24 dev eth0 && ip -n {0} link set eth0 up && "
                    "ip -n {0} link set lo up",
                    gate_));
    run(
        fmt::format("ip -n {0} addr add 10.9.0.2/24 dev eth0 && ip -n {0} link set eth0 up && "
                    "ip -n {0} link set lo up",
                    sender_));
    contestant.load(gate_);
    from_ = udp_socket_in(sender_);
    to_ = udp_socket_in(gate_);
    const int small = 1;
    setsockopt(to_, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    const sockaddr_in gate = address("10.9.0.1", contestant.port);
    const timeval patience{.tv_sec = 1, .tv_usec = 0};
    setsockopt(to_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (bind(to_, reinterpret_cast<const sockaddr*>(&gate), sizeof gate) != 0 ||
        connect(from_, reinterpret_cast<const sockaddr*>(&gate), sizeof gate) != 0)
      throw std::runtime_error("no flow in " + gate_);
    greet(contestant.name, flow);
  }
  Track(const Track&) = delete;
  Track& operator=(const Track&) = delete;
  ~Track() {
    close(from_);
    close(to_);
    static_cast<void>(std::system(("ip netns del " + gate_ + "; ip netns del " + sender_).c_str()));
  }

  // CPU nanoseconds per packet over one slice.
  double slice() const {
    const std::array<char, kPayload> payload{};
    timespec begin{};
    timespec end{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    for (int i = 0; i < kPacketsPerSlice; ++i)
      static_cast<void>(send(from_, payload.data(), payload.size(), 0));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    const double elapsed = static_cast<double>(end.tv_sec - begin.tv_sec) * 1e9 +
                           static_cast<double>(end.tv_nsec - begin.tv_nsec);
    return elapsed / kPacketsPerSlice;
  }

 private:
  // One packet must arrive; for an established flow it is also answered.
  void greet(const std::string& name, Flow flow) const {
    std::array<char, kPayload> payload{};
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    for (int attempt = 0; attempt < 3; ++attempt) {  // the first may wait for ARP
      static_cast<void>(send(from_, payload.data(), payload.size(), 0));
      if (recvfrom(to_, payload.data(), payload.size(), 0, reinterpret_cast<sockaddr*>(&peer),
                   &size) > 0) {
        if (flow == Flow::Established)
          sendto(to_, payload.data(), payload.size(), 0, reinterpret_cast<sockaddr*>(&peer), size);
        return;
      }
    }
    throw std::runtime_error(name + " drops the packet that it must let through");
  }

  std::string gate_;
  std::string sender_;
  int from_ = -1;
  int to_ = -1;
};

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

}  // namespace

std::vector<Cost> packet_costs(const std::vector<Contestant>& contestants, Flow flow, int rounds) {
  std::vector<std::unique_ptr<Track>> tracks;
  for (const Contestant& contestant : contestants)
    tracks.push_back(std::make_unique<Track>(contestant, flow, static_cast<int>(tracks.size())));
  std::vector<std::vector<double>> cost(tracks.size());
  std::vector<std::vector<double>> ratio(tracks.size());
  std::mt19937 random(1);  // NOLINT: the same order in every run
  std::vector<std::size_t> order(tracks.size());
  std::iota(order.begin(), order.end(), 0U);
  for (int round = 0; round < rounds; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    std::vector<double> now(tracks.size());
    for (const std::size_t i : order)
      now[i] = tracks[i]->slice();
    for (std::size_t i = 0; i < tracks.size(); ++i) {
      cost[i].push_back(now[i]);
      ratio[i].push_back(now[i] / now[0]);
    }
  }
  std::vector<Cost> result;
  for (std::size_t i = 0; i < tracks.size(); ++i)
    result.push_back({contestants[i].name, percentile(cost[i], 0.1), percentile(ratio[i], 0.5)});
  return result;
}

}  // namespace quay::bench
