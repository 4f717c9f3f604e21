#include "app/first_policy.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/text.h"

namespace quay {
namespace {

// How systemd and the kernel begin the names of wired interfaces (systemd.net-naming-scheme(7)).
constexpr std::array<std::string_view, 4> kWired{"eth", "en", "lan", "wan"};

bool wired(const std::string& name) {
  return std::any_of(kWired.begin(), kWired.end(),
                     [&](std::string_view start) { return name.starts_with(start); });
}

std::string label(const std::string& interface) {
  return interface == "eth0" ? "lan" : interface == "eth1" ? "wan" : interface;
}

bool ufw_is_enabled(Files& files) {
  const std::string text = files.read("/etc/ufw/ufw.conf").value_or("");
  const auto lines = split(text, '\n');
  return std::any_of(lines.begin(), lines.end(),
                     [](std::string_view line) { return trim(line) == "ENABLED=yes"; });
}

}  // namespace

Result<Policy> first_policy(Files& files, const std::vector<std::string>& interfaces,
                            bool factory) {
  Policy policy;
  policy.profile = !factory && ufw_is_enabled(files) ? "standard" : "enhanced";
  for (const std::string& name : interfaces)
    if (wired(name) && parse_interface(name))
      policy.interfaces.emplace(label(name), InterfaceName{name});
  if (policy.interfaces.empty())
    return fail("this gateway has no wired interface; write the policy by hand, with [interfaces]");
  return policy;
}

}  // namespace quay
