#include "packetset/packet_space.h"

namespace quay {
namespace {

// The order in which a diagram asks. Measured on policies of hosts: with sources before ports
// diagrams are a twentieth of what they are with interfaces first.
constexpr std::size_t kState = 0;
constexpr std::size_t kProtocol = 1;
constexpr std::size_t kSource = 2;
constexpr std::size_t kDestination = 3;
constexpr std::size_t kDestinationPort = 4;
constexpr std::size_t kSourcePort = 5;
constexpr std::size_t kIcmpType = 6;
constexpr std::size_t kInterface = 7;
constexpr std::size_t kLevels = 8;

// Some 200 MB. Policies as they are found take some thousand.
constexpr std::size_t kMostNodes = 1'500'000;

constexpr std::array<std::size_t, kLevels> kWiden{
    kSourcePort, kState, kInterface, kSource, kDestination, kProtocol, kDestinationPort, kIcmpType};

}  // namespace

PacketSpace::PacketSpace(Family family, const InterfaceNames& names, std::span<const Box> boxes)
    : interfaces_(names.all().intervals().back().last),
      sources_(every_address(family).range().last),
      destinations_(every_address(family).range().last),
      protocols_(255),
      source_ports_(65535),
      destination_ports_(65535),
      icmp_types_(255),
      states_(kStates - 1) {
  for (const Box& box : boxes) {
    interfaces_.tell_apart(box.interfaces);
    sources_.tell_apart(box.sources);
    destinations_.tell_apart(box.destinations);
    protocols_.tell_apart(box.protocols);
    source_ports_.tell_apart(box.source_ports);
    destination_ports_.tell_apart(box.destination_ports);
    icmp_types_.tell_apart(box.icmp_types);
    states_.tell_apart(box.states);
  }
  std::vector<std::vector<double>> weights(kLevels);
  const auto add = [&](std::size_t level, auto& axis) {
    axis.finish();
    weights[level] = axis.weights();
  };
  add(kInterface, interfaces_);
  add(kSource, sources_);
  add(kDestination, destinations_);
  add(kProtocol, protocols_);
  add(kSourcePort, source_ports_);
  add(kDestinationPort, destination_ports_);
  add(kIcmpType, icmp_types_);
  add(kState, states_);
  store_ = std::make_unique<DiagramStore>(weights, kMostNodes);
}

Diagram PacketSpace::diagram(const Box& box, Outcomes inside, Outcomes outside) {
  if (box.empty())
    return DiagramStore::constant(outside);
  Cube cube{std::vector<IntervalSet<Value>>(kLevels)};
  cube.values[kInterface] = interfaces_.classes(box.interfaces);
  cube.values[kSource] = sources_.classes(box.sources);
  cube.values[kDestination] = destinations_.classes(box.destinations);
  cube.values[kProtocol] = protocols_.classes(box.protocols);
  cube.values[kSourcePort] = source_ports_.classes(box.source_ports);
  cube.values[kDestinationPort] = destination_ports_.classes(box.destination_ports);
  cube.values[kIcmpType] = icmp_types_.classes(box.icmp_types);
  cube.values[kState] = states_.classes(box.states);
  return store_->box(cube, inside, outside);
}

Box PacketSpace::box(const Cube& cube) const {
  return {.interfaces = interfaces_.values(cube.values[kInterface]),
          .sources = sources_.values(cube.values[kSource]),
          .destinations = destinations_.values(cube.values[kDestination]),
          .protocols = protocols_.values(cube.values[kProtocol]),
          .source_ports = source_ports_.values(cube.values[kSourcePort]),
          .destination_ports = destination_ports_.values(cube.values[kDestinationPort]),
          .icmp_types = icmp_types_.values(cube.values[kIcmpType]),
          .states = states_.values(cube.values[kState])};
}

PacketSpace::Cover PacketSpace::cover(Diagram diagram, std::size_t most) {
  const DiagramStore::Cover found = store_->cover(diagram, kWiden, most);
  Cover result;
  for (const Cube& cube : found.cubes)
    result.boxes.push_back(box(cube));
  result.complete = found.rest == 0;
  return result;
}

}  // namespace quay
