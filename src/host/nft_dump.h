// Asks the kernel for what nftables runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "host/netlink_socket.h"
#include "model/ruleset.h"

namespace quay {

// Keeps one netlink socket for its whole life, in the network namespace that the process was in
// when it was made. Needs CAP_NET_ADMIN. Not for several threads at once.
class NftDump {
 public:
  NftDump();

  // One table of one generation of the ruleset: what changes while it is read is read again.
  // nullopt when there is no such table. Elements of sets that rules write to (flag `dynamic`) are
  // left out. Fails when the kernel cannot be asked, and when it keeps changing.
  Result<std::optional<nft::Table>> table(std::uint8_t family, const std::string& name);

  // Every table of every family, as table() reads one; all of one generation.
  Result<nft::Ruleset> ruleset();

 private:
  struct Question;
  // The messages of the answer; nullopt when there is no such thing.
  Result<std::optional<std::string>> ask(const Question& question);
  Result<std::string> generation();
  Result<std::optional<nft::Table>> read(std::uint8_t family, const std::string& name);
  Result<nft::Ruleset> read_all();
  // Reads until no change came between.
  template <typename Read>
  auto unchanged(const Read& read) -> decltype(read());

  NetlinkSocket socket_;
};

}  // namespace quay
