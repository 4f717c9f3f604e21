// Tells when somebody changes the kernel's packet filter.
#pragma once

#include "base/result.h"

namespace quay {

// Listens to the kernel's nftables events (linux/netfilter/nfnetlink.h, NFNLGRP_NFTABLES) in the
// network namespace that the process was in when it was made. Our own changes are events too.
class NftEvents {
 public:
  // Fails when the kernel has no such events.
  static Result<NftEvents> open();

  NftEvents(NftEvents&& other) noexcept;
  NftEvents& operator=(NftEvents&&) = delete;
  ~NftEvents();

  // Readable when there are events.
  int fd() const { return fd_; }

  // Takes all events that wait. True when one of them was about the table `inet quaymaster`, or
  // when events were lost.
  bool drain();

 private:
  explicit NftEvents(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace quay
