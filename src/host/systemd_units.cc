#include "host/systemd_units.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <unordered_map>

#include <pwd.h>
#include <sdbus-c++/sdbus-c++.h>
#include <sys/stat.h>

namespace quay {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSystemd = "org.freedesktop.systemd1";

// One cgroup that belongs to a unit.
struct Group {
  std::string unit;
  fs::path folder;
  std::optional<std::string> process;  // read when it is asked for
};

// cgroup v2, alone or beside v1 (systemd's "hybrid" hierarchy).
fs::path cgroup_root() {
  std::error_code error;
  const fs::path hybrid = "/sys/fs/cgroup/unified";
  return fs::exists(hybrid, error) ? hybrid : fs::path("/sys/fs/cgroup");
}

bool is_unit(const std::string& name) {
  return name.ends_with(".service") || name.ends_with(".scope");
}

// Collects the cgroups below `folder`. What a unit makes below its own cgroup is the unit's; a
// user's own units belong to that user's manager.
void collect(const fs::path& folder, const std::string& unit,
             std::unordered_map<std::uint64_t, Group>& groups) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    struct stat status{};
    if (stat(entry->path().c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
      continue;  // it may be gone by now
    const std::string name = entry->path().filename();
    const std::string owner = unit.empty() && is_unit(name) ? name : unit;
    if (!owner.empty())
      groups.emplace(status.st_ino, Group{owner, entry->path(), std::nullopt});
    collect(entry->path(), owner, groups);
  }
}

std::unordered_map<std::uint64_t, Group> all_groups() {
  std::unordered_map<std::uint64_t, Group> groups;
  collect(cgroup_root(), "", groups);
  return groups;
}

// The name that all processes of a cgroup share; empty when they differ.
std::string process_of(const fs::path& folder) {
  std::ifstream list(folder / "cgroup.procs");
  std::string pid;
  std::string name;
  while (list >> pid) {
    std::string other;
    std::getline(std::ifstream("/proc/" + pid + "/comm"), other);
    if (!name.empty() && other != name)
      return {};
    name = std::move(other);
  }
  // A program may call itself anything; what is told of it is text.
  for (char& byte : name)
    if (static_cast<unsigned char>(byte) < 0x20 || static_cast<unsigned char>(byte) > 0x7e)
      byte = '?';
  return name;
}

// What systemd holds for its `.socket` units: "22" or "0.0.0.0:22" or "[::]:22" to the unit.
std::vector<std::pair<std::string, std::string>> socket_units() {
  std::vector<std::pair<std::string, std::string>> result;
  try {
    const auto connection = sdbus::createSystemBusConnection();
    const auto manager = sdbus::createProxy(*connection, kSystemd, "/org/freedesktop/systemd1");
    using Unit =
        sdbus::Struct<std::string, std::string, std::string, std::string, std::string, std::string,
                      sdbus::ObjectPath, std::uint32_t, std::string, sdbus::ObjectPath>;
    std::vector<Unit> units;
    manager->callMethod("ListUnitsByPatterns")
        .onInterface("org.freedesktop.systemd1.Manager")
        .withArguments(std::vector<std::string>{"active"}, std::vector<std::string>{"*.socket"})
        .storeResultsTo(units);
    for (const Unit& unit : units) {
      const auto proxy = sdbus::createProxy(*connection, kSystemd, unit.get<6>());
      const std::vector<sdbus::Struct<std::string, std::string>> listens =
          proxy->getProperty("Listen").onInterface("org.freedesktop.systemd1.Socket");
      for (const auto& listen : listens)
        result.emplace_back(listen.get<1>(), unit.get<0>());
    }
  } catch (const sdbus::Error&) {
    result.clear();  // without a bus the sockets keep systemd's own name
  }
  return result;
}

bool is_at(const Listener& listener, const std::string& address) {
  const std::string port = std::to_string(listener.port);
  return address == port || address == "[::]:" + port || address == address_text(listener);
}

}  // namespace

void SystemdUnits::name_owners(std::vector<Listener>& sockets) {
  auto groups = all_groups();
  std::map<std::uint32_t, std::string> users;
  std::vector<Listener*> held_by_systemd;
  for (Listener& listener : sockets) {
    auto [user, fresh] = users.try_emplace(listener.uid);
    if (fresh) {
      const passwd* entry = getpwuid(listener.uid);
      user->second = entry != nullptr ? entry->pw_name : std::to_string(listener.uid);
    }
    listener.user = user->second;
    const auto group = groups.find(listener.cgroup);
    if (group == groups.end())
      continue;
    if (!group->second.process)
      group->second.process = process_of(group->second.folder);
    listener.unit = group->second.unit;
    listener.process = group->second.process.value_or("");
    if (listener.unit == "init.scope")
      held_by_systemd.push_back(&listener);
  }
  if (held_by_systemd.empty())
    return;
  const auto units = socket_units();
  for (Listener* listener : held_by_systemd)
    for (const auto& [address, unit] : units)
      if (is_at(*listener, address))
        listener->unit = unit;
}

}  // namespace quay
