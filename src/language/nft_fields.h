// Which field of a packet it is that an expression of nftables loads.
//
// Facts are those of the kernel's net/netfilter/nft_meta.c, nft_ct.c, nft_payload.c and their like;
// names of fields are nft(8)'s.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "language/nft_registers.h"
#include "model/filter.h"
#include "model/ruleset.h"

namespace quay::nft {

// What an expression puts into a register.
struct Load {
  std::vector<Bit> bits;  // in memory order
  // Without all of these the rule does not match: there is nothing to load.
  std::vector<filter::Test> needs;

  void need(filter::Values values) { needs.push_back({.boxes = {{std::move(values)}}}); }
};

// What is known where the expression stands.
struct Scene {
  filter::TableFamily table = filter::TableFamily::Inet;
  Family family = Family::V4;   // the load is that of such packets
  std::optional<int> protocol;  // of the transport header
};

// That a packet is of `family`.
filter::Values of_family(Family family);

// Every load is known by some name; what the model has no field for is Origin::Reading::Nothing.
Load load_of(const Payload& payload, const Scene& scene, Origins& origins);
Load load_of(const Meta& meta, const Scene& scene, Origins& origins);
Load load_of(const Conntrack& conntrack, const Scene& scene, Origins& origins);
Load load_of(const Route& route, const Scene& scene, Origins& origins);
Load load_of(const Fib& fib, const Scene& scene, Origins& origins);
Load load_of(const Socket& socket, const Scene& scene, Origins& origins);
Load load_of(const ExtensionHeader& header, const Scene& scene, Origins& origins);

// The field that a key of `meta ... set` or `ct ... set` changes; nullopt when no rule can see it.
std::optional<filter::Field> written_by(const MetaWrite& meta);
std::optional<filter::Field> written_by(const ConntrackWrite& conntrack);

}  // namespace quay::nft
