// The product's table in the kernel: how it is brought from what it is to what it should be.
#pragma once

#include "base/result.h"
#include "host/host.h"
#include "language/nft_table.h"

namespace quay {

// Every change is one transaction in which no packet passes that neither the old nor the new
// policy allows, followed, after a replacement, by one that clears away what nothing leads to.
class KernelTable {
 public:
  // `firewall` outlives this.
  explicit KernelTable(Firewall& firewall) : firewall_(firewall) {}

  // What the kernel holds now. An empty table when it holds none; one with something unknown when
  // what it holds cannot be read. Fails when the kernel cannot be asked.
  Result<NftListing> read();

  // Makes the kernel hold exactly `table`, whatever it holds now. Returns the slot in use
  // afterwards.
  Result<Slot> replace(const NftTable& table);

  // Brings the kernel from `from`, which it must hold in `slot`, to `to`: by the smallest
  // transaction where that is safe, else by a replacement into the other slot. Returns the slot
  // in use afterwards. Equal tables cost nothing.
  Result<Slot> change(const NftTable& from, const NftTable& to, Slot slot);

  // Takes the table out of the kernel, if there is one: every packet passes, as far as we go.
  Result<void> remove();

  // Fails with the first difference when the kernel does not hold exactly `table`.
  Result<void> verify(const NftTable& table);

 private:
  Result<Slot> replace_from(const NftListing& before, bool present, const NftTable& table);

  Firewall& firewall_;
};

}  // namespace quay
