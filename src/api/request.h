// A request and its answer, without the wire that they travel on.
#pragma once

#include <cstdint>
#include <string>

namespace quay {

// What the other end of the socket may do; each may do what those before it may.
enum class Role : std::uint8_t {
  None,
  Viewer,    // reads
  Operator,  // switches services and openings
  Admin,     // changes the policy
};

struct ApiRequest {
  std::string method;  // "GET", "POST"
  std::string target;  // "/v1/services/mqtt"
  std::string body;
  Role role = Role::None;
};

struct ApiResponse {
  int status = 200;
  std::string body;  // JSON
};

}  // namespace quay
