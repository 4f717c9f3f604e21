#include "model/listener.h"

#include <fmt/format.h>

namespace quay {

std::string address_text(const Listener& listener) {
  if (listener.kind == Listener::Kind::Packet)
    return "*";
  const std::string address =
      listener.both_families && listener.address == Address{Family::V6, {}} ? "*"
      : listener.family == Family::V6 ? "[" + to_text(listener.address) + "]"
                                      : to_text(listener.address);
  return listener.kind == Listener::Kind::Raw ? address
                                              : fmt::format("{}:{}", address, listener.port);
}

std::string to_text(Listener::Kind kind) {
  switch (kind) {
    case Listener::Kind::Server:
      return "server";
    case Listener::Kind::Client:
      return "client";
    case Listener::Kind::Raw:
      return "raw";
    case Listener::Kind::Packet:
      break;
  }
  return "packet";
}

}  // namespace quay
