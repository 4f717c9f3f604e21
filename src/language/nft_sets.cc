#include "language/nft_sets.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <linux/netfilter/nf_tables.h>

#include "base/checksum.h"
#include "base/text.h"

namespace quay::nft {
namespace {

bool has_flag(const Element& element, std::uint32_t flag) {
  return (element.flags & flag) != 0;
}

// The key before a key; false when there is none.
bool step_back(Bytes& key) {
  for (auto byte = key.rbegin(); byte != key.rend(); ++byte) {
    const auto value = static_cast<std::uint8_t>(*byte);
    *byte = static_cast<char>(static_cast<std::uint8_t>(value - 1));
    if (value != 0)
      return true;
  }
  return false;
}

// Intervals that begin with an element and end before the next one, which has the flag
// NFT_SET_ELEM_INTERVAL_END where nothing follows (net/netfilter/nft_set_rbtree.c).
void read_intervals(std::vector<const Element*> elements, SetContent& content) {
  std::ranges::stable_sort(elements, [](const Element* a, const Element* b) {
    if (a->key != b->key)
      return a->key < b->key;
    return has_flag(*a, NFT_SET_ELEM_INTERVAL_END) && !has_flag(*b, NFT_SET_ELEM_INTERVAL_END);
  });
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (has_flag(*elements[i], NFT_SET_ELEM_INTERVAL_END))
      continue;
    Bytes last(elements[i]->key.size(), '\xff');
    if (i + 1 < elements.size()) {
      last = elements[i + 1]->key;
      if (last == elements[i]->key || !step_back(last)) {
        content.unknown = "an element twice";
        return;
      }
    }
    content.entries.push_back({elements[i]->key, std::move(last), elements[i]});
  }
}

bool keeps_still(const Effect& effect) {
  return std::holds_alternative<Counter>(effect) || std::holds_alternative<Last>(effect);
}

void read_parts(const Set& set, SetContent& content) {
  std::size_t word = 0;
  for (const std::uint32_t bytes : set.parts) {
    if (bytes == 0 || bytes > 64)
      break;
    content.parts.push_back({word, bytes});
    word += (bytes + 3) / 4;
  }
  if (word * 4 != set.key_length)
    content.unknown = "its parts";
}

std::string text_of(const std::optional<Data>& data) {
  if (!data)
    return {};
  if (const auto* verdict = std::get_if<Verdict>(&*data))
    return fmt::format("{} {}", verdict->code, verdict->chain);
  return std::get<Bytes>(*data);
}

}  // namespace

std::string digest_of(const Set& set) {
  std::vector<std::string> elements;
  elements.reserve(set.elements.size());
  for (const Element& element : set.elements)
    elements.push_back(fmt::format("{} {} {} {}", element.flags, element.key, element.key_end,
                                   text_of(element.data)));
  std::ranges::sort(elements);
  return fmt::format("{} elements, {}", elements.size(), checksum(join(elements, "\n")));
}

namespace {

bool is_parted(const Set& set) {
  return (set.flags & NFT_SET_INTERVAL) != 0 && set.parts.size() > 1;
}

void read_key(const Set& set, SetContent& content) {
  if (set.key_length == 0 || set.key_length > 64)
    content.unknown = "its key";
  else if (is_parted(set))
    read_parts(set, content);
  else
    content.parts.push_back({0, set.key_length});
}

// The elements that have keys.
std::vector<const Element*> read_elements(const Set& set, SetContent& content) {
  std::vector<const Element*> elements;
  for (const Element& element : set.elements) {
    content.changes =
        content.changes || element.expires || !std::ranges::all_of(element.effects, keeps_still);
    if (has_flag(element, NFT_SET_ELEM_CATCHALL))
      content.others = &element;
    else if (element.key.size() != set.key_length ||
             (!element.key_end.empty() && element.key_end.size() != set.key_length))
      content.unknown = "an element's length";
    else
      elements.push_back(&element);
  }
  return elements;
}

}  // namespace

SetContent content_of(const Set& set, bool filled) {
  SetContent content{.set = &set, .filled = filled || (set.flags & NFT_SET_EVAL) != 0};
  if (!set.unknown.empty())
    content.unknown = set.unknown.front();
  content.changes = content.filled || (set.flags & NFT_SET_TIMEOUT) != 0;
  read_key(set, content);
  std::vector<const Element*> elements = read_elements(set, content);
  if (!content.unknown.empty())
    return content;
  if ((set.flags & NFT_SET_INTERVAL) != 0 && !is_parted(set)) {
    read_intervals(std::move(elements), content);
    return content;
  }
  for (const Element* element : elements)
    content.entries.push_back(
        {element->key, element->key_end.empty() ? element->key : element->key_end, element});
  return content;
}

Sets::Sets(const Table& table) {
  for (const Set& set : table.sets)
    sets_.emplace(set.name, &set);
  for (const Rule& rule : table.rules)
    for (const Expression& expression : rule.expressions)
      if (const auto* writes = std::get_if<DynamicSet>(&expression))
        filled_.insert(writes->set);
}

const SetContent* Sets::find(const std::string& name) {
  const auto set = sets_.find(name);
  if (set == sets_.end())
    return nullptr;
  const auto known = contents_.find(set->second);
  if (known != contents_.end())
    return &known->second;
  return &contents_.emplace(set->second, content_of(*set->second, filled_.contains(name)))
              .first->second;
}

}  // namespace quay::nft
