// The verbs that need neither a daemon nor privileges.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "app/inventory.h"
#include "cli/table.h"
#include "host/host.h"

namespace quay {

// Exit statuses of every verb.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kReport = 3;  // done, and something to report

// What every verb works with; all references outlive the call.
struct Context {
  Files& files;
  Clock& clock;
  CatalogueFolders catalogue;
  bool json = false;
  std::ostream& out;
  std::ostream& err;
  Style style;
};

// Each prints to `out`, tells what is wrong on `err`, a line each, and returns an exit status.
int compile_policy(const Context& context, const std::string& policy);
int check_policy(const Context& context, const std::string& policy);
int explain_packet(const Context& context, const std::vector<std::string>& packet,
                   const std::string& policy);
// What opens and closes between two policy files; kReport when something does.
int diff_policies(const Context& context, const std::string& from, const std::string& to);
// All services, or one when `id` is not empty.
int list_services(const Context& context, const std::string& id);

}  // namespace quay
