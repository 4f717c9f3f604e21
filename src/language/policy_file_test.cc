#include "language/policy_file.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/generate.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

std::vector<std::string> faults(const std::string& text) {
  std::vector<std::string> lines;
  for (const Error& error : parse_policy(text, "policy.toml", shipped_catalogue(), {}).errors)
    lines.push_back(error.text());
  return lines;
}

TEST(PolicyFile, EveryFaultIsToldWithItsLine) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
      {"profile = \"strong\"\n",
       {"policy.toml:1: there is no profile `strong`: enhanced, standard"}},
      {"forwrad = \"drop\"\n", {"policy.toml:1: unknown key `forwrad` (did you mean `forward`?)"}},
      {"forward = \"yes\"\n", {"policy.toml:1: `yes` is not drop or leave"}},
      {"\n[interfaces]\nlan = \"eth0:1\"\n",
       {"policy.toml:3: `eth0:1` is an interface alias; rules see only the interface"}},
      {"[interfaces]\nlan = \"eth0\"\nbms = \"eth0\"\n",
       {"policy.toml:2: eth0 is already called `bms`"}},
      {"[interfaces]\nlan = \"lo\"\n",
       {"policy.toml:2: lo is the gateway itself, not an external interface"}},
      {"[services.mqt]\nenabled = true\n",
       {"policy.toml:1: there is no service `mqt` (did you mean `mqtt`?)"}},
      {"[services.mqtt]\nenabled = 1\n", {"policy.toml:2: `enabled` must be true or false"}},
      {"[services.mqtt]\nenable = true\n",
       {"policy.toml:2: unknown key `enable` (did you mean `enabled`?)"}},
      {"[interfaces]\nlan = \"eth0\"\n[services.mqtt]\non = [\"lna\"]\n",
       {"policy.toml:4: `lna` is not named in [interfaces] (did you mean `lan`?)"}},
      {"[services.mqtt]\nport = 1884\n", {"policy.toml:2: the port of mqtt cannot be chosen"}},
      {"[services.bacnet]\nport = 47900\n",
       {"policy.toml:2: bacnet may not use 47900: allowed are 47808-47823,49152-65535"}},
      {"[services.lon.functions.rni]\nport = 1629\n",
       {"policy.toml:2: lon.rni may not use 1629: lon-ip70 keeps it for the gateway itself"}},
      {"[services.web]\nport = 5432\n",
       {"policy.toml:2: web may not use 5432: cms keeps it for the gateway itself"}},
      {"[services.dhcp-client]\non = []\n",
       {"policy.toml:2: dhcp-client is part of what every host needs, on every interface"}},
      {"[services.cms]\nfrom = [\"10.0.0.0/8\"]\n",
       {"policy.toml:2: cms is reached from the gateway alone"}},
      {"[services.lon-ip70]\non = []\n",
       {"policy.toml:2: lon-ip70 is always open; it needs an interface"}},
      {"[interfaces]\neth0 = \"eth1\"\neth1 = \"eth0\"\n",
       {"policy.toml:3: one interface is called `eth1`, and another is `eth1`"}},
      {"[[openings]]\nrule = \"allow 22\"\nuntil = 2600-01-01T00:00:00Z\n",
       {"policy.toml:3: the kernel counts time up to the year 2262"}},
      {"[[rules]]\nrule = \"allow 22 comment 'abc\"\n", {"policy.toml:2: a quote is not closed"}},
      {"[services.bacnet]\nport = 70000\n",
       {"policy.toml:2: `port` must be a port from 1 to 65535"}},
      {"[services.ntp]\nfrom = [\"10.0.0.0/8\"]\n",
       {"policy.toml:2: ntp has no port that is reached from outside"}},
      {"[services.mqtt]\nfrom = [\"10.0.0.0/40\"]\n",
       {"policy.toml:2: prefix length 40 is longer than the address"}},
      {"[services.lon-ip70]\nenabled = false\n",
       {"policy.toml:2: lon-ip70 is always open; it has no switch"}},
      {"[services.lon.functions.router]\nenabled = true\n",
       {"policy.toml:1: lon has no function `router`"}},
      {"[services.lon.functions.rni]\nport = 1700\n",
       {"policy.toml:2: lon.rni may not use 1700: allowed are 1628-1645"}},
      {"[[rules]]\nrule = \"allow 502-50/tcp\"\n", {"policy.toml:2: `502-50` is not a port"}},
      {"[[rules]]\nrule = \"allow 502:50/tcp\"\n",
       {"policy.toml:2: port range 502:50 is reversed"}},
      {"profile = ä\n",
       {"policy.toml:1: Error while parsing value: could not determine value type"}},
      {"[[rules]]\ncomment = \"x\"\n", {"policy.toml:1: `rule` is missing"}},
      {"[[rules]]\nrule = \"delete allow 22\"\n",
       {"policy.toml:2: a rule begins with allow, deny, reject or limit, not `delete`"}},
      {"[[openings]]\nrule = \"allow 22/tcp\"\n",
       {"policy.toml:1: `until` is missing: an opening has an end"}},
      {"[[openings]]\nrule = \"deny 22/tcp\"\nuntil = 2026-11-23T18:00:00Z\n",
       {"policy.toml:2: an opening allows or limits; what closes is a rule"}},
      {"[[openings]]\nrule = \"allow 22/tcp\"\nuntil = 2026-11-23T18:00:00\n",
       {"policy.toml:3: `until` must be a time with its offset, like 2026-11-23T18:00:00Z"}},
      {"[[tests]]\npacket = \"in 22/tcp\"\nexpect = \"pass\"\n",
       {"policy.toml:3: `pass` is not accept, drop or reject"}},
      {"[[tests]]\npacket = \"22/tcp\"\nexpect = \"drop\"\n",
       {"policy.toml:2: a packet begins with in, out or forward, not `22/tcp`"}},
      {"profile = \"strong\"\nforward = 3\n",
       {"policy.toml:1: there is no profile `strong`: enhanced, standard",
        "policy.toml:2: `forward` must be a text in quotes"}}};
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(faults(text), expected) << text;
}

TEST(PolicyFile, SyntaxErrorsHaveALine) {
  const auto lines = faults("profile = \"enhanced\"\n\n[services\n");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(lines[0].starts_with("policy.toml:3: ")) << lines[0];
}

TEST(PolicyFile, ReadsTheWholeExample) {
  const Policy policy = read_policy(R"(
profile = "standard"
forward = "leave"
[interfaces]
lan = "eth0"
wan = "eth1"
[services.mqtt]
enabled = true
on = ["lan"]
from = ["192.168.1.0/24", "fd00:1::/64"]
reason = "dashboard of building 4"
owner = "ops@example.com"
[services.bacnet]
enabled = true
port = 47809
clients = "50000-50100"
[services.lon.functions.rni]
enabled = true
port = 1640
[[rules]]
rule = "allow in on eth0 from 192.168.1.0/24 to any port 8080 proto tcp"
comment = "commissioning tool"
[[openings]]
rule = "allow in on eth1 from 203.0.113.7 to any port 22 proto tcp"
until = 2026-11-23T20:00:00+02:00
reason = "vendor visit"
[[tests]]
packet = "in on wan 1883/tcp"
expect = "drop"
)");
  EXPECT_EQ(policy.profile, "standard");
  EXPECT_TRUE(policy.forward_leave);
  EXPECT_EQ(policy.services.at("mqtt").from.size(), 2U);
  EXPECT_EQ(policy.services.at("lon").functions.at("rni").port, 1640);
  EXPECT_EQ(policy.rules.at(0).comment, "commissioning tool");
  EXPECT_EQ(policy.openings.at(0).until, TimePoint(std::chrono::seconds(1795456800)));
  EXPECT_EQ(read_policy(to_text(policy)), policy);
}

RC_GTEST_PROP(PolicyFile, APrintedPolicyReadsBackToItself, ()) {
  Policy policy;
  policy.profile = *rc::gen::element<std::string>("enhanced", "standard");
  policy.forward_leave = *rc::gen::arbitrary<bool>();
  policy.interfaces = {{"lan", {"eth0"}}, {"wan-side", {"eth1"}}};
  for (const std::string& id : generate::service_ids()) {
    ServicePolicy& service = policy.services[id];
    service.enabled =
        *rc::gen::maybe(rc::gen::arbitrary<bool>()) ? std::optional(true) : std::nullopt;
    service.reason = *generate::words();
    if (id == "mqtt") {
      service.exposed = *rc::gen::arbitrary<bool>();
      service.on = std::vector<std::string>{"wan-side"};
      service.from = {*generate::prefix()};
    }
  }
  const int rules = *rc::gen::inRange(0, 4);
  for (int i = 0; i < rules; ++i)
    policy.rules.push_back(*generate::user_rule());
  UserRule opening = *generate::user_rule();
  opening.verdict = Verdict::Accept;
  policy.openings.push_back(
      {opening, TimePoint(std::chrono::seconds(*rc::gen::inRange(1'000'000, 1'900'000'000))),
       *generate::words()});
  const Parsed<Policy> back = parse_policy(to_text(policy), "policy.toml", shipped_catalogue(), {});
  RC_LOG() << to_text(policy);
  RC_ASSERT(back.ok());
  RC_ASSERT(back.value == policy);
}

// Whatever the file holds, the answer is a policy or faults with their file.
RC_GTEST_PROP(PolicyFile, AnyTextIsAnswered, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "[services.mqtt]\n", "[[rules]]\n", "enabled = true\n", "rule = \"allow 22\"\n", "on = [1]\n",
      "[interfaces]\n", "lan = \"eth0\"\n", "= 3\n", "profile = 'x'\n", "[[tests]]\n", "\xff",
      "until = 1979-05-27\n", "services = 3\n", "[services]\nmqtt = 1\n"));
  std::string text;
  for (const std::string& piece : pieces)
    text += piece;
  for (const Error& error : parse_policy(text, "policy.toml", shipped_catalogue(), {}).errors) {
    RC_ASSERT(error.place.starts_with("policy.toml"));
    RC_ASSERT(!error.reason.empty());
  }
}

}  // namespace
}  // namespace quay
