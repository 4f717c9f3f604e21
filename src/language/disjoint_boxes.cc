#include "language/disjoint_boxes.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace quay {
namespace {

using filter::Box;
using filter::Values;
using filter::VerdictMap;

bool named(const Values& values) {
  return !values.names.empty() || values.but_names;
}

// Of two names or patterns, every name of `inner` is one of `outer`.
bool covers(const std::string& outer, const std::string& inner) {
  return outer == inner ||
         (outer.ends_with('*') && inner.starts_with(outer.substr(0, outer.size() - 1)));
}

bool covers(const Values& outer, const Values& inner) {
  if (!named(outer))
    return inner.numbers.subtract(outer.numbers).empty();
  return outer == inner || (!outer.but_names && !inner.but_names && outer.names.size() == 1 &&
                            inner.names.size() == 1 && covers(outer.names[0], inner.names[0]));
}

bool meet(const Values& a, const Values& b) {
  if (!named(a))
    return !a.numbers.intersect(b.numbers).empty();
  if (a.but_names || b.but_names)
    return true;
  return std::ranges::any_of(a.names, [&](const std::string& name) {
    return std::ranges::any_of(b.names, [&](const std::string& other) {
      return covers(name, other) || covers(other, name);
    });
  });
}

template <typename Relation>
bool every_part(const Box& a, const Box& b, const Relation& relation) {
  return std::ranges::equal(a, b, relation);
}

bool covers(const Box& outer, const Box& inner) {
  return every_part(outer, inner, [](const Values& a, const Values& b) { return covers(a, b); });
}

bool meet(const Box& a, const Box& b) {
  return every_part(a, b, [](const Values& one, const Values& other) { return meet(one, other); });
}

// How much each part holds, less one: a box inside another one comes before it.
using Size = std::vector<filter::Number>;

filter::Number size_of(const Values& values) {
  if (named(values)) {  // a longer pattern is the narrower one
    constexpr filter::Number widest = 1000;
    if (values.but_names || values.names.size() != 1)
      return widest;
    return values.names[0].ends_with('*') ? widest - values.names[0].size() : 0;
  }
  filter::Number size = values.numbers.intervals().size();
  for (const auto& [first, last] : values.numbers.intervals())
    size += last - first;
  return size - 1;
}

Size size_of(const Box& box) {
  Size size;
  size.reserve(box.size());
  for (const Values& values : box)
    size.push_back(size_of(values));
  return size;
}

bool point(const Size& size) {
  return std::ranges::all_of(size, [](filter::Number part) { return part == 0; });
}

// Adds what is left of `box` without `hole`. False when that is no box.
bool cut(Box box, const Box& hole, std::vector<Box>& rest) {
  if (!meet(box, hole)) {
    rest.push_back(std::move(box));
    return true;
  }
  for (std::size_t i = 0; i < box.size(); ++i) {
    if (named(box[i])) {
      if (box[i] != hole[i])
        return false;
      continue;
    }
    Box piece = box;
    piece[i].numbers = box[i].numbers.subtract(hole[i].numbers);
    if (!piece[i].numbers.empty())
      rest.push_back(std::move(piece));
    box[i].numbers = box[i].numbers.intersect(hole[i].numbers);
  }
  return true;
}

using Element = std::pair<Box, filter::Verdict>;

// What is left of a box without those that decide before it.
std::optional<std::vector<Box>> remainder(const Element& element,
                                          std::span<const Element* const> before) {
  std::vector<Box> pieces{element.first};
  for (const Element* one : before) {
    if (!meet(element.first, one->first))
      continue;
    const bool inside = covers(element.first, one->first) && element.first != one->first;
    if (!inside && element.second != one->second)
      return std::nullopt;
    std::vector<Box> rest;
    for (Box& piece : pieces)
      if (!cut(std::move(piece), one->first, rest))
        return std::nullopt;
    pieces = std::move(rest);
  }
  return pieces;
}

}  // namespace

std::optional<VerdictMap> disjoint(VerdictMap map) {
  std::vector<std::pair<Size, const Element*>> order;
  order.reserve(map.size());
  for (const Element& element : map)
    order.emplace_back(size_of(element.first), &element);
  if (std::ranges::all_of(order, [](const auto& one) { return point(one.first); }))
    return map;
  std::ranges::stable_sort(order, {}, [](const auto& one) -> const Size& { return one.first; });
  VerdictMap made;
  std::vector<const Element*> before;
  for (const auto& [size, element] : order) {
    auto pieces =
        remainder(*element, point(size) ? std::span<const Element* const>() : std::span(before));
    if (!pieces)
      return std::nullopt;
    for (Box& piece : *pieces)
      made.emplace_back(std::move(piece), element->second);
    before.push_back(element);
  }
  return made;
}

}  // namespace quay
