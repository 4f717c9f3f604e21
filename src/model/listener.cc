#include "model/listener.h"

#include <fmt/compile.h>
#include <fmt/format.h>
#include <linux/if_ether.h>

namespace quay {

std::string address_text(const Listener& listener) {
  if (listener.kind == Listener::Kind::Packet)
    return "*";
  const std::string address =
      listener.both_families && listener.address == Address{Family::V6, {}} ? "*"
      : listener.family == Family::V6 ? "[" + to_text(listener.address) + "]"
                                      : to_text(listener.address);
  return listener.kind == Listener::Kind::Raw
             ? address
             : fmt::format(FMT_COMPILE("{}:{}"), address, listener.port);
}

std::string protocol_text(const Listener& listener) {
  if (listener.kind != Listener::Kind::Packet)
    return to_text(listener.protocol);
  switch (listener.ether_type) {
    case 0:
      return "none";
    case ETH_P_ALL:
      return "all";
    case ETH_P_IP:
      return "ipv4";
    case ETH_P_IPV6:
      return "ipv6";
    case ETH_P_ARP:
      return "arp";
    case ETH_P_LLDP:
      return "lldp";
    case ETH_P_PAE:
      return "eapol";
    default:
      return fmt::format("{:#06x}", listener.ether_type);
  }
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
