// Whatever stands in a policy file, reading it neither crashes nor goes beyond it, and what is read
// is written so that it reads the same: for libFuzzer. Of a golden case its policy is taken.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "app/inventory.h"
#include "host/system_files.h"
#include "language/policy_file.h"

namespace {

const quay::Catalogue& catalogue() {
  static const quay::Catalogue shipped = [] {
    quay::SystemFiles files;
    return quay::load_catalogue(files, {QUAY_SOURCE "/catalogue"}).value;
  }();
  return shipped;
}

// The part of a golden case that is a policy; the whole of anything else.
std::string_view policy_in(std::string_view text) {
  constexpr std::string_view mark = "=== policy\n";
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos)
    return text;
  text.remove_prefix(at + mark.size());
  return text.substr(0, text.find("\n=== "));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = policy_in({reinterpret_cast<const char*>(data), size});
  const auto policy = quay::parse_policy(text, "x", catalogue(), {});
  if (!policy.errors.empty())
    return 0;
  const auto again = quay::parse_policy(quay::to_text(policy.value), "x", catalogue(), {});
  if (!again.errors.empty() || again.value != policy.value)
    std::abort();
  return 0;
}
