#include "host/outside.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "host/bpf_programs.h"
#include "host/link_filters.h"

namespace quay {
namespace {

// A file that names the legacy tables of the namespace, one in a line. It is there when the module
// is, and is for root's eyes.
struct LegacyTables {
  std::string_view file;
  std::string_view what;
  std::string_view packets;
};

constexpr std::array<LegacyTables, 3> kLegacyTables{{
    {"ip_tables_names", "iptables", "IPv4"},
    {"ip6_tables_names", "ip6tables", "IPv6"},
    {"arp_tables_names", "arptables", "ARP"},
}};

void add_legacy(const LegacyTables& tables, std::vector<std::string>& sentences) {
  // Not /proc/net, which is that of the process' first thread.
  std::ifstream file(fmt::format("/proc/thread-self/net/{}", tables.file));
  if (!file) {
    if (errno != ENOENT)
      sentences.push_back(fmt::format("legacy {} could not be looked for: {}", tables.what,
                                      std::generic_category().message(errno)));
    return;
  }
  for (std::string table; file >> table;)
    sentences.push_back(
        fmt::format("legacy {}: table {} ({})", tables.what, table, tables.packets));
}

// Legacy ebtables names its tables nowhere, and asking it by name loads them. A table is a module.
void add_ebtables(std::vector<std::string>& sentences) {
  for (const std::string_view table : {"broute", "filter", "nat"}) {
    std::error_code none;
    if (std::filesystem::exists(fmt::format("/sys/module/ebtable_{}", table), none))
      sentences.push_back(fmt::format("legacy ebtables: table {} (bridged frames)", table));
  }
}

// Where cgroup v2 is: alone, or beside the older hierarchies.
void add_cgroups(std::vector<std::string>& sentences) {
  for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    struct statfs status{};
    if (statfs(root, &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC) {
      std::ranges::move(cgroup_programs(root), std::back_inserter(sentences));
      return;
    }
  }
  sentences.emplace_back("cgroup programs could not be looked for: no cgroup v2 at /sys/fs/cgroup");
}

}  // namespace

std::vector<std::string> outside_filters() {
  std::vector<std::string> sentences;
  for (const LegacyTables& tables : kLegacyTables)
    add_legacy(tables, sentences);
  add_ebtables(sentences);
  std::ranges::move(link_filters(), std::back_inserter(sentences));
  add_cgroups(sentences);
  return sentences;
}

}  // namespace quay
