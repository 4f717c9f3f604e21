#include "language/user_rule_text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"
#include "tests/support/generate.h"

namespace quay {
namespace {

RuleNames names() {
  return {parse_port_names("ssh 22/tcp\nsmtp 25/tcp mail\ndomain 53/tcp\ndomain 53/udp\n"
                           "http 80/tcp www # WorldWideWeb\ntftp 69/udp\nspooky x/tcp\n"),
          generate::service_ids()};
}

std::string canonical(const std::string& text) {
  const auto command = parse_rule_command(*split_words(text), names());
  return command ? to_text(*command) : "error: " + command.error().reason;
}

// Every form that ufw(8) shows, and what it means.
TEST(UserRule, FormsOfTheManPage) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"allow 53", "allow 53"},
      {"allow 25/tcp", "allow 25/tcp"},
      {"allow tcp/1883", "allow 1883/tcp"},
      {"allow udp/80,443", "allow 80,443/udp"},
      {"allow smtp", "allow 25/tcp"},
      {"allow ssh", "allow 22/tcp"},
      {"allow domain", "allow 53"},
      {"allow bacnet", "allow to any app bacnet"},
      {"allow in http", "allow 80/tcp"},
      {"reject out smtp", "reject out 25/tcp"},
      {"reject mail comment 'mail is not ours'", "reject 25/tcp comment 'mail is not ours'"},
      {"allow out 49152:65535/udp", "allow out 49152:65535/udp"},
      {"allow 80,443/tcp", "allow 80,443/tcp"},
      {"deny proto tcp to any port 80", "deny 80/tcp"},
      {"deny proto tcp from 10.0.0.0/8 to 192.168.0.1 port 25",
       "deny proto tcp from 10.0.0.0/8 to 192.168.0.1 port 25"},
      {"deny proto tcp from 2001:db8::/32 to any port 25",
       "deny proto tcp from 2001:db8::/32 to any port 25"},
      {"deny in on eth0 to 224.0.0.1 proto igmp", "deny in on eth0 proto igmp to 224.0.0.1"},
      {"allow in on eth0 to 192.168.0.1 proto gre", "allow in on eth0 proto gre to 192.168.0.1"},
      {"allow proto tcp from any to any port 80,443,8080:8090 comment 'web app'",
       "allow 80,443,8080:8090/tcp comment 'web app'"},
      {"limit ssh/tcp", "limit 22/tcp"},
      {"allow in on eth0 to any port 80 proto tcp", "allow in on eth0 proto tcp to any port 80"},
      {"allow out on eth1 to 10.0.0.0/8", "allow out on eth1 to 10.0.0.0/8"},
      {"delete deny 80/tcp", "delete deny 80/tcp"},
      {"delete 3", "delete 3"},
      {"insert 3 deny to any port 22 from 10.0.0.135 proto tcp",
       "insert 3 deny proto tcp from 10.0.0.135 to any port 22"},
      {"prepend deny from 1.2.3.4", "prepend deny from 1.2.3.4"},
      {"allow log 22/tcp", "allow log 22/tcp"},
      {"allow in on eth0 log-all from 10.0.0.0/8", "allow in on eth0 log-all from 10.0.0.0/8"},
      {"allow proto udp from 1.2.3.5 port 5469 to 1.2.3.4 port 5469",
       "allow proto udp from 1.2.3.5 port 5469 to 1.2.3.4 port 5469"},
      {"allow from 192.168.0.0/16 to any app mqtt", "allow from 192.168.0.0/16 to any app mqtt"},
      {"rule allow in on eth0", "allow in on eth0"},
      {"ALLOW IN ON eth0", "allow in on eth0"},
      {"allow in on eth+ to any port 80 proto tcp", "allow in on eth+ proto tcp to any port 80"}};
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(canonical(text), expected) << text;
    EXPECT_EQ(canonical(expected), expected);
  }
}

TEST(UserRule, TellsWhatIsWrong) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"permit 22", "a rule begins with allow, deny, reject or limit, not `permit`"},
      {"route allow in on eth1 out on eth2",
       "`route` rules are not managed: routed packets are dropped or left alone (forward = "
       "\"drop\" or \"leave\")"},
      {"allow", "a rule needs a port, `from`, `to` or `on INTERFACE`"},
      {"allow mqt", "`mqt` is neither a port nor a service (did you mean `mqtt`?)"},
      {"allow 80,443", "several ports need `tcp` or `udp`"},
      {"allow 502:50/tcp", "port range 502:50 is reversed"},
      {"allow 80,http/tcp", "`80,http`: ports in a list or a range are numbers"},
      {"allow tftp/tcp", "port `tftp` is not one of the protocol that the rule asks for"},
      {"allow to any port smtp from any port tftp",
       "port `tftp` is not one of the protocol that the rule asks for"},
      {"allow 22/sctp",
       "`sctp` is not a protocol of a rule: tcp, udp, ah, esp, gre, vrrp, ipv6, igmp or any"},
      {"allow 22/esp", "esp has no ports"},
      {"allow to 10.0.0.1 from 2001:db8::/32", "`from` and `to` are of different IP versions"},
      {"allow in on eth0:1", "`eth0:1` is an interface alias; rules see only the interface"},
      {"allow proto tcp form any", "`form` is not understood here (did you mean `from`?)"},
      {"allow port 25", "`port` needs `from` or `to` before it"},
      {"allow from 1.2.3.4 from 1.2.3.4", "`from` stands twice"},
      {"allow from", "`from` is neither a port nor a service"},
      {"allow to any port", "`port` needs a word after it"},
      {"allow 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16/tcp",
       "`1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16` lists more than 15 ports (a range counts as "
       "two)"},
      {"insert 0 allow 24", "`insert` needs the number of a rule, counted from 1"},
      {"delete 0", "rules are counted from 1"},
      {"allow 22 comment", "`comment` needs a text after it"},
      {"allow from any to any app mqtt proto tcp",
       "`app` brings its own protocols; leave `proto` out"}};
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(canonical(text), std::string("error: ") + expected) << text;
}

RC_GTEST_PROP(UserRule, APrintedRuleParsesBackToItself, ()) {
  const UserRule rule = *generate::user_rule();
  const std::string text = to_text(rule);
  RC_LOG() << text << '\n';
  const auto back = parse_user_rule(text, names());
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == rule);
}

RC_GTEST_PROP(UserRule, APrintedCommandParsesBackToItself, (std::uint8_t position)) {
  RuleCommand command{AppendRule{}, *generate::user_rule()};
  const int kind = *rc::gen::inRange(0, 5);
  if (kind == 1)
    command.edit = PrependRule{};
  if (kind == 2)
    command.edit = InsertRule{position + 1U};
  if (kind == 3)
    command.edit = DeleteRule{};
  if (kind == 4)
    command = {DeleteNumber{position + 1U}, {}};
  const auto back = parse_rule_command(*split_words(to_text(command)), names());
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == command);
}

// Whatever words come, the answer is a rule or a reason.
RC_GTEST_PROP(UserRule, AnyWordsAreAnswered, ()) {
  const auto words = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "allow", "deny", "in", "out", "on", "eth0", "log", "proto", "tcp", "from", "to", "any",
      "port", "app", "22", "80:90/udp", "10.0.0.0/8", "comment", "", "insert", "1", "delete"));
  const auto command = parse_rule_command(words, names());
  if (!command)
    RC_ASSERT(!command.error().reason.empty());
}

}  // namespace
}  // namespace quay
