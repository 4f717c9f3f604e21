#include "cli/daemon_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace quay {

namespace asio = boost::asio;
namespace http = boost::beast::http;

Result<ApiResponse> ask_daemon(const std::string& socket, const std::string& method,
                               const std::string& target, const std::string& body) {
  boost::system::error_code error;
  const auto failed = [&] {
    return fail(
        Error{socket, error.message() + "; is the daemon running? `systemctl start quaymasterd`"});
  };
  asio::io_context context(1);
  asio::local::stream_protocol::socket connection(context);
  static_cast<void>(connection.connect(asio::local::stream_protocol::endpoint(socket), error));
  if (error)
    return failed();
  http::request<http::string_body> request(http::string_to_verb(method), target, 11);
  request.set(http::field::host, "quaymaster");
  request.keep_alive(false);
  request.body() = body;
  request.prepare_payload();
  static_cast<void>(http::write(connection, request, error));
  if (error && error != boost::system::errc::broken_pipe)  // it may have answered all the same
    return failed();
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(boost::none);
  static_cast<void>(http::read(connection, buffer, parser, error));
  if (error)
    return failed();
  return ApiResponse{static_cast<int>(parser.get().result_int()), std::move(parser.get().body())};
}

}  // namespace quay
