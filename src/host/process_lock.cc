#include "host/process_lock.h"

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace quay {

Result<ProcessLock> ProcessLock::acquire(const std::string& path,
                                         std::chrono::milliseconds patience) {
  const auto failed = [&](int error) {
    return fail(Error{path, std::generic_category().message(error)});
  };
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code ignored;  // open() tells
  std::filesystem::create_directories(folder, ignored);
  const int fd = open(path.c_str(), O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    return failed(errno);
  ProcessLock lock(fd);
  // Root may be the first to come; the folder's owner must be able to come after it.
  struct stat owner{};
  if (geteuid() == 0 && stat(folder.c_str(), &owner) == 0)
    static_cast<void>(fchown(fd, owner.st_uid, owner.st_gid) == 0);
  const auto end = std::chrono::steady_clock::now() + patience;
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      return failed(errno);
    if (std::chrono::steady_clock::now() >= end)
      return fail(Error{path, "another process keeps changing the rules"});
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return lock;
}

ProcessLock::ProcessLock(ProcessLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

ProcessLock::~ProcessLock() {
  if (fd_ >= 0)
    close(fd_);
}

}  // namespace quay
