#include "host/socket_holders.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"

namespace quay {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kQuestion = "socket-holders";
constexpr timeval kPatience{.tv_sec = 2, .tv_usec = 0};

// The inode of "socket:[12345]".
std::optional<std::uint64_t> socket_inode(std::string_view link) {
  constexpr std::string_view begin = "socket:[";
  if (!link.starts_with(begin) || !link.ends_with(']'))
    return std::nullopt;
  return parse_number(link.substr(begin.size(), link.size() - begin.size() - 1), UINT64_MAX);
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error))
    if (const auto pid = parse_number(entry->path().filename().native(), INT32_MAX))
      pids.push_back(static_cast<pid_t>(*pid));
  std::ranges::sort(pids);
  return pids;
}

bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (size <= 0)
      return false;
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

// A connection to the helper; -1 without one.
int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return -1;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -1;
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return fd;
  close(fd);
  return -1;
}

}  // namespace

Holders socket_holders(const Inodes& inodes) {
  Holders holders;
  for (const pid_t pid : all_processes()) {
    std::error_code error;
    for (fs::directory_iterator entry(fmt::format("/proc/{}/fd", pid), error), end;
         !error && entry != end; entry.increment(error)) {
      std::error_code gone;  // it may be closed by now
      const auto inode = socket_inode(fs::read_symlink(entry->path(), gone).native());
      if (inode && inodes.contains(*inode))
        holders.emplace(*inode, pid);
    }
  }
  return holders;
}

Holders ask_socket_holders(const std::string& helper_socket, const Inodes& inodes) {
  const int fd = inodes.empty() ? -1 : connect_to(helper_socket);
  if (fd < 0)
    return {};
  std::string question(kQuestion);
  std::size_t count = 0;
  for (const std::uint64_t inode : inodes)
    if (++count <= kMostInodes)
      question += fmt::format(" {}", inode);
  std::string answer;
  if (send_all(fd, question + "\n")) {
    std::array<char, 4096> piece{};
    ssize_t size = 0;
    while ((size = recv(fd, piece.data(), piece.size(), 0)) > 0)
      answer.append(piece.data(), static_cast<std::size_t>(size));
  }
  close(fd);
  Holders holders;
  for (const std::string_view line : split(answer, '\n')) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos)
      continue;
    const auto inode = parse_number(line.substr(0, space), UINT64_MAX);
    const auto pid = parse_number(line.substr(space + 1), INT32_MAX);
    if (inode && pid)
      holders.emplace(*inode, static_cast<pid_t>(*pid));
  }
  return holders;
}

std::string answer_socket_holders(const std::string& line) {
  Inodes inodes;
  const std::vector<std::string_view> words = split(line, ' ');
  if (words.size() < 2 || words.size() > kMostInodes + 1 || words.front() != kQuestion)
    return {};
  for (const std::string_view word : std::span(words).subspan(1)) {
    const auto inode = parse_number(word, UINT64_MAX);
    if (!inode)
      return {};
    inodes.insert(*inode);
  }
  std::string answer;
  for (const auto& [inode, pid] : socket_holders(inodes))
    answer += fmt::format("{} {}\n", inode, pid);
  return answer;
}

}  // namespace quay
