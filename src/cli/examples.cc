#include "cli/examples.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace quay {
namespace {

struct VerbHelp {
  std::string_view verb;
  std::string_view hint;  // above the examples; may be empty
  std::vector<std::string_view> examples;
};

constexpr std::string_view kGrammar =
    "The grammar is ufw's:\n"
    "  PORT[/tcp|/udp] | SERVICE                           from anywhere to that port\n"
    "  [in|out] [on NAME] [log|log-all] [proto PROTOCOL]\n"
    "    [from ADDRESS [port PORTS]] [to ADDRESS [port PORTS]] [comment TEXT]";

const std::vector<VerbHelp>& all() {
  static const std::vector<VerbHelp> help{
      {"init", "", {"init", "init --factory"}},
      {"status", "", {"status", "status numbered", "status --json"}},
      {"listening", "", {"listening"}},
      {"ports", "", {"ports", "ports --external"}},
      {"interface list", "", {"interface list"}},
      {"interface set", "", {"interface set vpn=tun0"}},
      {"interface remove", "", {"interface remove vpn"}},
      {"service list", "", {"service list"}},
      {"service show", "", {"service show mqtt"}},
      {"service enable",
       "An optional service is told where, when there is a choice.",
       {"service enable mqtt --on lan --from 192.168.1.0/24 --reason 'building 4'",
        "service enable lon.rni"}},
      {"service set",
       "",
       {"service set bacnet port=47809",
        "service set ssh --from 10.0.0.0/8 --reason 'only the office'"}},
      {"service hide", "", {"service hide mqtt"}},
      {"service expose", "", {"service expose mqtt --on lan"}},
      {"service disable", "", {"service disable mqtt"}},
      {"profile",
       "Switching enhanced on closes what it closes by default and opens what was closed by hand,\n"
       "except for what is kept.",
       {"profile", "profile standard", "profile enhanced --keep mqtt,ssh"}},
      {"allow",
       kGrammar,
       {"allow 8080/tcp", "allow mqtt", "allow from 192.168.1.0/24 to any port 8443 proto tcp",
        "allow in on lan proto udp from any port 5000:5010 comment 'a tool'"}},
      {"deny", kGrammar, {"deny from 203.0.113.7", "deny out to any port 25 proto tcp"}},
      {"reject", kGrammar, {"reject 113/tcp", "reject in on wan to any port 8081 proto tcp"}},
      {"limit", kGrammar, {"limit 2222/tcp"}},
      {"insert", kGrammar, {"insert 1 deny from 203.0.113.8"}},
      {"prepend", kGrammar, {"prepend deny from 203.0.113.0/24"}},
      {"delete", "", {"delete allow 8080/tcp", "delete 3"}},
      {"plan", "", {"plan", "plan policy.toml"}},
      {"apply", "", {"apply policy.toml", "apply"}},
      {"verify", "", {"verify"}},
      {"disable", "", {"disable"}},
      {"enable", "", {"enable"}},
      {"analyze",
       "A file is what `nft -j list ruleset`, iptables-save or ip6tables-save wrote, or a folder\n"
       "such as /etc/ufw or /etc/firewalld. Of two files that are the IPv4 and the IPv6 half of "
       "one\n"
       "filter the whole is told; two others are compared.",
       {"analyze rules.v4", "analyze rules.v4 rules.v6", "analyze before.v4 rules.v4",
        "analyze --live"}},
      {"compile", "", {"compile policy.toml"}},
      {"check", "", {"check policy.toml"}},
      {"diff", "", {"diff old.toml policy.toml"}},
      {"explain",
       "A packet is a sentence; what is left out means any.",
       {"explain in on eth1 1883/tcp from 203.0.113.7",
        "explain out on eth0 47808/udp sport 47808 to 10.1.0.255",
        "explain in icmp type echo-request"}},
      {"services", "", {"services", "services bacnet"}},
  };
  return help;
}

}  // namespace

std::string help_ending(std::string_view verb) {
  const auto found = std::ranges::find(all(), verb, &VerbHelp::verb);
  if (found == all().end())
    return {};
  std::string text(found->hint);
  text += text.empty() ? "Examples:" : "\n\nExamples:";
  for (const std::string_view example : found->examples)
    text += fmt::format("\n  quaymaster {}", example);
  return text;
}

}  // namespace quay
