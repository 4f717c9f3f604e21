#include "language/firewalld_zones.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "language/firewalld_nft.h"
#include "language/firewalld_xml.h"
#include "language/nft_json_builder.h"
#include "language/nft_json_listing.h"

namespace quay {
namespace firewalld {
namespace {

bool says_yes(std::string_view value) {
  return value == "yes" || value == "true" || value == "Yes" || value == "True";
}

// Several files that make one zone together.
void combine(Zone& zone, Zone more) {
  const auto append = [](auto& to, auto& from) { std::ranges::move(from, std::back_inserter(to)); };
  Settings& to = zone.settings;
  Settings& from = more.settings;
  append(zone.interfaces, more.interfaces);
  append(zone.sources, more.sources);
  append(to.services, from.services);
  append(to.ports, from.ports);
  append(to.source_ports, from.source_ports);
  append(to.protocols, from.protocols);
  append(to.icmp_blocks, from.icmp_blocks);
  append(to.forward_ports, from.forward_ports);
  append(to.rules, from.rules);
  append(to.unknown, from.unknown);
  zone.forward = zone.forward || more.forward;
  to.masquerade = to.masquerade || from.masquerade;
  to.icmp_block_inversion = to.icmp_block_inversion || from.icmp_block_inversion;
}

class Loader {
 public:
  explicit Loader(const FirewalldFiles& files) : files_(files) {}

  Parsed<filter::Ruleset> load();

 private:
  void read_settings();
  void read_setting(std::string_view key, const std::string& value, const std::string& place);
  void read(const std::string& path, const std::string& text);
  void read_zone(std::string_view name, const std::string& text, const std::string& path);
  template <typename Value>
  void keep(Result<Value> parsed, std::map<std::string, Value>& all, std::string_view name);
  void fault(const std::string& place, std::string reason) {
    errors_.push_back({.place = place, .reason = std::move(reason)});
  }

  const FirewalldFiles& files_;
  Configuration configuration_;
  std::vector<Error> errors_;
};

void Loader::read_setting(std::string_view key, const std::string& value,
                          const std::string& place) {
  if (key == "DefaultZone")
    configuration_.default_zone = value;
  else if (key == "RFC3964_IPv4")
    configuration_.rfc3964 = says_yes(value);
  else if (key == "FirewallBackend" && value != "nftables")
    fault(place, fmt::format("backend {} is not modelled", value));
  else if (key == "NftablesFlowtable" && value != "off")
    configuration_.outside.push_back(
        fmt::format("flow table of {}: packets of the flows in it pass by all chains", value));
  else if (key == "StrictForwardPorts" && says_yes(value))
    fault(place, "StrictForwardPorts is not modelled");
  else if (key == "IPv6_rpfilter") {
    configuration_.reverse_path_v6 = says_yes(value);
    if (!says_yes(value) && value != "no" && value != "false")
      fault(place, fmt::format("IPv6_rpfilter {} is not modelled", value));
  }
}

void Loader::read_settings() {
  const auto found = files_.own.find("firewalld.conf");
  if (found == files_.own.end())
    return;
  std::size_t number = 0;
  for (const std::string_view raw : split(found->second, '\n')) {
    ++number;
    const std::string_view line = trim(raw);
    const std::size_t equal = line.find('=');
    if (line.starts_with('#') || line.starts_with(';') || equal == std::string_view::npos)
      continue;
    read_setting(trim(line.substr(0, equal)), std::string(trim(line.substr(equal + 1))),
                 fmt::format("firewalld.conf:{}", number));
  }
}

template <typename Value>
void Loader::keep(Result<Value> parsed, std::map<std::string, Value>& all, std::string_view name) {
  if (!parsed)
    return errors_.push_back(parsed.error());
  all.insert_or_assign(std::string(name), *std::move(parsed));
}

void Loader::read_zone(std::string_view name, const std::string& text, const std::string& path) {
  auto zone = parse_zone(text, path);
  if (!zone)
    return errors_.push_back(zone.error());
  const std::size_t slash = name.find('/');
  const std::string own(name.substr(0, slash));
  auto [place, fresh] = configuration_.zones.try_emplace(own, Zone{.name = own, .settings = {}});
  if (slash == std::string_view::npos) {
    place->second = *std::move(zone);
    place->second.name = own;
    return;
  }
  if (fresh)
    place->second.settings.file = fmt::format("zones/{}", own);
  combine(place->second, *std::move(zone));
}

void Loader::read(const std::string& path, const std::string& text) {
  const std::size_t slash = path.find('/');
  if (path == "direct.xml")
    configuration_.outside.emplace_back("direct.xml: rules of iptables beside firewalld's table");
  if (slash == std::string::npos || !path.ends_with(".xml"))
    return;
  const std::string_view folder = std::string_view(path).substr(0, slash);
  const std::string_view name =
      std::string_view(path).substr(slash + 1, path.size() - slash - 1 - 4);
  if (folder == "zones") {
    read_zone(name, text, path);
  } else if (folder == "policies") {
    keep(parse_policy(text, path), configuration_.policies, name);
  } else if (folder == "services") {
    keep(parse_service(text, path), configuration_.services, name);
  } else if (folder == "ipsets") {
    keep(parse_ipset(text, path), configuration_.ipsets, name);
  }
}

Parsed<filter::Ruleset> Loader::load() {
  read_settings();
  for (const auto& [path, text] : files_.shipped)
    if (!files_.own.contains(path))
      read(path, text);
  for (const auto& [path, text] : files_.own)
    read(path, text);
  for (auto& [name, policy] : configuration_.policies)
    policy.name = name;
  if (!configuration_.zones.contains(configuration_.default_zone))
    fault("firewalld.conf", fmt::format("there is no zone `{}`", configuration_.default_zone));
  Parsed<filter::Ruleset> parsed{.value = {}, .errors = std::move(errors_)};
  if (!parsed.ok())
    return parsed;
  const boost::json::array objects = table_of(configuration_);
  nft_json::Listing listing = nft_json::listing_of(objects, "firewalld", parsed.errors);
  if (!parsed.ok())
    return parsed;
  parsed.value = nft_json::ruleset_of(std::move(listing));
  parsed.value.outside = std::move(configuration_.outside);
  parsed.value.outside.emplace_back(
      "interfaces that NetworkManager puts into zones while it runs are not in the files");
  return parsed;
}

}  // namespace
}  // namespace firewalld

Parsed<filter::Ruleset> parse_firewalld(const FirewalldFiles& files) {
  return firewalld::Loader(files).load();
}

}  // namespace quay
