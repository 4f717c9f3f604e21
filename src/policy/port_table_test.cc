#include "policy/port_table.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

Listener server(Protocol protocol, Port port, const std::string& unit = {}) {
  Listener listener;
  listener.protocol = protocol;
  listener.port = port;
  listener.unit = unit;
  return listener;
}

PortTable table(const std::string& policy_text, std::vector<Listener> listeners = {}) {
  Compilation in_force{read_policy(policy_text), {}};
  in_force.compiled = compile(in_force.policy, shipped_catalogue(), kNow);
  PortTable result = port_table(shipped_catalogue(), in_force.policy, std::move(listeners));
  tell_allowed(result, in_force, kNow);
  return result;
}

const PortLine* line(const PortTable& table, const std::string& service, Direction direction) {
  for (const PortLine& one : table.lines)
    if (one.service->id == service && one.endpoint->direction == direction)
      return &one;
  ADD_FAILURE() << "no line of " << service;
  return nullptr;
}

std::string owner(const Listener& listener) {
  const PortTable found = table("", {listener});
  const OwnedSocket& socket = found.sockets.at(0);
  return socket.client ? "client" : socket.service == nullptr ? "unknown" : socket.service->id;
}

TEST(PortTable, GivesSocketsToServices) {
  EXPECT_EQ(owner(server(Protocol::Tcp, 22)), "ssh");
  EXPECT_EQ(owner(server(Protocol::Udp, 22)), "unknown");
  EXPECT_EQ(owner(server(Protocol::Tcp, 8080)), "unknown");
  EXPECT_EQ(owner(server(Protocol::Udp, 47808)), "bacnet");
  // Where two services have a port, the unit decides.
  EXPECT_EQ(owner(server(Protocol::Tcp, 9090, "reboot-manager.service")), "reboot-manager");
  // A port that is known only at run time is known by its unit.
  EXPECT_EQ(owner(server(Protocol::Tcp, 40123, "reboot-manager.service")), "reboot-manager");
  Listener passing = server(Protocol::Udp, 40123);
  passing.ephemeral = true;
  EXPECT_EQ(owner(passing), "client");
  Listener connected = server(Protocol::Udp, 22);
  connected.kind = Listener::Kind::Client;
  EXPECT_EQ(owner(connected), "client");
  Listener packet;
  packet.kind = Listener::Kind::Packet;
  EXPECT_EQ(owner(packet), "unknown");
}

TEST(PortTable, KeepsTheFactsApart) {
  const std::string interfaces = "[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n";
  PortTable facts = table(interfaces +
                              "[services.mqtt]\nenabled = true\non = [\"lan\"]\n"
                              "from = [\"10.0.0.0/8\"]\n",
                          {server(Protocol::Tcp, 1883)});
  const PortLine* mqtt = line(facts, "mqtt", Direction::In);
  EXPECT_FALSE(mqtt->enhanced);
  EXPECT_FALSE(mqtt->standard);
  EXPECT_EQ(mqtt->allowed, true);
  EXPECT_EQ(join(mqtt->on, ","), "lan");
  EXPECT_EQ(join(mqtt->from, ","), "10.0.0.0/8");
  EXPECT_EQ(mqtt->sockets, std::vector<std::size_t>{0});
  const PortLine* ntp = line(facts, "ntp", Direction::Out);
  EXPECT_TRUE(ntp->enhanced && ntp->standard && ntp->allowed == true);
  const PortLine* flows = line(facts, "flows", Direction::Out);
  EXPECT_FALSE(flows->enhanced);
  EXPECT_TRUE(flows->standard);
  EXPECT_EQ(flows->allowed, true);  // over the ports of cms-update and licensing
  EXPECT_EQ(line(facts, "remote-cms", Direction::Out)->allowed, false);
  // Whichever rule it is that opens.
  facts = table(interfaces +
                "[[rules]]\nrule = \"allow in on eth1 to any port 1883 proto tcp\"\n"
                "[[rules]]\nrule = \"deny from 203.0.113.7\"\n");
  mqtt = line(facts, "mqtt", Direction::In);
  EXPECT_EQ(mqtt->allowed, true);
  EXPECT_FALSE(mqtt->partly);
  EXPECT_EQ(join(mqtt->on, ","), "wan");
  const PortLine* ssh = line(facts, "ssh", Direction::In);
  EXPECT_TRUE(ssh->partly && ssh->from.empty());
  EXPECT_EQ(join(ssh->on, ","), "lan,wan");
  EXPECT_EQ(line(facts, "dhcp-client", Direction::In)->allowed, true);
  EXPECT_EQ(line(facts, "node-red", Direction::In)->allowed, false);
  EXPECT_EQ(line(table("enforcing = false\n"), "mqtt", Direction::In)->allowed, true);
  // On an interface that only a rule knows, and as long as an opening lasts.
  facts = table(interfaces + "[[rules]]\nrule = \"allow in on usb0 to any port 1883 proto tcp\"\n");
  EXPECT_EQ(join(line(facts, "mqtt", Direction::In)->on, ","), "usb0");
  Compilation opened{read_policy(interfaces + "[[openings]]\nrule = \"allow 1883/tcp\"\n"
                                              "until = 2030-01-01T00:00:00Z\n"),
                     {}};
  opened.compiled = compile(opened.policy, shipped_catalogue(), kNow);
  for (const bool ended : {false, true}) {
    facts = port_table(shipped_catalogue(), opened.policy, {});
    tell_allowed(facts, opened, ended ? opened.policy.openings.at(0).until : kNow);
    EXPECT_EQ(line(facts, "mqtt", Direction::In)->allowed, !ended);
  }
  // Nowhere is not allowed; under standard everything may leave.
  facts =
      table("profile = \"standard\"\n" + interfaces + "[services.mqtt]\nenabled = true\non = []\n");
  EXPECT_EQ(line(facts, "mqtt", Direction::In)->allowed, false);
  EXPECT_EQ(line(facts, "flows", Direction::Out)->allowed, true);
}

}  // namespace
}  // namespace quay
