// The command line's end of the daemon's socket.
#pragma once

#include <string>

#include "api/request.h"
#include "base/result.h"

namespace quay {

inline constexpr const char* kDaemonSocket = "/run/quaymaster/api.sock";

// Asks the daemon, on a connection of its own: a person may think about a prompt for longer than
// the daemon keeps one. Fails when nobody answers; what the daemon refuses is an answer.
Result<ApiResponse> ask_daemon(const std::string& socket, const std::string& method,
                               const std::string& target, const std::string& body);

}  // namespace quay
