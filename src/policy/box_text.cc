#include "policy/box_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "policy/numbered.h"

namespace quay {
namespace {

using Addresses = IntervalSet<AddressBits>;
using AddressField = Addresses Box::*;

std::vector<std::string> prefix_texts(const Addresses& set, Family family) {
  std::vector<std::string> texts;
  for (const Interval<AddressBits>& range : set.intervals())
    for (const Prefix& prefix : prefixes_of(range, family))
      texts.push_back(to_text(prefix));
  return texts;
}

// The addresses of one side; empty: any.
std::string addresses_text(const FamilyBoxes& boxes, const FamilyBoxes& whole, AddressField side) {
  std::vector<std::string> inside;
  std::vector<std::string> outside;
  bool any = true;
  const auto look_at = [&](const Box* box, const Box* all, Family family) {
    const Addresses& everything = all->*side;
    const Addresses mine = box != nullptr ? box->*side : Addresses();
    any = any && mine == everything;
    const auto add = [&](const Addresses& set, std::vector<std::string>& texts) {
      const std::vector<std::string> more = set == everything
                                                ? std::vector{to_text(every_address(family))}
                                                : prefix_texts(set, family);
      texts.insert(texts.end(), more.begin(), more.end());
    };
    add(mine, inside);
    add(everything.subtract(mine), outside);
  };
  look_at(boxes.v4, whole.v4, Family::V4);
  look_at(boxes.v6, whole.v6, Family::V6);
  if (any)
    return {};
  return outside.size() < inside.size() ? "Anywhere except " + join(outside, ", ")
                                        : join(inside, ", ");
}

std::string protocols_text(const IntervalSet<std::uint8_t>& protocols) {
  std::vector<std::string> names;
  const auto all = IntervalSet<std::uint8_t>::up_to(255);
  if (protocols == all)
    return {};
  const auto add = [&](const IntervalSet<std::uint8_t>& set) {
    for (const auto& [first, last] : set.intervals())
      names.push_back(to_text(static_cast<Protocol>(first)) +
                      (last == first ? "" : "-" + to_text(static_cast<Protocol>(last))));
  };
  const auto others = all.subtract(protocols);
  const bool few = protocols.intervals().size() <= others.intervals().size();
  add(few ? protocols : others);
  return few ? join(names, "+") : "not " + join(names, "+");
}

std::string end_text(const std::string& addresses, const std::string& rest) {
  if (addresses.empty() && rest.empty())
    return "Anywhere";
  return addresses + (addresses.empty() || rest.empty() ? "" : " ") + rest;
}

bool one_family(const FamilyBoxes& boxes) {
  return boxes.v4 == nullptr || boxes.v6 == nullptr;
}

// True when the addresses of one side say which family it is.
bool names_family(const FamilyBoxes& boxes, const FamilyBoxes& whole, AddressField side) {
  return one_family(boxes) && (boxes.v4 != nullptr ? boxes.v4->*side != whole.v4->*side
                                                   : boxes.v6->*side != whole.v6->*side);
}

// What is alike but for the addresses.
bool alike(const Box& a, const Box& b) {
  return a.interfaces == b.interfaces && a.protocols == b.protocols &&
         a.source_ports == b.source_ports && a.destination_ports == b.destination_ports &&
         a.icmp_types == b.icmp_types && a.states == b.states;
}

// A wildcard's number stands for what it matches beside the names of their own: "wlan+ but wlan0".
std::string interface_text(const IntervalSet<std::uint16_t>& among, std::uint16_t number,
                           const InterfaceNames& names, const Policy& policy) {
  const InterfaceName name{names.text(number)};
  std::string text = interface_label(policy, name);
  if (!name.wildcard())
    return text;
  std::vector<std::string> others;
  const IntervalSet<std::uint16_t> missing = names.matching(name).subtract(among);
  for (const auto& [first, last] : missing.intervals())
    for (std::uint32_t other = first; other <= last; ++other)
      others.push_back(interface_label(policy, {names.text(static_cast<std::uint16_t>(other))}));
  return others.empty() ? text : text + " but " + join(others, " and ");
}

std::vector<std::string> interface_texts(const IntervalSet<std::uint16_t>& set,
                                         const IntervalSet<std::uint16_t>& all,
                                         const InterfaceNames& names, const Policy& policy) {
  const auto texts_of = [&](const IntervalSet<std::uint16_t>& numbers) {
    std::vector<std::string> texts;
    for (const auto& [first, last] : numbers.intervals())
      for (std::uint32_t number = first; number <= last; ++number)
        texts.push_back(interface_text(numbers, static_cast<std::uint16_t>(number), names, policy));
    return texts;
  };
  if (set == all)
    return {};
  std::vector<std::string> inside = texts_of(set);
  // Number 0 is every interface that nothing names: then those that are left out say more.
  if (!set.contains(0))
    return inside;
  return {"any but " + join(texts_of(all.subtract(set)), ", ")};
}

}  // namespace

std::vector<FamilyBoxes> pair_families(const std::vector<Box>& v4, const std::vector<Box>& v6,
                                       const FamilyBoxes& whole) {
  std::vector<FamilyBoxes> pairs;
  std::vector<bool> taken(v6.size(), false);
  for (const Box& box : v4) {
    FamilyBoxes pair{&box, nullptr};
    for (std::size_t i = 0; i < v6.size() && pair.v6 == nullptr; ++i) {
      const auto full = [&](AddressField side) {
        return box.*side == whole.v4->*side && v6[i].*side == whole.v6->*side;
      };
      if (taken[i] || !alike(box, v6[i]) || !(full(&Box::sources) || full(&Box::destinations)))
        continue;
      taken[i] = true;
      pair.v6 = &v6[i];
    }
    pairs.push_back(pair);
  }
  for (std::size_t i = 0; i < v6.size(); ++i)
    if (!taken[i])
      pairs.push_back({nullptr, &v6[i]});
  return pairs;
}

namespace {

// "22,443", or where that is shorter "all but 53,123".
std::string ports_text(const PortSet& ports) {
  const PortSet others = PortSet({{0, 65535}}).subtract(ports);
  if (others.empty() || ports.intervals().size() <= others.intervals().size())
    return to_text(ports);
  return "all but " + to_text(others);
}

}  // namespace

BoxText box_text(const FamilyBoxes& boxes, const FamilyBoxes& whole, const InterfaceNames& names,
                 const Policy& policy) {
  const Box& box = boxes.v4 != nullptr ? *boxes.v4 : *boxes.v6;
  const Box& all = boxes.v4 != nullptr ? *whole.v4 : *whole.v6;
  const std::string protocols = protocols_text(box.protocols);
  const auto with_ports = [&](const PortSet& ports) {
    return ports_text(ports) + (protocols.empty() ? "" : "/" + protocols);
  };
  const bool from_ports = box.source_ports != all.source_ports;
  const bool to_ports = box.destination_ports != all.destination_ports;
  std::string to = to_ports ? with_ports(box.destination_ports) : protocols;
  if (box.icmp_types != all.icmp_types) {
    to += " type";
    for (const auto& [first, last] : box.icmp_types.intervals())
      to += fmt::format(" {}{}", first, last == first ? "" : fmt::format("-{}", last));
  }
  // A family alone is told by the addresses that are limited; by the sources where none are.
  const bool source_tells = names_family(boxes, whole, &Box::sources);
  const bool destination_tells = names_family(boxes, whole, &Box::destinations);
  BoxText text;
  text.to = end_text(one_family(boxes) && !destination_tells
                         ? ""
                         : addresses_text(boxes, whole, &Box::destinations),
                     to);
  text.from = end_text(one_family(boxes) && !source_tells && destination_tells
                           ? ""
                           : addresses_text(boxes, whole, &Box::sources),
                       from_ports ? with_ports(box.source_ports) : "");
  text.interfaces = interface_texts(box.interfaces, all.interfaces, names, policy);
  return text;
}

}  // namespace quay
