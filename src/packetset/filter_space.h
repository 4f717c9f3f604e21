// Packet filters as diagrams: what becomes of every packet, exactly.
//
// A space is made for the rulesets of one analysis and for one IP family. Chains are computed once,
// whoever jumps to them; base chains follow each other as the kernel asks them. What a rule assigns
// (a mark, notrack, a translated destination) is what later rules see.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "model/filter.h"
#include "packetset/diagram.h"
#include "packetset/filter_levels.h"
#include "packetset/filter_walk.h"

namespace quay::filter {

// What conntrack takes no notice of: neighbours and groups of IPv6, unless their checksum is wrong
// (net/netfilter/nf_conntrack_proto_icmpv6.c). A space that is asked for it tells it apart.
std::optional<Box> never_tracked(Family family);

class FilterSpace {
 public:
  static constexpr std::size_t kMostNodes = 4'000'000;  // some 400 MB for each family, and
  // both are looked at at once; 10,000 rules take a tenth

  // See FilterLevels. Beyond `most_nodes` exhausted() is true and nothing it says counts.
  FilterSpace(Family family, std::span<const Ruleset* const> rulesets,
              std::span<const Box> questions = {}, Order order = Order::Host,
              std::size_t most_nodes = kMostNodes);

  Family family() const { return levels_.family(); }
  const FilterLevels& levels() const { return levels_; }
  DiagramStore& store() { return store_; }
  bool exhausted() const { return store_.exhausted(); }

  // The fate of every packet that takes the ruleset's way of a direction: bits of Fate. Atoms are
  // levels, so that there is more than one bit only where a verdict itself is not known, or what
  // the kernel or a rule has made of the packet.
  Diagram fate(const Ruleset& ruleset, Direction direction);
  // On some of its base chains alone.
  Diagram fate(std::span<const Stop> way);
  // One rule's packets: kMostOutcomes, and 0 for all others.
  Diagram matched(const Rule& rule);

  // kMostOutcomes for the packets of a box, 0 for all others.
  Diagram inside(const Box& box);
  // The packets that there can be: an incoming one has an interface that it came in by, and none
  // that it leaves by; and conntrack leaves alone those that are never_tracked(), and no others
  // where no rule says so.
  Diagram possible(Direction direction);
  // The outcomes under some answers to the atoms.
  Diagram whatever_atoms(Diagram diagram);

  // Regions that together are the packets of `care` that have some outcome; see
  // DiagramStore::cover(). What is true of all of `care`, and of every packet that there can be, is
  // not mentioned.
  //
  // The widest `most` come first. What they leave out is counted, up to kMostCounted and as far as
  // it is no great work.
  struct Cover {
    std::vector<Region> regions;
    std::vector<Point> examples;  // a packet of each
    std::size_t more = 0;         // regions that were found beyond `most`
    Diagram rest = 0;             // what is in none of all these
  };
  static constexpr std::size_t kMostCounted = 100;
  Cover cover(Diagram diagram, Direction direction, const Box& care, std::size_t most);

  // Some packet that has an outcome; nullopt when none has.
  std::optional<Point> witness(Diagram diagram, Direction direction) const;

 private:
  // A chain's diagram, and every bit that may occur in it.
  struct Part {
    Diagram diagram = kContinue;
    Outcomes bits = kContinue;
  };

  Diagram misplaced();
  Diagram holds(const Condition& condition);
  Diagram invert(Diagram condition) { return store_.subtract(kMostOutcomes, condition); }
  Diagram where(Diagram condition, Diagram then, Diagram otherwise);
  std::optional<Cube> cube_of(const Rule& rule) const;

  Cube plain(Cube cube, const Cube& possible) const;

  Diagram verdict(const Table& table, const Verdict& verdict);
  Diagram mapped(const Table& table, const VerdictMap& map);
  Part rule(const Table& table, const Rule& rule);
  Part chain(const Table& table, const Chain& chain);
  Part join(std::span<const Part> parts);
  Part then(const Part& first, const Part& rest);
  Diagram only(Diagram diagram, Outcomes bits);
  Part part(Diagram diagram);

  std::size_t effect(const std::vector<Assign>& assigns);
  std::size_t effect(const Assigned& assigned);
  std::size_t both(std::size_t first, std::size_t second);
  Outcomes tagged(std::size_t effect, Outcomes outcomes);
  Diagram seen_after(std::size_t effect, Diagram diagram);
  Diagram assigned(const Assigned& assigned, Diagram diagram);

  Diagram base(const Stop& stop, std::size_t effect);
  Diagram as_told(const Stop& stop, Diagram all);
  Diagram on_device(const Stop& stop, Diagram diagram);
  template <typename Asked>
  Diagram substituted(Diagram diagram, std::size_t asking, std::size_t level, Asked asked);
  std::size_t settled(std::size_t effect, std::span<const Stop> way, std::size_t stop);
  Diagram by_any_route(Diagram diagram);
  Diagram on_way(std::span<const Stop> way, std::size_t next, std::size_t effect);

  FilterLevels levels_;
  DiagramStore store_;
  std::map<std::pair<const Table*, const Chain*>, Part> chains_;
  std::set<const Chain*> open_;  // being computed: a loop finds itself here
  std::map<std::pair<std::size_t, std::size_t>, Diagram> ways_;  // by the stop and the effect
  std::vector<Assigned> effects_{{}};
  Assigned any_assigned_;      // by any rule, values unknown
  bool asks_leaving_ = false;  // whether there are rules behind output for what leaves
};

}  // namespace quay::filter
