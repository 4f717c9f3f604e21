#include "app/held_table.h"

#include <utility>

namespace quay {

void HeldTable::assume(std::optional<NftTable> table) {
  wanted_ = std::move(table);
  slot_.reset();
}

Result<void> HeldTable::bring(const std::optional<NftTable>& table) {
  if (!table) {
    slot_.reset();
    return kernel_.remove();
  }
  if (wanted_ && slot_) {
    const auto slot = kernel_.change(*wanted_, *table, *slot_);
    slot_.reset();
    if (slot && kernel_.verify(*table)) {
      slot_ = *slot;
      return {};
    }
  }
  // The kernel holds something else than it was left with, or may do: everything is written.
  const auto slot = kernel_.replace(*table);
  if (!slot)
    return fail(slot.error());
  auto same = kernel_.verify(*table);
  if (same)
    slot_ = *slot;
  return same;
}

std::expected<void, std::vector<Error>> HeldTable::hold(const std::optional<NftTable>& table,
                                                        const Agreed& agreed) {
  std::optional<NftTable> before = wanted_;
  if (!slot_)
    if (auto held = kernel_.read(); held && held->unknown.empty())
      before = held->table.chains.empty() ? std::nullopt : std::optional(std::move(held->table));
  auto done = bring(table);
  if (done)
    done = agreed();
  if (done) {
    wanted_ = table;
    return {};
  }
  std::vector<Error> errors{done.error()};
  slot_.reset();
  auto back = bring(before);
  if (!back)
    back = bring(before);
  if (!back)
    errors.push_back(back.error());
  if (before != wanted_)
    doubt();
  return std::unexpected(std::move(errors));
}

Result<void> HeldTable::put_back() {
  slot_.reset();
  return bring(wanted_);
}

}  // namespace quay
