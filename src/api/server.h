// HTTP on a Unix socket.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/request.h"
#include "base/result.h"

namespace boost::asio {
class io_context;  // NOLINT(readability-identifier-naming): its own name
}

namespace quay {

// Takes connections on a socket file and answers every request by one call of `answer`, on the
// thread that runs the io_context. The role is what the other end's user and groups give it. At
// most 64 connections at once, 16 of one user, root's apart; bodies up to 1 MiB; a silent
// connection is closed after 30 seconds.
class Server {
 public:
  using Answer = std::function<ApiResponse(const ApiRequest&)>;

  // Replaces a socket file that was left behind; everybody may connect. Fails when the socket
  // cannot be made. `context` outlives the server.
  static Result<std::unique_ptr<Server>> listen(boost::asio::io_context& context,
                                                const std::string& path, Answer answer);
  ~Server();

 private:
  struct State;
  explicit Server(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace quay
