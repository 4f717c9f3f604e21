// Whatever the kernel may answer, the readers neither crash nor read beyond it: for libFuzzer.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "language/nft_messages.h"
#include "language/nft_program.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  quay::nft::Ruleset ruleset;
  if (quay::NftMessages(ruleset).read(bytes))
    static_cast<void>(quay::read_nft_program(ruleset, {{1, "lo"}, {2, "eth0"}}));
  return 0;
}
