// The product's table in the kernel: how it is brought from what it is to what it should be.
#pragma once

#include "base/result.h"
#include "host/host.h"
#include "language/nft_table.h"

namespace quay {

// Every change is one transaction in which no packet passes that neither the old nor the new
// policy allows. A packet that is under way keeps the rules that it began with, and finds the
// elements of the moment: so a change waits until the packets from before the last one are through,
// and what a replacement leaves that nothing leads to any more is cleared away after such a wait.
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

  // Fails with the first difference when the kernel does not hold exactly `table`, beside what the
  // last replacement left to be cleared away.
  Result<void> verify(const NftTable& table);

  // Waits until no packet is under way that entered before the last change, and clears away what a
  // replacement left. Costs nothing where it has been done already.
  void settle();

 private:
  Result<Slot> replace_from(const NftListing& before, bool present, const NftTable& table);

  Result<void> run(const std::string& script);

  Firewall& firewall_;
  bool settled_ = false;  // somebody may have changed the table just before us
  std::string cleanup_;   // the transaction that is still to clear away
  NftTable left_;         // what it will
};

}  // namespace quay
