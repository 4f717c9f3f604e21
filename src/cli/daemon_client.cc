#include "cli/daemon_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace quay {

namespace asio = boost::asio;
namespace http = boost::beast::http;

struct DaemonClient::Connection {
  asio::io_context context{1};
  asio::local::stream_protocol::socket socket{context};
  boost::beast::flat_buffer buffer;
};

DaemonClient::DaemonClient(std::string socket) : socket_(std::move(socket)) {}

DaemonClient::~DaemonClient() = default;

Result<ApiResponse> DaemonClient::ask(const std::string& method, const std::string& target,
                                      const std::string& body) {
  boost::system::error_code error;
  const auto failed = [&] {
    connection_.reset();
    return fail(
        Error{socket_, error.message() + "; is the daemon running? `systemctl start quaymasterd`"});
  };
  if (!connection_) {
    connection_ = std::make_unique<Connection>();
    connection_->socket.connect(asio::local::stream_protocol::endpoint(socket_), error);
    if (error)
      return failed();
  }
  http::request<http::string_body> request(http::string_to_verb(method), target, 11);
  request.set(http::field::host, "quaymaster");
  request.body() = body;
  request.prepare_payload();
  http::write(connection_->socket, request, error);
  if (error)
    return failed();
  http::response_parser<http::string_body> parser;
  parser.body_limit(boost::none);
  http::read(connection_->socket, connection_->buffer, parser, error);
  if (error)
    return failed();
  return ApiResponse{static_cast<int>(parser.get().result_int()), std::move(parser.get().body())};
}

}  // namespace quay
