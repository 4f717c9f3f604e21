#include "app/kernel_table.h"

#include <utility>

#include <fmt/format.h>

namespace quay {
namespace {

// What a table holds beside those parts of another that a third has no use for.
NftTable without(NftTable held, const NftTable& left, const NftTable& wanted) {
  std::erase_if(held.counters, [&](const std::string& name) {
    return left.counters.contains(name) && !wanted.counters.contains(name);
  });
  std::erase_if(held.maps, [&](const auto& map) {
    return left.maps.contains(map.first) && !wanted.maps.contains(map.first);
  });
  std::erase_if(held.chains, [&](const auto& chain) {
    return left.chains.contains(chain.first) && !wanted.chains.contains(chain.first);
  });
  return held;
}

}  // namespace

void KernelTable::settle() {
  if (!settled_)
    firewall_.settle();
  settled_ = true;
  // No packet comes by what is cleared away; verify() tells of what stays.
  if (const std::string script = std::exchange(cleanup_, {}); !script.empty())
    static_cast<void>(firewall_.run(script));
}

Result<void> KernelTable::run(const std::string& script) {
  settle();
  settled_ = false;
  return firewall_.run(script);
}

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
  if (auto done = run(script); !done)
    return fail(done.error());
  if (before.unknown.empty()) {
    cleanup_ = nft_cleanup(table, before, slot);
    left_ = before.table;
  }
  return slot;
}

Result<Slot> KernelTable::replace(const NftTable& table) {
  settle();
  const auto before = read();
  if (!before)
    return fail(before.error());
  return replace_from(*before, !before->table.chains.empty(), table);
}

Result<Slot> KernelTable::change(const NftTable& from, const NftTable& to, Slot slot) {
  if (can_update(from, to)) {
    const std::string script = nft_update(from, to, slot);
    if (!script.empty())
      if (auto done = run(script); !done)
        return fail(done.error());
    return slot;
  }
  NftListing before;
  before.table = from;
  before.slot = slot;
  return replace_from(before, true, to);
}

Result<void> KernelTable::remove() {
  return run(nft_clear());
}

Result<void> KernelTable::verify(const NftTable& table) {
  const auto now = read();
  if (!now)
    return fail(now.error());
  std::vector<std::string> lines =
      differences(table, cleanup_.empty() ? now->table : without(now->table, left_, table));
  for (const std::string& line : now->unknown)
    lines.push_back("+ " + line);
  if (lines.empty())
    return {};
  return fail(Error{"kernel", fmt::format("the table is not what was written, {} differences: {}",
                                          lines.size(), lines.front())});
}

}  // namespace quay
