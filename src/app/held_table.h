// Our table in the kernel, and what it should be: kept apart, so that what somebody else does to
// the kernel never becomes what we wanted.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/kernel_table.h"
#include "base/result.h"
#include "host/host.h"

namespace quay {

class HeldTable {
 public:
  // `firewall` outlives this.
  explicit HeldTable(Firewall& firewall) : kernel_(firewall) {}

  // What should be in the kernel; nullopt: no table of ours.
  const std::optional<NftTable>& wanted() const { return wanted_; }

  // Takes for wanted what is in the kernel already, or no table of ours.
  void assume(std::optional<NftTable> table);

  // Somebody else's work may be in the kernel's table now: the next change looks before it writes.
  void doubt() { slot_.reset(); }

  // What the kernel holds once changes have settled; an empty table when it holds none.
  Result<NftListing> read() {
    kernel_.settle();
    return kernel_.read();
  }

  // Brings `table` into the kernel, reads it back and asks `agreed`, which may refuse it. After a
  // failure the kernel is brought back to what it held before (to what was wanted, where that held
  // something unknown), at the second try if need be; where it refuses even that, both errors are
  // told and what was wanted stays wanted, so that put_back() can try again.
  using Agreed = std::function<Result<void>()>;
  std::expected<void, std::vector<Error>> hold(const std::optional<NftTable>& table,
                                               const Agreed& agreed);

  // Writes the wanted table anew and reads it back. Needs one to be wanted.
  Result<void> put_back();

 private:
  Result<void> bring(const std::optional<NftTable>& table);

  KernelTable kernel_;
  std::optional<NftTable> wanted_;
  std::optional<Slot> slot_;  // in use, when the kernel is known to hold what is wanted
};

}  // namespace quay
