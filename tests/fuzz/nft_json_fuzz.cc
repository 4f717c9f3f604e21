// Whatever stands in a file of nft's JSON, reading it neither crashes nor goes beyond it: for
// libFuzzer.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "language/nft_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static_cast<void>(
      quay::parse_nft_json(std::string_view(reinterpret_cast<const char*>(data), size), "x"));
  return 0;
}
