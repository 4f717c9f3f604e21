// Whatever stands in a file of iptables-save's, reading it neither crashes nor goes beyond it: for
// libFuzzer.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "language/iptables_save.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const quay::Family family : {quay::Family::V4, quay::Family::V6})
    static_cast<void>(quay::parse_iptables_save(text, "x", family));
  return 0;
}
