#include "api/server.h"

#include <chrono>
#include <optional>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
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
constexpr std::uint64_t kLargestBody = 1 << 20;
constexpr int kMostConnections = 64;

Role role_of(int fd) {
  const std::optional<Peer> peer = peer_of(fd);
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
  int connections = 0;
};

namespace {

http::response<http::string_body> respond(const http::request<http::string_body>& request,
                                          const ApiResponse& answer) {
  http::response<http::string_body> response(static_cast<http::status>(answer.status),
                                             request.version());
  response.set(http::field::content_type, "application/json");
  response.keep_alive(request.keep_alive());
  response.body() = answer.body;
  response.prepare_payload();
  return response;
}

template <typename State>
asio::awaitable<void> serve(std::shared_ptr<State> state, Stream stream) {
  const Role role = role_of(stream.socket().native_handle());
  beast::flat_buffer buffer;
  boost::system::error_code error;
  const auto done = [&error] { return asio::redirect_error(asio::use_awaitable, error); };
  for (bool more = true; more;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(kLargestBody);
    stream.expires_after(kSilence);
    co_await http::async_read(stream, buffer, parser, done());
    if (error)
      break;
    const auto request = parser.release();
    const ApiResponse answer = state->answer({.method = std::string(request.method_string()),
                                              .target = std::string(request.target()),
                                              .body = request.body(),
                                              .role = role});
    auto response = respond(request, answer);
    more = response.keep_alive();
    stream.expires_after(kSilence);
    co_await http::async_write(stream, response, done());
    more = more && !error;
  }
  --state->connections;
}

template <typename State>
asio::awaitable<void> accept(std::shared_ptr<State> state) {
  boost::system::error_code error;
  while (state->acceptor.is_open()) {
    Local::socket socket(state->acceptor.get_executor());
    co_await state->acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted)
      co_return;
    if (error || state->connections >= kMostConnections)
      continue;  // the socket closes; the other end may come again
    ++state->connections;
    asio::co_spawn(state->acceptor.get_executor(), serve(state, Stream(std::move(socket))),
                   asio::detached);
  }
}

}  // namespace

Result<std::unique_ptr<Server>> Server::listen(asio::io_context& context, const std::string& path,
                                               Answer answer) {
  auto state = std::make_shared<State>(context, std::move(answer));
  boost::system::error_code error;
  unlink(path.c_str());
  Local::endpoint endpoint;
  try {
    endpoint = Local::endpoint(path);
  } catch (const boost::system::system_error& too_long) {
    return fail(Error{path, too_long.code().message()});
  }
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
