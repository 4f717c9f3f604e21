#include "api/server.h"

#include <chrono>
#include <exception>
#include <iostream>
#include <map>
#include <optional>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "host/peer.h"

namespace quay {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Local = asio::local::stream_protocol;
using Stream = beast::basic_stream<Local>;

constexpr std::chrono::seconds kSilence{30};
constexpr std::chrono::milliseconds kPause{100};
constexpr std::uint64_t kLargestBody = 1 << 20;
constexpr int kMostConnections = 64;  // of all users but root
constexpr int kMostOfOneUser = 16;

Role role_of(const std::optional<Peer>& peer) {
  if (!peer)
    return Role::None;
  if (peer->uid == 0 || peer->in_group("quaymaster-admin"))
    return Role::Admin;
  if (peer->in_group("quaymaster-operator"))
    return Role::Operator;
  return peer->in_group("quaymaster-viewer") ? Role::Viewer : Role::None;
}

}  // namespace

struct Server::State {
  State(asio::io_context& context, Server::Answer handler)
      : acceptor(context), answer(std::move(handler)) {}

  Local::acceptor acceptor;
  Server::Answer answer;
  std::string path;
  std::map<uid_t, int> seats;  // connections of each user
};

namespace {

http::response<http::string_body> respond(const http::request<http::string_body>& request,
                                          ApiResponse answer) {
  http::response<http::string_body> response(static_cast<http::status>(answer.status),
                                             request.version());
  response.set(http::field::content_type, "application/json");
  response.keep_alive(request.keep_alive());
  response.body() = std::move(answer.body);
  response.prepare_payload();
  if (request.method() == http::verb::head)
    response.body().clear();  // RFC 9110, 9.3.2: only its length is told
  return response;
}

// A user's place among the connections, as long as it lives. Root always has one.
class Seat {
 public:
  static std::optional<Seat> take(std::map<uid_t, int>& seats, uid_t user) {
    int all = 0;
    for (const auto& [other, count] : seats)
      all += other == 0 ? 0 : count;
    if (user != 0 && (all >= kMostConnections || seats[user] >= kMostOfOneUser))
      return std::nullopt;
    return Seat(seats, user);
  }
  Seat(Seat&& other) noexcept : seats_(std::exchange(other.seats_, nullptr)), user_(other.user_) {}
  Seat& operator=(Seat&&) = delete;
  ~Seat() {
    if (seats_ != nullptr && --(*seats_)[user_] == 0)
      seats_->erase(user_);
  }

 private:
  Seat(std::map<uid_t, int>& seats, uid_t user) : seats_(&seats), user_(user) { ++seats[user]; }
  std::map<uid_t, int>* seats_;
  uid_t user_;
};

// An answer even where something unforeseen happened.
ApiResponse safe_answer(const Server::Answer& answer, const ApiRequest& request) try {
  return answer(request);
} catch (const std::exception& error) {
  std::cerr << "quaymasterd: " << request.method << ' ' << request.target << ": " << error.what()
            << '\n';
  return {500,
          R"({"errors":[{"place":"","reason":"the daemon failed; see its log"}],"changed":[]})"};
}

template <typename State>
asio::awaitable<void> serve(std::shared_ptr<State> state, Stream stream, Role role,
                            [[maybe_unused]] Seat seat) {
  beast::flat_buffer buffer;
  boost::system::error_code error;
  const auto done = [&error] { return asio::redirect_error(asio::use_awaitable, error); };
  for (bool more = true; more;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(kLargestBody);
    stream.expires_after(kSilence);
    co_await http::async_read(stream, buffer, parser, done());
    const bool too_large = error == http::error::body_limit;
    if (error && !too_large)
      break;
    const auto request = parser.release();
    ApiResponse answer =
        too_large ? ApiResponse{413, R"({"errors":[{"place":"","reason":"the body is too large"}],)"
                                     R"("changed":[]})"}
                  : safe_answer(state->answer, {.method = std::string(request.method_string()),
                                                .target = std::string(request.target()),
                                                .body = request.body(),
                                                .role = role});
    auto response = respond(request, std::move(answer));
    more = response.keep_alive() && !too_large;
    stream.expires_after(kSilence);
    co_await http::async_write(stream, response, done());
    more = more && !error;
  }
}

template <typename State>
asio::awaitable<void> accept(std::shared_ptr<State> state) {
  boost::system::error_code error;
  asio::steady_timer pause(state->acceptor.get_executor());
  while (state->acceptor.is_open()) {
    Local::socket socket(state->acceptor.get_executor());
    co_await state->acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted)
      co_return;
    if (error) {
      // Out of descriptors, most likely: whoever waits is still there in a moment.
      pause.expires_after(kPause);
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    const std::optional<Peer> peer = peer_of(socket.native_handle());
    auto seat = peer ? Seat::take(state->seats, peer->uid) : std::nullopt;
    if (!seat)
      continue;  // the socket closes; the other end may come again
    asio::co_spawn(state->acceptor.get_executor(),
                   serve(state, Stream(std::move(socket)), role_of(peer), std::move(*seat)),
                   asio::detached);
  }
}

}  // namespace

Result<std::unique_ptr<Server>> Server::listen(asio::io_context& context, const std::string& path,
                                               Answer answer) {
  auto state = std::make_shared<State>(context, std::move(answer));
  boost::system::error_code error;
  Local::endpoint endpoint;
  try {
    endpoint = Local::endpoint(path);
  } catch (const boost::system::system_error& too_long) {
    return fail(Error{path, too_long.code().message()});
  }
  Local::socket other(context);
  static_cast<void>(other.connect(endpoint, error));
  if (!error)
    return fail(Error{path, "another daemon answers here"});
  unlink(path.c_str());
  error.clear();
  static_cast<void>(state->acceptor.open(endpoint.protocol(), error));
  if (!error)
    static_cast<void>(state->acceptor.bind(endpoint, error));
  if (!error && chmod(path.c_str(), 0666) != 0)
    error.assign(errno, boost::system::generic_category());
  if (!error)
    static_cast<void>(state->acceptor.listen(asio::socket_base::max_listen_connections, error));
  if (error)
    return fail(Error{path, error.message()});
  state->path = path;
  asio::co_spawn(context, accept(state), asio::detached);
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

Server::Server(std::shared_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() {
  boost::system::error_code error;
  static_cast<void>(state_->acceptor.close(error));
  unlink(state_->path.c_str());
}

}  // namespace quay
