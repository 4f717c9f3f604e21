#include "host/process_lock.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace quay {

Result<ProcessLock> ProcessLock::acquire(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
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
