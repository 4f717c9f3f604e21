// What others did to the kernel's packet filter.
#pragma once

#include <map>
#include <string>

namespace quay {

struct NftChanges {
  // "inet quaymaster", "ip filter": the tables that were changed, and the name of the process that
  // changed each; empty where several did, or where it is not known. The kernel tells its first 15
  // bytes; bytes that cannot be printed are '?'. It tells a number besides, but the initial
  // namespace's, which may be another process here.
  std::map<std::string, std::string> tables;
  bool lost = false;  // more happened than was taken in time

  void add(const std::string& table, const std::string& process) {
    const auto [found, fresh] = tables.try_emplace(table, process);
    if (!fresh && found->second != process)
      found->second.clear();
  }
};

}  // namespace quay
