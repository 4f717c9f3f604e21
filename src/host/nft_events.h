// Tells when somebody changes the kernel's packet filter.
#pragma once

#include <set>
#include <string>

#include "base/result.h"
#include "host/nft_changes.h"

namespace quay {

// Listens to the kernel's nftables events (linux/netfilter/nfnetlink.h, NFNLGRP_NFTABLES) in the
// network namespace that the process was in when it was made. Our own changes are events too; those
// of the older iptables, which has tables of its own, are none.
class NftEvents {
 public:
  // Fails when the kernel has no such events.
  static Result<NftEvents> open();

  NftEvents(NftEvents&& other) noexcept;
  NftEvents& operator=(NftEvents&&) = delete;
  ~NftEvents();

  // Readable when there are events.
  int fd() const { return fd_; }

  // Takes all events that wait. A transaction is told once its end is known.
  NftChanges drain();

 private:
  explicit NftEvents(int fd) : fd_(fd) {}
  int fd_;
  std::set<std::string> begun_;  // tables of the transaction whose end has not come yet
};

}  // namespace quay
