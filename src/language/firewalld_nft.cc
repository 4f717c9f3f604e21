#include "language/firewalld_nft.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "language/firewalld_chains.h"
#include "language/firewalld_rules.h"
#include "language/firewalld_settings.h"

namespace quay::firewalld {
namespace {

using boost::json::object;

constexpr std::string_view kConf = "firewalld.conf";

// Ranks in the chains that choose a zone: sources first, the default zone last.
constexpr int kSources = 0;
constexpr int kInterfaces = 1;
constexpr int kDefault = 2;

Json any_of(std::initializer_list<Json> values) {
  return object{{"set", boost::json::array(values.begin(), values.end())}};
}

Json ct(std::string_view key) {
  return object{{"ct", {{"key", key}}}};
}

Json prefix6(std::string_view address, int length) {
  return object{{"prefix", {{"addr", address}, {"len", length}}}};
}

// Addresses of IPv6 that stand for addresses of IPv4 which nobody may be routed to (RFC 3964).
Statements without_a_way() {
  const Json destination = object{{"payload", {{"protocol", "ip6"}, {"field", "daddr"}}}};
  return {match(destination, "==",
                any_of({prefix6("::", 96), prefix6("::ffff:0:0", 96), prefix6("2002::", 24),
                        prefix6("2002:a00::", 24), prefix6("2002:7f00::", 24),
                        prefix6("2002:ac10::", 28), prefix6("2002:c0a8::", 32),
                        prefix6("2002:a9fe::", 32), prefix6("2002:e000::", 19)})),
          object{{"reject", {{"type", "icmpv6"}, {"expr", "addr-unreachable"}}}}};
}

bool outgoing(std::string_view hook) {
  return hook == "POSTROUTING" || hook == "OUTPUT";
}

// firewalld makes three policies of a zone: to the host, from anywhere to it, from it to anywhere.
std::vector<Passage> passages_of(const Zone& zone) {
  Passage to_host{.suffix = zone.name,
                  .of_zone = true,
                  .settings = zone.settings,
                  .dispatches = {{"filter", "INPUT"}}};
  Passage to_zone{.suffix = zone.name,
                  .of_zone = true,
                  .settings = {.file = zone.settings.file, .target = zone.settings.target},
                  .dispatches = {{"nat", "POSTROUTING"}}};
  Passage from_zone = to_zone;
  from_zone.dispatches = {{"filter", "FORWARD"}, {"nat", "PREROUTING"}, {"mangle", "PREROUTING"}};
  to_zone.settings.masquerade = std::exchange(to_host.settings.masquerade, false);
  from_zone.settings.forward_ports = std::exchange(to_host.settings.forward_ports, {});
  to_zone.settings.unknown = from_zone.settings.unknown = zone.settings.unknown;
  to_host.settings.rules.clear();
  for (const RichRule& rule : zone.settings.rules) {
    const bool through =
        rule.action == "mark" || rule.element == "forward-port" || rule.element == "tcp-mss-clamp";
    Passage& one = through ? from_zone : rule.element == "masquerade" ? to_zone : to_host;
    one.settings.rules.push_back(rule);
  }
  return {std::move(to_host), std::move(to_zone), std::move(from_zone)};
}

bool has(const std::vector<std::string>& zones, std::string_view name) {
  return std::ranges::find(zones, name) != zones.end();
}

class Writer {
 public:
  explicit Writer(const Configuration& configuration) : configuration_(configuration) {}

  boost::json::array write();

 private:
  void write_bases();
  void write_filter_bases();
  void write(const Zone& zone);
  void write(const Policy& policy);
  void dispatch(const Passage& passage, const Statements& asked, std::string_view place, int rank);
  void dispatch_zone(const Zone& zone, const std::vector<Passage>& passages);
  void write_forward(const Zone& zone);
  bool active(const std::vector<std::string>& zones) const;
  bool has_interfaces(const std::vector<std::string>& zones) const;
  std::vector<Dispatch> dispatches_of(const Policy& policy) const;
  std::vector<Statements> peers(const std::vector<std::string>& zones, bool from) const;

  const Configuration& configuration_;
  Chains chains_;
};

void Writer::write_bases() {
  struct Base {
    std::string_view table;
    std::string_view hook;
    std::string_view type;
    std::string_view place;
    std::int32_t priority;  // the usual one and ten
  };
  constexpr Base bases[] = {{"mangle", "PREROUTING", "filter", "prerouting", -140},
                            {"nat", "PREROUTING", "nat", "prerouting", -90},
                            {"nat", "POSTROUTING", "nat", "postrouting", 110},
                            {"nat", "OUTPUT", "nat", "output", -90},
                            {"filter", "PREROUTING", "filter", "prerouting", 10},
                            {"filter", "INPUT", "filter", "input", 10},
                            {"filter", "FORWARD", "filter", "forward", 10},
                            {"filter", "OUTPUT", "filter", "output", 10}};
  for (const Base& base : bases) {
    const std::string name = fmt::format("{}_{}", base.table, base.hook);
    chains_.base(name, base.type, base.place, base.priority);
    for (const std::string_view part : {"_POLICIES_pre", "_ZONES", "_POLICIES_post"})
      chains_.chain(name + std::string(part));
    if (base.table == "filter")
      continue;
    const bool zones = base.hook != "OUTPUT";
    for (const std::string_view part : {"_POLICIES_pre", "_ZONES", "_POLICIES_post"})
      if (zones == (part == "_ZONES"))
        chains_.add(name, {jump("jump", name + std::string(part))}, kConf);
  }
}

void Writer::write_filter_bases() {
  const auto add = [&](std::string_view chain, Statements statements) {
    chains_.add(chain, std::move(statements), kConf);
  };
  const Json neighbours = object{{"payload", {{"protocol", "icmpv6"}, {"field", "type"}}}};
  const Json back = object{{"fib", {{"flags", {"saddr", "mark", "iif"}}, {"result", "oif"}}}};
  if (configuration_.reverse_path_v6) {
    add("filter_PREROUTING",
        {match(neighbours, "==", any_of({"nd-router-advert", "nd-neighbor-solicit"})),
         verdict("accept")});
    add("filter_PREROUTING", {family_match("ipv6"), match(back, "==", false), verdict("drop")});
  }
  for (const std::string chain : {"filter_INPUT", "filter_FORWARD", "filter_OUTPUT"}) {
    const bool out = chain == "filter_OUTPUT";
    add(chain, {match(ct("state"), "in", Json{"established", "related"}), verdict("accept")});
    if (!out)
      add(chain, {match(ct("status"), "in", "dnat"), verdict("accept")});
    add(chain, {match(meta(out ? "oifname" : "iifname"), "==", "lo"), verdict("accept")});
    if (!out)
      add(chain, {match(ct("state"), "in", "invalid"), verdict("drop")});
    if (configuration_.rfc3964 && chain != "filter_INPUT")
      add(chain, without_a_way());
    if (out) {
      add(chain, {jump("jump", chain + "_POLICIES_pre")});
      add(chain, {jump("jump", chain + "_POLICIES_post")});
    } else {
      add(chain, {jump("jump", chain + "_ZONES")});
      add(chain, {reject()});
    }
  }
}

// To the zone's chains, wherever it has some.
void Writer::dispatch(const Passage& passage, const Statements& asked, std::string_view place,
                      int rank) {
  for (const Dispatch& one : passage.dispatches) {
    Statements statements = asked;
    statements.push_back(jump("goto", passage.chain(one)));
    chains_.add(fmt::format("{}_{}_ZONES", one.table, one.hook), std::move(statements), place, rank,
                rank == kInterfaces);
  }
}

void Writer::dispatch_zone(const Zone& zone, const std::vector<Passage>& passages) {
  const std::string& place = zone.settings.file;
  for (const Passage& passage : passages) {
    const bool out = outgoing(passage.dispatches.front().hook);
    for (const std::string& source : zone.sources)
      dispatch(passage, {address_match(configuration_, out ? "daddr" : "saddr", source)}, place,
               kSources);
    for (const std::string& interface : zone.interfaces)
      dispatch(passage, interface_match(out ? "oifname" : "iifname", interface), place,
               kInterfaces);
    if (zone.name == configuration_.default_zone)
      dispatch(passage, {}, place, kDefault);
  }
}

// Between the interfaces and sources of one zone.
void Writer::write_forward(const Zone& zone) {
  std::vector<Statements> all = peers({zone.name}, false);
  if (!zone.forward)
    return;
  for (Statements& asked : all) {
    asked.push_back(verdict("accept"));
    chains_.add(fmt::format("filter_FWD_{}_allow", zone.name), std::move(asked),
                zone.settings.file);
  }
}

void Writer::write(const Zone& zone) {
  const std::vector<Passage> passages = passages_of(zone);
  for (const Passage& passage : passages)
    SettingsWriter(configuration_, chains_, passage).write();
  dispatch_zone(zone, passages);
  write_forward(zone);
}

bool Writer::active(const std::vector<std::string>& zones) const {
  return std::ranges::any_of(zones, [&](const std::string& name) {
    const auto found = configuration_.zones.find(name);
    return name == "ANY" || name == "HOST" ||
           (found != configuration_.zones.end() && found->second.active());
  });
}

bool Writer::has_interfaces(const std::vector<std::string>& zones) const {
  return std::ranges::any_of(zones, [&](const std::string& name) {
    const auto found = configuration_.zones.find(name);
    return found != configuration_.zones.end() && !found->second.interfaces.empty();
  });
}

// From where a policy's chains are jumped to.
std::vector<Dispatch> Writer::dispatches_of(const Policy& policy) const {
  const bool from_any = has(policy.ingress_zones, "ANY");
  const Dispatch translating{"nat", "PREROUTING"};
  const Dispatch marking{"mangle", "PREROUTING"};
  const Dispatch masking{"nat", "POSTROUTING"};
  if (has(policy.egress_zones, "HOST")) {
    if (from_any)
      return {{"filter", "INPUT"}, translating, marking};
    return {{"filter", "INPUT"}};
  }
  if (has(policy.ingress_zones, "HOST"))
    return {{"filter", "OUTPUT"}, {"nat", "OUTPUT"}};
  // What leaves by an interface is not known before routing.
  if (!has(policy.egress_zones, "ANY") && has_interfaces(policy.egress_zones))
    return {{"filter", "FORWARD"}, masking};
  return {{"filter", "FORWARD"}, masking, translating, marking};
}

// One for each interface and source of the zones; those of ANY and HOST are not asked for.
std::vector<Statements> Writer::peers(const std::vector<std::string>& zones, bool from) const {
  std::vector<Statements> all;
  for (const std::string& name : zones) {
    const auto found = configuration_.zones.find(name);
    if (name == "ANY" || name == "HOST" || found == configuration_.zones.end())
      continue;
    for (const std::string& interface : found->second.interfaces)
      if (Statements asked = interface_match(from ? "iifname" : "oifname", interface);
          !asked.empty())
        all.push_back(std::move(asked));
    for (const std::string& source : found->second.sources)
      all.push_back({address_match(configuration_, from ? "saddr" : "daddr", source)});
  }
  return all;
}

void Writer::write(const Policy& policy) {
  const Passage passage{.suffix = "policy_" + policy.name,
                        .settings = policy.settings,
                        .dispatches = dispatches_of(policy)};
  SettingsWriter(configuration_, chains_, passage).write();
  std::vector<Statements> from = peers(policy.ingress_zones, true);
  std::vector<Statements> to = peers(policy.egress_zones, false);
  if (from.empty())
    from.emplace_back();
  if (to.empty())
    to.emplace_back();
  for (const Dispatch& one : passage.dispatches)
    for (const Statements& first : from)
      for (const Statements& second : to) {
        Statements statements = first;
        statements.insert(statements.end(), second.begin(), second.end());
        statements.push_back(jump("jump", passage.chain(one)));
        chains_.add(fmt::format("{}_{}_POLICIES_{}", one.table, one.hook,
                                policy.priority < 0 ? "pre" : "post"),
                    std::move(statements), policy.settings.file, policy.priority);
      }
}

boost::json::array Writer::write() {
  write_bases();
  write_filter_bases();
  for (const auto& [name, zone] : configuration_.zones)
    if (zone.active() && name != configuration_.default_zone)
      write(zone);
  if (const auto found = configuration_.zones.find(configuration_.default_zone);
      found != configuration_.zones.end())
    write(found->second);
  for (const auto& [name, policy] : configuration_.policies)
    if (active(policy.ingress_zones) && active(policy.egress_zones))
      write(policy);
  boost::json::array objects = chains_.objects();
  for (const auto& [name, set] : configuration_.ipsets)
    objects.push_back(set_of(name, set));
  return objects;
}

}  // namespace

boost::json::array table_of(const Configuration& configuration) {
  return Writer(configuration).write();
}

}  // namespace quay::firewalld
