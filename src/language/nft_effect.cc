#include "language/nft_effect.h"

#include <fmt/format.h>

namespace quay::nft {
namespace {

std::string unit_text(std::uint64_t seconds) {
  switch (seconds) {
    case 1:
      return "second";
    case 60:
      return "minute";
    case 3600:
      return "hour";
    case 86400:
      return "day";
    case 604800:
      return "week";
    default:
      return fmt::format("{} seconds", seconds);
  }
}

struct EffectText {
  std::string operator()(const Counter&) const { return "counter"; }
  std::string operator()(const Last&) const { return "last"; }
  std::string operator()(const Unknown& unknown) const { return unknown.what; }
  template <typename Known>
  std::string operator()(const Known& known) const {
    return to_text(known);
  }
};

}  // namespace

std::string to_text(const Limit& limit) {
  return fmt::format("limit rate {}{}{}/{} burst {} {}", limit.over ? "over " : "", limit.rate,
                     limit.bytes ? " bytes" : "", unit_text(limit.unit), limit.burst,
                     limit.bytes ? "bytes" : "packets");
}

std::string to_text(const Quota& quota) {
  return fmt::format("quota {}{} bytes", quota.over ? "over " : "", quota.bytes);
}

std::string to_text(const ConnectionLimit& limit) {
  return fmt::format("ct count {}{}", limit.over ? "over " : "", limit.count);
}

std::string to_text(const Effect& effect) {
  return std::visit(EffectText{}, effect);
}

}  // namespace quay::nft
