// What firewalld's files say, as values: firewalld.zone(5), firewalld.policy(5),
// firewalld.service(5), firewalld.ipset(5), firewalld.conf(5).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace quay::firewalld {

struct Port {
  std::string port;      // "80", "1000-2000"; empty: the protocol alone
  std::string protocol;  // "tcp"
};

struct ForwardPort {
  Port port;
  std::string to_port;     // empty: the same
  std::string to_address;  // empty: this host
};

// One of the three.
struct Peer {
  std::string address;
  std::string mac;
  std::string ipset;
  bool inverted = false;
};

struct RichRule {
  std::string family;  // "ipv4", "ipv6" or empty
  int priority = 0;
  std::optional<Peer> source;
  std::optional<Peer> destination;
  std::string element;  // "service", "port", "icmp-block", ...; empty: none
  std::map<std::string, std::string> attributes;  // of the element
  std::string action;                             // "accept", "reject", "drop", "mark" or empty
  std::string argument;                           // reject's type, what mark sets
  std::string limit;                              // of the action: "5/m"
};

// What zones and policies have in common.
struct Settings {
  std::string file;
  std::string target;  // "ACCEPT", "DROP", "%%REJECT%%", "REJECT", "CONTINUE"; empty: the default
  std::vector<std::string> services;
  std::vector<Port> ports;
  std::vector<Port> source_ports;
  std::vector<std::string> protocols;
  std::vector<std::string> icmp_blocks;
  bool icmp_block_inversion = false;
  bool masquerade = false;
  std::vector<ForwardPort> forward_ports;
  std::vector<RichRule> rules;
  std::vector<std::string> unknown;  // elements and attributes that we do not know
};

struct Zone {
  std::string name;
  Settings settings;
  std::vector<std::string> interfaces;
  std::vector<std::string> sources;  // an address, a MAC address or "ipset:NAME"
  bool forward = false;

  bool active() const { return !interfaces.empty() || !sources.empty(); }
};

struct Policy {
  std::string name;
  Settings settings;
  int priority = -1;
  std::vector<std::string> ingress_zones;  // or "ANY", "HOST"
  std::vector<std::string> egress_zones;
};

struct Service {
  std::vector<Port> ports;
  std::vector<Port> source_ports;
  std::vector<std::string> protocols;
  std::map<std::string, std::string> destinations;  // "ipv4" or "ipv6": an address
  std::vector<std::string> includes;
  std::vector<std::string> unknown;
};

struct IpSet {
  std::string type;  // "hash:ip,port"
  bool v6 = false;
  bool timeout = false;
  std::vector<std::string> entries;
  std::vector<std::string> unknown;
};

// By name.
struct Configuration {
  std::string default_zone = "public";
  bool reverse_path_v6 = true;
  bool rfc3964 = true;
  std::map<std::string, Zone> zones;
  std::map<std::string, Policy> policies;
  std::map<std::string, Service> services;
  std::map<std::string, IpSet> ipsets;
  std::vector<std::string> outside;
};

}  // namespace quay::firewalld
