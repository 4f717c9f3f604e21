#include "language/nft_written.h"

#include <utility>

#include "language/nft_fields.h"
#include "language/nft_rule.h"
#include "language/xt_info.h"
#include "language/xt_match.h"
#include "language/xt_target.h"

namespace quay::nft {
namespace {

using filter::Field;
using filter::Kind;

class WrittenBy {
 public:
  WrittenBy(filter::TableFamily family, Written& written) : family_(family), written_(written) {}

  template <typename Other>
  void operator()(const Other&) {}
  void operator()(const MetaWrite& write) {
    if (auto field = written_by(write))
      add(std::move(*field));
  }
  void operator()(const ConntrackWrite& write) {
    if (auto field = written_by(write))
      add(std::move(*field));
  }
  void operator()(const Translation&) {
    for (const Kind kind :
         {Kind::Source, Kind::Destination, Kind::SourcePort, Kind::DestinationPort})
      add({.kind = kind});
  }
  void operator()(const Notrack&) { add({.kind = Kind::State}); }
  void operator()(const ExtensionHeaderWrite&) { add(segment_size()); }
  void operator()(const PayloadWrite& write) {
    Origins origins;
    for (const Family family : {Family::V4, Family::V6}) {
      const Load load = load_of(Payload{write.base, write.offset, write.length, 0},
                                {.table = family_, .family = family}, origins);
      for (const Bit& bit : load.bits)
        add(origins[bit.origin].field);
    }
  }
  void operator()(const Fib& fib) {
    Origins origins;
    const Load load = load_of(fib, {.table = family_}, origins);
    for (const Bit& bit : load.bits)
      if (bit.origin != kConstant)
        written_.routes.insert(origins[bit.origin].field);
  }
  void operator()(const XtMatch& match) {
    if (match.name == "addrtype")
      for (const char* name : {"fib saddr type", "fib daddr type"})
        written_.routes.insert({.kind = Kind::Other, .name = name, .bits = 32});
    // With this a socket gives its mark to the packet.
    if (match.name == "socket")
      add({.kind = Kind::Mark});
  }
  void operator()(const XtTarget& target);

 private:
  void add(Field field) { written_.fields.insert(std::move(field)); }

  filter::TableFamily family_;
  Written& written_;
};

void WrittenBy::operator()(const XtTarget& target) {
  static const PortNames no_names;
  static const std::set<std::string> no_sets;
  const Family family = family_ == filter::TableFamily::Ip6 ? Family::V6 : Family::V4;
  const xt::Module module = xt::module_of(target, family);
  for (const xt::Option& option : module.options)
    if (option.name == "add-set" || option.name == "del-set")
      written_.ipsets.insert(option.values[0]);
  const auto outcome = xt::outcome_of(module, {.family = family,
                                               .table = {},
                                               .protocol = std::nullopt,
                                               .ports = &no_names,
                                               .changing_sets = &no_sets});
  if (!outcome)
    return;
  for (const filter::Assign& assign : outcome->assigns)
    add(assign.field);
  if (outcome->untracked)
    add({.kind = Kind::State});
}

}  // namespace

Field segment_size() {
  return {.kind = Kind::Other, .name = "tcp option maxseg size", .bits = 16};
}

bool keeps_what_is_written(const Field& field) {
  return field.kind != Kind::Protocol && field.name != "meta pkttype" && field.name != "ct zone";
}

void add_written(const Rule& rule, filter::TableFamily family, Written& written) {
  for (const Expression& expression : rule.expressions)
    std::visit(WrittenBy(family, written), expression);
}

}  // namespace quay::nft
