// The kernel's packet filter through libnftables.
#pragma once

#include <memory>

#include "host/host.h"
#include "host/nft_dump.h"

struct nft_ctx;

namespace quay {

// Keeps one libnftables context, and so one netlink socket, for its whole life: a process that
// closes such a socket after a removal waits 4 to 20 ms for the kernel. Works on the network
// namespace that the process was in when it was made; needs CAP_NET_ADMIN. Not for several
// threads at once.
class Nftables : public Firewall {
 public:
  Nftables();
  ~Nftables() override;
  Nftables(const Nftables&) = delete;
  Nftables& operator=(const Nftables&) = delete;

  Result<std::string> list() override;
  Result<filter::Ruleset> ruleset() override;
  Result<void> run(const std::string& script) override;
  void settle() override;

 private:
  struct Free {
    void operator()(nft_ctx* context) const;
  };
  Result<std::string> command(const std::string& text);

  std::unique_ptr<nft_ctx, Free> context_;
  NftDump dump_;
};

}  // namespace quay
