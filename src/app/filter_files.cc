#include "app/filter_files.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "app/inventory.h"
#include "base/text.h"
#include "language/firewalld_zones.h"
#include "language/iptables_save.h"
#include "language/nft_json.h"
#include "language/ufw_files.h"

namespace quay {
namespace {

// What iptables-save wrote says so in its first comment; what somebody else wrote is told by words
// that IPv6 alone has.
Family family_of(std::string_view text) {
  if (text.find("ip6tables-save") != std::string_view::npos)
    return Family::V6;
  if (text.find("by iptables-save") != std::string_view::npos)
    return Family::V4;
  for (const std::string_view word : {"::/0", "ipv6-icmp", "icmp6", "icmpv6", "fe80:", "ff02:"})
    if (text.find(word) != std::string_view::npos)
      return Family::V6;
  return Family::V4;
}

bool looks_like_iptables(std::string_view text) {
  return text.starts_with('*') || text.find("\n*") != std::string_view::npos;
}

NamedText named(Files& files, const std::string& path) {
  return {path, files.read(path).value_or("")};
}

// By ufw.conf, which a shell reads: the last word counts. Without the file nothing is said.
bool is_enabled(std::string_view conf) {
  bool enabled = true;
  for (const std::string_view line : split(conf, '\n'))
    if (std::string word = upper(std::string(trim(line))); word.starts_with("ENABLED=")) {
      std::erase_if(word, [](char c) { return c == '"' || c == '\''; });
      enabled = word == "ENABLED=YES";
    }
  return enabled;
}

Parsed<filter::Ruleset> load_ufw(Files& files, const std::string& folder) {
  const PortNames ports = load_port_names(files);
  const std::string defaults = folder + "/../default/ufw";
  const auto load = [&](const std::string& suffix, Family family) {
    return parse_ufw_files({.defaults = named(files, defaults),
                            .before = named(files, folder + "/before" + suffix),
                            .user = named(files, folder + "/user" + suffix),
                            .after = named(files, folder + "/after" + suffix)},
                           family, ports);
  };
  Parsed<filter::Ruleset> v4 = load(".rules", Family::V4);
  Parsed<filter::Ruleset> v6 = load("6.rules", Family::V6);
  std::ranges::move(v6.errors, std::back_inserter(v4.errors));
  filter::Ruleset both = join(std::move(v4.value), std::move(v6.value));
  if (!is_enabled(files.read(folder + "/ufw.conf").value_or("")))
    both.outside.push_back(fmt::format(
        "{}/ufw.conf does not enable ufw: the kernel has these rules only after `ufw enable`",
        folder));
  return {std::move(both), std::move(v4.errors)};
}

// Every XML file of a folder of firewalld's, and firewalld.conf.
std::map<std::string, std::string> firewalld_folder(Files& files, const std::string& root) {
  std::map<std::string, std::string> texts;
  const auto add = [&](const std::string& path) {
    if (auto text = files.read(root + "/" + path))
      texts.emplace(path, std::move(*text));
  };
  add("firewalld.conf");
  add("direct.xml");
  for (const char* kind : {"zones", "policies", "services", "ipsets"})
    for (const std::string& name : files.list(fmt::format("{}/{}", root, kind), "")) {
      const std::string path = fmt::format("{}/{}", kind, name);
      if (name.ends_with(".xml"))
        add(path);
      else  // several files that make one zone
        for (const std::string& part : files.list(fmt::format("{}/{}", root, path), ".xml"))
          add(fmt::format("{}/{}", path, part));
    }
  return texts;
}

// Beside a copy of /etc, firewalld's own definitions are in the copy of /usr, where there is one.
Parsed<filter::Ruleset> load_firewalld(Files& files, const std::string& folder) {
  const std::string shipped = "/usr/lib/firewalld";
  std::map<std::string, std::string> copied = firewalld_folder(files, folder + "/../.." + shipped);
  return parse_firewalld(
      {.shipped = copied.empty() ? firewalld_folder(files, shipped) : std::move(copied),
       .own = firewalld_folder(files, folder)});
}

}  // namespace

Parsed<filter::Ruleset> load_filter(Files& files, const std::string& path) {
  if (files.modified(path + "/user.rules"))
    return load_ufw(files, path);
  if (files.modified(path + "/firewalld.conf"))
    return load_firewalld(files, path);
  const auto text = files.read(path);
  if (!text)
    return {{}, {text.error()}};
  if (trim(*text).starts_with('{'))
    return parse_nft_json(*text, path);
  if (looks_like_iptables(*text))
    return parse_iptables_save(*text, path, family_of(*text), load_port_names(files));
  return {
      {},
      {{path,
        "is neither what `nft -j list ruleset` or iptables-save writes nor a folder of ufw's or "
        "firewalld's"}}};
}

filter::Ruleset join(filter::Ruleset first, filter::Ruleset second) {
  std::ranges::move(second.tables, std::back_inserter(first.tables));
  std::ranges::move(second.outside, std::back_inserter(first.outside));
  return first;
}

}  // namespace quay
