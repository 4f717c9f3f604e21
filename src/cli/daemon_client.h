// The command line's end of the daemon's socket.
#pragma once

#include <memory>
#include <string>

#include "api/request.h"
#include "base/result.h"

namespace quay {

inline constexpr const char* kDaemonSocket = "/run/quaymaster/api.sock";

// One connection, made at the first question and kept for the next. Blocks.
class DaemonClient {
 public:
  explicit DaemonClient(std::string socket);
  ~DaemonClient();

  // Fails when nobody answers; what the daemon refuses is an answer.
  Result<ApiResponse> ask(const std::string& method, const std::string& target,
                          const std::string& body);

 private:
  struct Connection;
  std::string socket_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace quay
