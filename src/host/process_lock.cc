#include "host/process_lock.h"

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace quay {

Result<ProcessLock> ProcessLock::acquire(const std::string& path) {
  std::error_code ignored;  // open() tells
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  // Readable by all, so that whoever made it, others can hold it too.
  const int fd = open(path.c_str(), O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd < 0)
    return fail(Error{path, std::generic_category().message(errno)});
  ProcessLock lock(fd);
  while (flock(fd, LOCK_EX) != 0)
    if (errno != EINTR)
      return fail(Error{path, std::generic_category().message(errno)});
  return lock;
}

ProcessLock::ProcessLock(ProcessLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

ProcessLock::~ProcessLock() {
  if (fd_ >= 0)
    close(fd_);
}

}  // namespace quay
