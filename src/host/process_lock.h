// One process at a time.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"

namespace quay {

// Holds a lock file for as long as it lives; the kernel lets go of it when the process ends,
// however it ends.
class ProcessLock {
 public:
  // Waits until no other process holds `path`, at most `patience`. Only root and the owner of its
  // folder can hold it, so that nobody else keeps them waiting. Fails when the file cannot be made,
  // and when the time is up.
  static Result<ProcessLock> acquire(const std::string& path, std::chrono::milliseconds patience);

  ProcessLock(ProcessLock&& other) noexcept;
  ProcessLock& operator=(ProcessLock&&) = delete;
  ~ProcessLock();

 private:
  explicit ProcessLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace quay
