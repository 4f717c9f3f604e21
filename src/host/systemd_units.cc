#include "host/systemd_units.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>
#include <pwd.h>
#include <sdbus-c++/sdbus-c++.h>
#include <sys/stat.h>

#include "host/socket_holders.h"

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

// The short name of a process; empty when it is gone.
std::string process_name(const std::string& pid) {
  std::string name;
  std::getline(std::ifstream("/proc/" + pid + "/comm"), name);
  // A program may call itself anything; what is told of it is text.
  for (char& byte : name)
    if (static_cast<unsigned char>(byte) < 0x20 || static_cast<unsigned char>(byte) > 0x7e)
      byte = '?';
  return name;
}

// The name that all processes of a cgroup share; empty when they differ.
std::string process_of(const fs::path& folder) {
  std::ifstream list(folder / "cgroup.procs");
  std::string pid;
  std::string name;
  while (list >> pid) {
    std::string other = process_name(pid);
    if (!name.empty() && other != name)
      return {};
    name = std::move(other);
  }
  return name;
}

// The unit that a process is in, by its path in the unified hierarchy (proc_pid_cgroup(5)).
std::string unit_of(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/cgroup");
  std::string line;
  while (std::getline(file, line)) {
    constexpr std::string_view unified = "0::";
    if (!line.starts_with(unified))
      continue;
    for (const fs::path& part : fs::path(line.substr(unified.size())))
      if (is_unit(part.native()))
        return part.native();
  }
  return {};
}

// What cgroups do not tell, the helper does: by the processes that hold the sockets.
void name_holders(const std::string& helper_socket, std::vector<Listener>& sockets) {
  Inodes unknown;
  for (const Listener& listener : sockets)
    if (listener.process.empty() && listener.inode != 0)
      unknown.insert(listener.inode);
  const Holders holders = ask_socket_holders(helper_socket, unknown);
  for (Listener& listener : sockets) {
    const auto holder = holders.find(listener.inode);
    if (!listener.process.empty() || holder == holders.end())
      continue;
    const std::string pid = std::to_string(holder->second);
    listener.process = process_name(pid);
    if (listener.unit.empty())
      listener.unit = unit_of(pid);
  }
}

// What systemd holds for one of its `.socket` units.
struct HeldSocket {
  std::string unit;
  std::string type;     // "Stream", "Datagram", or another
  std::string address;  // "0.0.0.0:22", "[::]:22"
};

std::vector<HeldSocket> held_sockets() {
  std::vector<HeldSocket> result;
  try {
    const auto connection = sdbus::createSystemBusConnection();
    connection->setMethodCallTimeout(std::chrono::seconds(2));
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
        result.push_back({unit.get<0>(), listen.get<0>(), listen.get<1>()});
    }
  } catch (const sdbus::Error&) {
    result.clear();  // without a bus the sockets keep systemd's own name
  }
  return result;
}

bool is_same(const Listener& listener, const HeldSocket& held) {
  if (held.type != (listener.protocol == Protocol::Udp ? "Datagram" : "Stream"))
    return false;
  // Bound to every address an IPv6 socket is spelled alike whether it takes IPv4 too or not.
  const bool everywhere = listener.family == Family::V6 && listener.address.bits == 0;
  return held.address ==
         (everywhere ? fmt::format("[::]:{}", listener.port) : address_text(listener));
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
  name_holders(helper_socket_, sockets);
  if (held_by_systemd.empty())
    return;
  const auto all_held = held_sockets();
  for (Listener* listener : held_by_systemd)
    for (const HeldSocket& held : all_held)
      if (is_same(*listener, held))
        listener->unit = held.unit;
}

}  // namespace quay
