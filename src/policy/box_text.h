// Boxes of packets in the words of a listed rule.
#pragma once

#include <string>
#include <vector>

#include "model/policy.h"
#include "packetset/box.h"

namespace quay {

// The same packets of both families, or of one: the other is null. Points to boxes of the caller.
struct FamilyBoxes {
  const Box* v4 = nullptr;
  const Box* v6 = nullptr;
};

// Boxes of the two families that differ in addresses alone, and in those of one side at most, told
// together. `whole` is both families' packets that are spoken of at all. The result points into the
// lists.
std::vector<FamilyBoxes> pair_families(const std::vector<Box>& v4, const std::vector<Box>& v6,
                                       const FamilyBoxes& whole);

// One end of the packets: addresses, ports, protocols. "22,443/tcp", "10.0.0.0/8 161/udp",
// "all but 53,123/udp", "Anywhere except 10.0.0.1", "icmp type 8".
struct BoxText {
  std::string to;
  std::string from;
  std::vector<std::string> interfaces;  // by the policy's names; empty: every one
};
BoxText box_text(const FamilyBoxes& boxes, const FamilyBoxes& whole, const InterfaceNames& names,
                 const Policy& policy);

}  // namespace quay
