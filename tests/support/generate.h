// Random values for property tests.
#pragma once

#include <rapidcheck.h>

#include "model/packet.h"
#include "model/policy.h"
#include "model/user_rule.h"

namespace quay::generate {

inline std::vector<std::string> service_ids() {
  return {"bacnet", "dns", "modbus", "mqtt", "ssh", "web"};
}

inline rc::Gen<Prefix> prefix() {
  return rc::gen::exec([] {
    const bool v6 = *rc::gen::arbitrary<bool>();
    const std::string text =
        v6 ? *rc::gen::element<std::string>("fd00:1::/64", "2001:db8::7", "fe80::/10", "::/0")
           : *rc::gen::element<std::string>("192.168.1.0/24", "10.0.0.0/8", "203.0.113.7",
                                            "0.0.0.0/0");
    return *parse_prefix(text);
  });
}

inline rc::Gen<PortSet> ports() {
  return rc::gen::exec([] {
    std::vector<Interval<Port>> ranges;
    const int count = *rc::gen::inRange(1, 4);
    for (int i = 0; i < count; ++i) {
      const auto first = *rc::gen::inRange<Port>(1, 60000);
      const auto length = *rc::gen::element<Port>(0, 0, 1, 100);
      ranges.push_back({first, static_cast<Port>(first + length)});
    }
    return PortSet(ranges);
  });
}

inline rc::Gen<std::string> words() {
  return rc::gen::container<std::string>(
      rc::gen::element('a', 'b', ' ', '#', '=', '.', '/', '0', '"', '\\'));
}

// A rule as ufw's grammar can say it.
inline rc::Gen<UserRule> user_rule() {
  return rc::gen::exec([] {
    UserRule rule;
    rule.verdict =
        *rc::gen::element(Verdict::Accept, Verdict::Drop, Verdict::Reject, Verdict::Limit);
    rule.direction = *rc::gen::element(Direction::In, Direction::Out);
    if (*rc::gen::arbitrary<bool>())
      rule.interface = InterfaceName{*rc::gen::element<std::string>("eth0", "eth1", "wwan+")};
    rule.log = *rc::gen::element(Log::None, Log::New, Log::All);
    if (*rc::gen::arbitrary<bool>())
      rule.from.prefix = *prefix();
    if (*rc::gen::arbitrary<bool>()) {
      rule.to.prefix = *prefix();
      if (rule.from.prefix && rule.from.prefix->family() != rule.to.prefix->family())
        rule.to.prefix = rule.from.prefix;
    }
    const int kind = *rc::gen::inRange(0, 4);
    if (kind == 0) {
      rule.protocol = *rc::gen::element(Protocol::Tcp, Protocol::Udp);
      rule.to.ports = *ports();
      if (*rc::gen::arbitrary<bool>())
        rule.from.ports = *ports();
    } else if (kind == 1) {
      rule.to.ports = one_port(*rc::gen::element<Port>(22, 8080, 47808));
    } else if (kind == 2) {
      (*rc::gen::arbitrary<bool>() ? rule.to : rule.from).service =
          *rc::gen::elementOf(service_ids());
    } else if (rule.interface || rule.from.prefix || rule.to.prefix) {
      const auto protocol = *rc::gen::element(Protocol::Tcp, Protocol::Gre, Protocol::Esp);
      if (*rc::gen::arbitrary<bool>())
        rule.protocol = protocol;
    } else {
      rule.to.ports = one_port(443);
    }
    if (*rc::gen::arbitrary<bool>())
      rule.comment = *words();
    return rule;
  });
}

// A packet near the rules above: every field is drawn from their corners.
inline rc::Gen<Packet> packet() {
  return rc::gen::exec([] {
    const auto address = [](bool v6) {
      return *parse_address(v6 ? *rc::gen::element<std::string>("fd00:1::9", "2001:db8::7",
                                                                "fe80::1", "::1", "fd00:9::1")
                               : *rc::gen::element<std::string>("192.168.1.9", "10.2.3.4",
                                                                "203.0.113.7", "127.0.0.9",
                                                                "198.51.100.1"));
    };
    const bool v6 = *rc::gen::arbitrary<bool>();
    Packet packet;
    packet.direction = *rc::gen::element(Direction::In, Direction::Out, Direction::Forward);
    packet.interface = *rc::gen::element<std::string>("eth0", "eth1", "wwan0", "lo", "ip70");
    packet.source = address(v6);
    packet.destination = address(v6);
    packet.protocol = *rc::gen::element(Protocol::Tcp, Protocol::Udp, Protocol::Udp, Protocol::Gre,
                                        v6 ? Protocol::Icmpv6 : Protocol::Icmp);
    const auto port = [] {
      return *rc::gen::element<Port>(22, 53, 68, 67, 80, 123, 443, 1883, 2541, 5353, 8080, 41797,
                                     47808, 47809, 49152, 65535, 1, 546, 547);
    };
    if (has_ports(packet.protocol)) {
      packet.source_port = port();
      packet.destination_port = port();
    } else if (packet.protocol != Protocol::Gre) {
      packet.icmp_type = *rc::gen::element<std::uint8_t>(0, 1, 3, 8, 11, 128, 130, 133, 134, 135);
    }
    packet.state = *rc::gen::element(State::New, State::New, State::Established, State::Invalid,
                                     State::Untracked, State::Related);
    return packet;
  });
}

}  // namespace quay::generate
