#include "language/nft_json_effect.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <netinet/in.h>

#include "language/nft_json_key.h"
#include "language/nft_json_text.h"
#include "language/nft_written.h"

namespace quay::nft_json {
namespace {

using filter::Condition;
using filter::Kind;
using filter::Number;

void append(Meaning& to, Meaning from) {
  std::ranges::move(from.conditions, std::back_inserter(to.conditions));
  std::ranges::move(from.unknown, std::back_inserter(to.unknown));
}

}  // namespace

Meaning map_needs(const Json& map, const Context& context) {
  const Json* asked = member(map, "key");
  const Json* data = member(map, "data");
  const auto key = asked == nullptr ? std::nullopt : key_of(*asked, context.family);
  const auto pairs = data == nullptr ? std::nullopt : listed(*data, context);
  const auto unclear = [&] {
    std::string asks = "in " + expression_text(Json{{"map", map}});
    if (pairs && !pairs->filled)
      asks += fmt::format(" ({})", digest_of(*pairs));
    return stateful(std::move(asks));
  };
  if (!key || !pairs || pairs->changing)
    return unclear();
  std::vector<const Json*> keys;
  for (const Json* pair : pairs->elements)
    if (const auto* array = pair->if_array(); array != nullptr && array->size() == 2)
      keys.push_back(&(*array)[0]);
  auto boxes = boxes_of(*key, keys);
  if (!boxes || keys.size() != pairs->elements.size())
    return unclear();
  Meaning needs{.conditions = implied_conditions(implied(*key)), .unknown = {}};
  needs.conditions.emplace_back(filter::Test{.boxes = *std::move(boxes)});
  return needs;
}

namespace {

// What must be there for a value to be computed.
Meaning value_needs(const Json& value, const Context& context) {
  Meaning needs;
  if (const auto* array = value.if_array()) {
    for (const Json& one : *array)
      append(needs, value_needs(one, context));
    return needs;
  }
  const auto [tag, inside] = tagged(value);
  if (tag.empty() || tag == "prefix" || tag == "range")
    return value.is_object() && tag.empty() ? stateful(expression_text(value)) : needs;
  if (tag == "map")
    return map_needs(*inside, context);
  if (tag == "&" || tag == "|" || tag == "^" || tag == "<<" || tag == ">>" || tag == "concat")
    return value_needs(*inside, context);
  if (tag == "numgen" || tag == "symhash")  // always there
    return needs;
  if (const Json* hashed = member(*inside, "expr"); tag == "jhash" && hashed != nullptr)
    return value_needs(*hashed, context);
  const auto key = key_of(value, context.family);
  if (!key)
    return stateful(expression_text(value));
  needs.conditions = implied_conditions(implied(*key));
  return needs;
}

// What nft writes to conntrack or to the trace, and what no rule here asks a field for.
bool unseen(const Json& key) {
  const auto [tag, value] = tagged(key);
  const std::string_view name = value == nullptr ? "" : text_member(*value, "key");
  if (tag == "meta")
    return name == "nftrace" || name == "secmark";
  return tag == "ct helper" || tag == "ct timeout" || tag == "ct expectation" ||
         (tag == "ct" && (name == "event" || name == "label" || name == "helper" ||
                          name == "timeout" || name == "expectation" || name == "secmark"));
}

// A number that is known; a part of a field leaves the whole of it unknown.
std::optional<Number> certain(const Question& question, const Json& value) {
  if (question.place != Question::Place::Whole || !nft::keeps_what_is_written(question.field))
    return std::nullopt;
  return number_of(question, value);
}

std::optional<Family> family_of(const Json& value, const Json* address, const Context& context) {
  const std::string_view named = text_member(value, "family");
  if (named == "ip" || context.family == filter::TableFamily::Ip)
    return Family::V4;
  if (named == "ip6" || context.family == filter::TableFamily::Ip6)
    return Family::V6;
  const auto parsed = parse_address(text_of(address));
  return parsed ? std::optional(parsed->family) : std::nullopt;
}

bool of_one_family(const Context& context) {
  return context.family == filter::TableFamily::Ip || context.family == filter::TableFamily::Ip6;
}

Question address_question(Family family) {
  return {.field = {}, .bits = address_width(family), .spelling = Spelling::Address};
}

// The kernel leaves packets of the other family alone.
Meaning address_needs(std::string_view kind, const Json& value, std::optional<Family> family,
                      const Context& context) {
  Meaning needs = value_needs(*member(value, "addr"), context);
  if (!family)
    append(needs, stateful(statement_text(Json{{kind, value}})));
  else if (!of_one_family(context))
    needs.conditions.emplace_back(
        filter::Test{.boxes = {{values_of(Kind::Family, *family == Family::V4 ? 0 : 1)}}});
  return needs;
}

Question port_question() {
  return {.field = {}, .bits = 16};
}

// An address that brings its port along: of a map, or joined with it.
bool may_hold_port(const Json& address) {
  return address.is_object() && tagged(address).tag != "prefix" && tagged(address).tag != "range";
}

}  // namespace

std::optional<Effect> mangling(const Json& mangle, const Context& context) {
  const Json* key = member(mangle, "key");
  const Json* value = member(mangle, "value");
  if (key == nullptr || value == nullptr)
    return std::nullopt;
  Effect effect{.needs = value_needs(*value, context), .assigns = {}};
  if (unseen(*key))
    return effect;
  const auto asked = key_of(*key, context.family);
  if (!asked || asked->size() != 1)
    return std::nullopt;
  const Question& question = asked->front().question;
  // nft_exthdr_tcp_set_eval(): the rule goes on without the option as well, and a size is made
  // smaller alone.
  if (tagged(*key).tag == "tcp option") {
    std::ranges::move(implied_conditions({values_of(filter::Kind::Protocol, IPPROTO_TCP)}),
                      std::back_inserter(effect.needs.conditions));
    effect.assigns.push_back({question.field, std::nullopt});
    return effect;
  }
  // Entries of conntrack are written where there are any, and the rule goes on in any case.
  if (tagged(*key).tag != "ct" && tagged(*key).tag != "meta")
    std::ranges::move(implied_conditions(question.implied),
                      std::back_inserter(effect.needs.conditions));
  effect.assigns.push_back({question.field, certain(question, *value)});
  return effect;
}

Effect translation(std::string_view kind, const Json& value, const Context& context) {
  const Json* address = member(value, "addr");
  const Json* port = member(value, "port");
  const auto family = family_of(value, address, context);
  const bool source = kind == "snat" || kind == "masquerade";
  Effect effect;
  effect.assigns.push_back({filter::translated(!source), 1});
  if (address != nullptr)
    append(effect.needs, address_needs(kind, value, family, context));
  if (port != nullptr)
    append(effect.needs, value_needs(*port, context));
  if (address != nullptr || kind == "masquerade" || kind == "redirect")
    effect.assigns.push_back({{.kind = source ? Kind::Source : Kind::Destination},
                              address != nullptr && family
                                  ? number_of(address_question(*family), *address)
                                  : std::nullopt});
  if (source)  // any port, to be told from other flows
    effect.assigns.push_back({{.kind = Kind::SourcePort}, std::nullopt});
  else if (port != nullptr)
    effect.assigns.push_back({{.kind = Kind::DestinationPort}, number_of(port_question(), *port)});
  else if (address != nullptr && may_hold_port(*address))
    effect.assigns.push_back({{.kind = Kind::DestinationPort}, std::nullopt});
  return effect;
}

}  // namespace quay::nft_json
