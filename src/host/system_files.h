// Files and clock of the running system.
#pragma once

#include "host/host.h"

namespace quay {

class SystemFiles : public Files {
 public:
  Result<std::string> read(const std::string& path) override;
  std::optional<TimePoint> modified(const std::string& path) override;
  std::vector<std::string> list(const std::string& folder, const std::string& ending) override;
  bool clear_staged(const std::string& path) override;
  Result<std::unique_ptr<StagedFile>> stage(const std::string& path,
                                            const std::string& content) override;
};

class SystemClock : public Clock {
 public:
  TimePoint now() override;
};

}  // namespace quay
