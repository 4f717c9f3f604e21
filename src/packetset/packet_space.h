// Boxes of packets as diagrams, and back.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "packetset/axis.h"
#include "packetset/box.h"
#include "packetset/diagram.h"

namespace quay {

// The packets of one IP family. All boxes must be made with the same InterfaceNames.
class PacketSpace {
 public:
  // Tells apart what any of the boxes tells apart, and nothing else: only these boxes, and what is
  // made of them, can be asked for.
  PacketSpace(Family family, const InterfaceNames& names, std::span<const Box> boxes);

  DiagramStore& store() { return *store_; }
  const DiagramStore& store() const { return *store_; }

  // `inside` for the packets of the box, `outside` for all others.
  Diagram diagram(const Box& box, Outcomes inside, Outcomes outside);

  // The packets of a cube, for people and as an example.
  Box box(const Cube& cube) const;

  // Boxes that cover the packets with some outcome, each as wide as can be: what says least about a
  // packet is widened first. `complete` is false when there are more than `most`.
  struct Cover {
    std::vector<Box> boxes;
    bool complete = true;
  };
  Cover cover(Diagram diagram, std::size_t most);

 private:
  Axis<std::uint16_t> interfaces_;
  Axis<AddressBits> sources_;
  Axis<AddressBits> destinations_;
  Axis<std::uint8_t> protocols_;
  Axis<Port> source_ports_;
  Axis<Port> destination_ports_;
  Axis<std::uint8_t> icmp_types_;
  Axis<std::uint8_t> states_;
  std::unique_ptr<DiagramStore> store_;
};

}  // namespace quay
