// Packets of filters in words: what an analysis found, one IP family at a time.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "language/filter_text.h"
#include "model/filter.h"
#include "packetset/filter_space.h"

namespace quay {

// A line of an answer, and one of the packets that it is about.
struct PacketLine {
  std::string packets;
  filter::Point example;
  bool depends = false;  // on something that no field says
};

// Lines that an answer has no room for.
struct Untold {
  std::size_t lines = 0;
  bool counted = true;  // false: there are more than these

  bool none() const { return lines == 0 && counted; }
  Untold& operator+=(const Untold& other);
};

// "57 more lines", "more than 980 more lines"
std::string to_text(const Untold& untold);

// First packets of flows and such as belong to none, neither on the loopback interface nor with its
// addresses: what people mean by packets.
filter::Box wire_box(Direction direction, Family family);

class FilterTeller {
 public:
  static constexpr std::size_t kMostLines = 20;  // of one question

  // Rulesets, questions and names outlive this.
  FilterTeller(Family family, std::span<const filter::Ruleset* const> rulesets,
               const Vocabulary& names, std::span<const filter::Box> questions = {},
               std::size_t most_nodes = filter::FilterSpace::kMostNodes);

  filter::FilterSpace& space() { return space_; }
  DiagramStore& store() { return space_.store(); }

  // The packets whose fate is exactly this.
  Diagram with(Diagram fates, filter::Fate fate);

  // The packets with some outcome: first packets of flows on a wire, then the others where they are
  // not the same packets in another state, or with the loopback interface or its addresses.
  std::vector<PacketLine> tell(Diagram packets, Direction direction);
  // Those of a box alone, without saying what is true of all of the box.
  std::vector<PacketLine> tell(Diagram packets, Direction direction, const filter::Box& box);

  // What was more than could be listed.
  const Untold& untold() const { return untold_; }
  // True once the nodes did not suffice: nothing that was told counts.
  bool too_large() const { return space_.exhausted(); }

 private:
  static std::vector<filter::Box> with_wires(Family family, std::span<const filter::Box> questions);

  const Vocabulary& names_;
  filter::FilterSpace space_;
  Untold untold_;
};

// Packets that two filters judge differently.
struct Difference {
  Direction direction = Direction::In;
  std::string packets;  // "tcp 1883 (mqtt) from wan (eth1)"; of one family: "..., IPv6"
  std::string first;    // what becomes of them: "accepts (inet/quaymaster/in handle 12)"
  std::string second;   // "drops (profile enhanced)"
  std::string example;  // one of them, in full
  bool certain = true;  // false: it depends on something that is not understood
  bool operator==(const Difference&) const = default;
};

// Lines of both families that say the same become one; what is about one family says so.
std::vector<Difference> join_families(std::vector<Difference> v4, std::vector<Difference> v6);

// Who decided in the end: "ip/filter/INPUT line 40", "inet/t/input policy".
std::string place_text(const filter::Walk& walk);

}  // namespace quay
