#include "app/kernel_table.h"

#include <fmt/format.h>

namespace quay {

Result<NftListing> KernelTable::read() {
  const auto text = firewall_.list();
  if (!text)
    return fail(text.error());
  if (text->empty())
    return NftListing{};
  auto listing = parse_nft_listing(*text);
  // A table of our name that cannot be read is somebody else's work, and is replaced like any.
  return listing ? std::move(*listing) : NftListing{.unknown = {listing.error().text()}};
}

Result<Slot> KernelTable::replace_from(const NftListing& before, bool present,
                                       const NftTable& table) {
  const Slot slot = present && before.slot == Slot::A ? Slot::B : Slot::A;
  const std::string script = before.unknown.empty() ? nft_script(table, slot, before.table)
                                                    : nft_clear() + nft_script(table, slot);
  if (auto done = firewall_.run(script); !done)
    return fail(done.error());
  // The new rules are in force whatever becomes of the clearing away; verify() tells of leftovers.
  if (before.unknown.empty())
    if (const std::string cleanup = nft_cleanup(table, before, slot); !cleanup.empty())
      static_cast<void>(firewall_.run(cleanup));
  return slot;
}

Result<Slot> KernelTable::replace(const NftTable& table) {
  const auto before = read();
  if (!before)
    return fail(before.error());
  return replace_from(*before, !before->table.chains.empty(), table);
}

Result<Slot> KernelTable::change(const NftTable& from, const NftTable& to, Slot slot) {
  if (can_update(from, to)) {
    const std::string script = nft_update(from, to, slot);
    if (!script.empty())
      if (auto done = firewall_.run(script); !done)
        return fail(done.error());
    return slot;
  }
  NftListing before;
  before.table = from;
  before.slot = slot;
  return replace_from(before, true, to);
}

Result<void> KernelTable::remove() {
  return firewall_.run(nft_clear());
}

Result<void> KernelTable::verify(const NftTable& table) {
  const auto now = read();
  if (!now)
    return fail(now.error());
  std::vector<std::string> lines = differences(table, now->table);
  for (const std::string& line : now->unknown)
    lines.push_back("+ " + line);
  if (lines.empty())
    return {};
  return fail(Error{"kernel", fmt::format("the table is not what was written, {} differences: {}",
                                          lines.size(), lines.front())});
}

}  // namespace quay
