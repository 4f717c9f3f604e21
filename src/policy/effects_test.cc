#include "policy/effects.h"

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/generate.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

const std::string kInterfaces = "[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n";

Compilation compiled(const std::string& text) {
  Compilation result{read_policy(text), {}};
  result.compiled = compile(result.policy, shipped_catalogue(), kNow);
  return result;
}

// Keys of the top stand before the tables.
std::string with_interfaces(const std::string& policy) {
  const std::size_t tables = std::min(policy.find('['), policy.size());
  return policy.substr(0, tables) + kInterfaces + policy.substr(tables);
}

std::string lines(const std::vector<Effect>& effects) {
  std::string result;
  for (const Effect& effect : effects)
    result += to_text(effect) + "\n";
  return result;
}

struct Row {
  std::string before;
  std::string after;
  std::string opens;
  std::string closes;
};

TEST(Effects, SayWhatOpensAndCloses) {
  const std::string mqtt = "[services.mqtt]\nenabled = true\n";
  const Row rows[] = {
      {"", mqtt, "1883/tcp in on lan, wan (service mqtt)\n", ""},
      {mqtt, mqtt + "on = [\"lan\"]\n", "", "1883/tcp in on wan (service mqtt)\n"},
      {mqtt, mqtt + "from = [\"10.0.0.0/8\"]\n", "",
       "1883/tcp in on lan, wan from Anywhere except 10.0.0.0/8 (service mqtt)\n"},
      {"", "[[rules]]\nrule = \"allow 8080/tcp\"\n", "8080/tcp in (rule 1)\n", ""},
      // Many ranges are told by what is between them: what other rules open already.
      {"", "[services.lon]\nenabled = true\n[services.lon.functions.rni]\nenabled = true\n",
       "1630/tcp+udp in on lan, wan (service lon)\n"
       "all but 53,123,2541,5353/udp out on lan, wan from 1630/udp (service lon)\n",
       ""},
      // What other rules decide already is no effect.
      {"", "[[rules]]\nrule = \"allow in on eth0 from 10.0.0.1 to any port 22 proto tcp\"\n", "",
       ""},
      {"", "[[rules]]\nrule = \"deny 8080/tcp\"\n", "", ""},
      {"", "[[rules]]\nrule = \"deny in on eth0 from 10.0.0.1 to any port 22 proto tcp\"\n", "",
       "22/tcp in on lan from 10.0.0.1 (rule 1)\n"},
      // One rule is wider than the other.
      {"",
       "[[rules]]\nrule = \"allow in on eth0 to any port 8080 proto tcp\"\n"
       "[[rules]]\nrule = \"allow 8080/tcp\"\n",
       "8080/tcp in on lan (rule 1)\n8080/tcp in on any but lan (rule 2)\n", ""},
      // A refusing rule ends where the default accepts.
      {"profile = \"standard\"\n[[rules]]\nrule = \"deny out 9999/tcp\"\n",
       "profile = \"standard\"\n", "9999/tcp out on any but ip70 (rule 1)\n", ""},
      // A wildcard that leaves one out.
      {"[[rules]]\nrule = \"deny in on wlan0\"\n",
       "[[rules]]\nrule = \"deny in on wlan0\"\n"
       "[[rules]]\nrule = \"allow in on wlan+ to any port 8080 proto tcp\"\n",
       "8080/tcp in on wlan+ but wlan0 (rule 2)\n", ""},
      // The order of own rules.
      {"[[rules]]\nrule = \"allow 80/tcp\"\n[[rules]]\nrule = \"deny from 10.0.0.1\"\n",
       "[[rules]]\nrule = \"deny from 10.0.0.1\"\n[[rules]]\nrule = \"allow 80/tcp\"\n", "",
       "80/tcp in from 10.0.0.1 (rule 1)\n"},
      {"", "[[rules]]\nrule = \"deny from 10.0.0.1\"\n", "",
       "22,443,2541/tcp in on lan, wan from 10.0.0.1 (rule 1)\n"
       "2541,5353/udp in on lan, wan from 10.0.0.1 (rule 1)\n"},
      {"", "[[rules]]\nrule = \"allow proto igmp from 10.0.0.0/8\"\n", "", ""},
      {"", "[[rules]]\nrule = \"allow proto gre from any to 10.0.0.1\"\n",
       "10.0.0.1 gre in (rule 1)\n", ""},
      {"", "[[rules]]\nrule = \"allow proto ipv6 from any\"\n", "ipv6 in from 0.0.0.0/0 (rule 1)\n",
       ""},
      {"forward = \"drop\"\n", "forward = \"leave\"\n",
       "routed packets forward (profile enhanced)\n", ""},
  };
  for (const Row& row : rows) {
    const Effects found = effects(compiled(with_interfaces(row.before)),
                                  compiled(with_interfaces(row.after)), shipped_catalogue(), kNow);
    EXPECT_EQ(lines(found.opens), row.opens) << row.before << "->\n" << row.after;
    EXPECT_EQ(lines(found.closes), row.closes) << row.before << "->\n" << row.after;
  }
}

TEST(Effects, SayWhatStopsWorking) {
  const Effects hidden =
      effects(compiled(kInterfaces), compiled(kInterfaces + "[services.ssh]\nexposed = false\n"),
              shipped_catalogue(), kNow);
  ASSERT_EQ(hidden.stops.size(), 1U);
  EXPECT_TRUE(hidden.stops[0].starts_with("ssh: ")) << hidden.stops[0];
  // A rule of one's own that stands before the service does the same.
  const Effects denied =
      effects(compiled(kInterfaces), compiled(kInterfaces + "[[rules]]\nrule = \"deny 22/tcp\"\n"),
              shipped_catalogue(), kNow);
  EXPECT_EQ(denied.stops, hidden.stops);
  // It is the packets that count, not the rule that let them pass.
  const std::string own = "[[rules]]\nrule = \"allow 22/tcp\"\n";
  const Effects both = effects(compiled(kInterfaces + own),
                               compiled(kInterfaces + "[services.ssh]\nexposed = false\n"),
                               shipped_catalogue(), kNow);
  EXPECT_EQ(both.stops, hidden.stops);
  const Effects kept = effects(compiled(kInterfaces + own),
                               compiled(kInterfaces + own + "[services.ssh]\nexposed = false\n"),
                               shipped_catalogue(), kNow);
  EXPECT_TRUE(kept.empty() && kept.stops.empty());
  // What goes on in one direction has stopped in the other.
  const std::string bacnet = kInterfaces + "[services.bacnet]\nenabled = true\n";
  const Effects deaf =
      effects(compiled(bacnet), compiled(bacnet + "exposed = false\n"), shipped_catalogue(), kNow);
  ASSERT_EQ(deaf.stops.size(), 1U);
  EXPECT_TRUE(deaf.stops[0].starts_with("bacnet, incoming: ")) << deaf.stops[0];
  // What is still open somewhere has not stopped.
  const Effects narrowed =
      effects(compiled(kInterfaces), compiled(kInterfaces + "[services.ssh]\non = [\"lan\"]\n"),
              shipped_catalogue(), kNow);
  EXPECT_EQ(narrowed.closes.size(), 1U);
  EXPECT_TRUE(narrowed.stops.empty());
}

// What passes by the ports of another service does not keep one working.
TEST(Effects, EveryServiceThatIsSwitchedOffStops) {
  for (const auto& [id, service] : shipped_catalogue().services) {
    if (service.closing.empty() || service.switching != Switch::Free)
      continue;
    const auto with = [&](const char* enabled) {
      return compiled("profile = \"enhanced\"\n" + kInterfaces +
                      fmt::format("[services.{}]\nenabled = {}\n", id, enabled));
    };
    const Effects found = effects(with("true"), with("false"), shipped_catalogue(), kNow);
    const bool told = std::ranges::any_of(
        found.stops, [&](const std::string& line) { return line.starts_with(id + ": "); });
    EXPECT_TRUE(told || found.closes.empty()) << id;
  }
}

Compilation random_rules() {
  Compilation result{read_policy(kInterfaces), {}};
  result.policy.rules = *rc::gen::container<std::vector<UserRule>>(generate::user_rule());
  if (result.policy.rules.size() > 4)
    result.policy.rules.resize(4);
  result.compiled = compile(result.policy, shipped_catalogue(), kNow);
  return result;
}

bool accepted(const Compilation& one, const Packet& packet) {
  const Rule* rule = decide(one.compiled.rules, packet, kNow);
  return rule != nullptr && (rule->verdict == Verdict::Accept || rule->verdict == Verdict::Limit);
}

RC_GTEST_PROP(Effects, APolicyHasNoneOnItself, ()) {
  const Compilation one = random_rules();
  RC_ASSERT(effects(one, one, shipped_catalogue(), kNow).empty());
}

RC_GTEST_PROP(Effects, NoPacketFaresOtherwiseUnlessOneIsTold, ()) {
  const Compilation before = random_rules();
  const Compilation after = random_rules();
  const Effects found = effects(before, after, shipped_catalogue(), kNow);
  Packet packet = *generate::packet();
  packet.state = State::New;
  RC_PRE(packet.direction != Direction::Forward && packet.interface != "lo");
  if (!accepted(before, packet) && accepted(after, packet))
    RC_ASSERT(!found.opens.empty());
  if (accepted(before, packet) && !accepted(after, packet))
    RC_ASSERT(!found.closes.empty());
}

}  // namespace
}  // namespace quay
