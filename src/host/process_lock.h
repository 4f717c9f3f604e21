// One process at a time.
#pragma once

#include <string>

#include "base/result.h"

namespace quay {

// Holds a lock file for as long as it lives; the kernel lets go of it when the process ends,
// however it ends.
class ProcessLock {
 public:
  // Waits until no other process holds `path`. Makes its folder when it is missing. Fails when the
  // file cannot be made.
  static Result<ProcessLock> acquire(const std::string& path);

  ProcessLock(ProcessLock&& other) noexcept;
  ProcessLock& operator=(ProcessLock&&) = delete;
  ~ProcessLock();

 private:
  explicit ProcessLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace quay
