#include "language/nft_json_text.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/text.h"

namespace quay::nft_json {
namespace {

class Printer {
 public:
  explicit Printer(const NamedSets* sets) : sets_(sets) {}

  std::string expression(const Json& value) const;
  std::string match(const Json& match, bool plain) const;
  std::string statement(const Json& value) const;

 private:
  std::string word(std::string_view text) const;
  std::string reads(std::string_view tag, const Json& value) const;
  std::string option(std::string_view tag, const Json& value) const;
  std::string composed(std::string_view tag, const Json& value) const;
  std::string list(const Json& value, std::string_view separator) const;
  std::string set(const Json& elements) const;
  std::string member_text(const Json& value, std::string_view key) const;
  std::string limit(const Json& value) const;
  std::string masked(const Json& match, std::string_view op) const;
  std::string translation(std::string_view tag, const Json& value) const;
  std::string effect(std::string_view tag, const Json& value) const;

  const NamedSets* sets_;
};

constexpr std::array<std::string_view, 6> kBareMeta{"iif",     "oif",      "iifname",
                                                    "oifname", "iifgroup", "oifgroup"};

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts)
    if (!part.empty())
      text.append(text.empty() ? "" : " ").append(part);
  return text;
}

std::string Printer::member_text(const Json& value, std::string_view key) const {
  const Json* found = member(value, key);
  return found == nullptr || found->is_null() ? std::string() : expression(*found);
}

std::string Printer::list(const Json& value, std::string_view separator) const {
  const auto* array = value.if_array();
  if (array == nullptr)
    return expression(value);
  std::vector<std::string> texts;
  texts.reserve(array->size());
  for (const Json& one : *array)
    texts.push_back(expression(one));
  return join(texts, separator);
}

// Elements in one order: nft lists a set's in the order of its memory.
std::string Printer::set(const Json& elements) const {
  const auto* array = elements.if_array();
  if (array == nullptr)
    return "{ " + expression(elements) + " }";
  std::vector<std::string> texts;
  for (const Json& one : *array) {
    const auto* pair = one.if_array();
    texts.push_back(pair != nullptr && pair->size() == 2
                        ? expression((*pair)[0]) + " : " + expression((*pair)[1])
                        : expression(one));
  }
  std::ranges::sort(texts);
  return "{ " + join(texts, ", ") + " }";
}

std::string Printer::word(std::string_view text) const {
  if (text.starts_with('@') && sets_ != nullptr)
    if (const auto found = sets_->find(text.substr(1)); found != sets_->end()) {
      boost::json::array elements;
      for (const Json* element : found->second.elements)
        elements.push_back(*element);
      return set(elements);
    }
  return std::string(text);
}

// Options of headers, by the header's kind.
std::string Printer::option(std::string_view tag, const Json& value) const {
  const std::string_view kind = tag == "exthdr" && member(value, "field") != nullptr ? "" : tag;
  if (member(value, "offset") != nullptr)
    return joined({tag, boost::json::serialize(value)});
  return joined({kind, text_member(value, "name"), text_member(value, "field")});
}

std::string Printer::reads(std::string_view tag, const Json& value) const {
  const std::string_view key = text_member(value, "key");
  if (tag == "payload") {
    if (member(value, "base") == nullptr)
      return joined({text_member(value, "protocol"), text_member(value, "field")});
    return fmt::format("@{},{},{}", text_member(value, "base"), member_text(value, "offset"),
                       member_text(value, "len"));
  }
  if (tag == "meta")
    return joined({std::ranges::find(kBareMeta, key) == kBareMeta.end() ? "meta" : "", key});
  if (tag == "ct" || tag == "rt")
    return joined({tag, text_member(value, "dir"), text_member(value, "family"), key});
  if (tag == "fib") {
    const Json* flags = member(value, "flags");
    return joined({"fib", flags == nullptr ? std::string() : list(*flags, " . "),
                   text_member(value, "result")});
  }
  if (tag == "socket" || tag == "osf")
    return joined({tag, key});
  if (tag == "exthdr" || tag == "tcp option" || tag == "ip option" || tag == "sctp chunk")
    return option(tag, value);
  return {};
}

std::string Printer::composed(std::string_view tag, const Json& value) const {
  if (tag == "concat")
    return list(value, " . ");
  if (tag == "set")
    return set(value);
  if (tag == "range")
    return list(value, "-");
  if (tag == "elem")
    return member_text(value, "val");
  if (tag == "prefix")
    return member_text(value, "addr") + "/" + member_text(value, "len");
  if (tag == "map")
    return joined({member_text(value, "key"), "map", member_text(value, "data")});
  if (tag == "jump" || tag == "goto")
    return joined({tag, text_member(value, "target")});
  if (tag == "&" || tag == "|" || tag == "^" || tag == "<<" || tag == ">>")
    return "(" + list(value, fmt::format(" {} ", tag)) + ")";
  return value.is_null() || value.is_string() ? joined({tag, text_of(&value)}) : std::string();
}

std::string Printer::expression(const Json& value) const {
  if (value.is_string())
    return word(value.get_string());
  if (value.is_bool())
    return value.get_bool() ? "exists" : "missing";
  if (value.is_array())
    return list(value, ",");
  const auto [tag, inside] = tagged(value);
  if (!tag.empty()) {
    std::string text = reads(tag, *inside);
    if (text.empty())
      text = composed(tag, *inside);
    if (!text.empty())
      return text;
  }
  return boost::json::serialize(value);
}

// For bits, "ct status dnat" asks for one of them, "ct status == dnat" for these and no other.
bool are_bits(const Json* left) {
  const Json* value = left == nullptr ? nullptr : tagged(*left).value;
  const std::string_view key = value == nullptr ? "" : text_member(*value, "key");
  return key == "status" || key == "label" || key == "state" ||
         (value != nullptr && text_member(*value, "field") == "flags");
}

// Some bits of a number or an address: "meta mark & 0xf0 == 0x10"; empty for anything else.
std::string Printer::masked(const Json& match, std::string_view op) const {
  const Json* left = member(match, "left");
  const Json* right = member(match, "right");
  if (left == nullptr || right == nullptr)
    return {};
  const auto [tag, inside] = tagged(*left);
  const auto* both = tag == "&" ? inside->if_array() : nullptr;
  if (both == nullptr || both->size() != 2)
    return {};
  const auto one = [this](const Json& value) {
    if (value.is_int64() && value.get_int64() >= 0)
      return fmt::format("{:#x}", value.get_int64());
    return value.is_string() ? expression(value) : std::string();
  };
  const std::string mask = one((*both)[1]);
  const std::string value = one(*right);
  if (mask.empty() || value.empty())
    return {};
  return fmt::format("{} & {} {} {}", expression((*both)[0]), mask, op, value);
}

std::string Printer::match(const Json& match, bool plain) const {
  std::string_view op = text_member(match, "op");
  if (plain && op == "!=")
    op = "==";
  const Json* right = member(match, "right");
  if (op == "==" || op == "!=")
    if (std::string text = masked(match, op); !text.empty())
      return text;
  const bool set =
      right != nullptr && (tagged(*right).tag == "set" || text_of(right).starts_with('@'));
  if (op == "in" || (plain && op == "!") ||
      (op == "==" && (set || !are_bits(member(match, "left")))))
    op = "";
  return joined({member_text(match, "left"), op, member_text(match, "right")});
}

std::string Printer::limit(const Json& value) const {
  if (!value.is_object())
    return joined({"limit name", expression(value)});
  const auto unit_of = [&value](std::string_view key) {
    const std::string_view unit = text_member(value, key);
    return unit == "packets" ? std::string_view() : unit;
  };
  std::string burst = member_text(value, "burst");
  if (!burst.empty()) {
    const std::string_view unit = unit_of("burst_unit");
    burst = joined({"burst", burst, unit.empty() ? "packets" : unit});
  }
  const std::string rate = joined({member_text(value, "rate"), unit_of("rate_unit")});
  return joined({"limit rate", true_member(value, "inv") ? "over" : "",
                 rate + "/" + std::string(text_member(value, "per")), burst});
}

std::string Printer::translation(std::string_view tag, const Json& value) const {
  const std::string address = member_text(value, "addr");
  const std::string port = member_text(value, "port");
  return joined({tag, text_member(value, "family"), address.empty() && port.empty() ? "" : "to",
                 port.empty() ? address : address + ":" + port});
}

std::string Printer::effect(std::string_view tag, const Json& value) const {
  if (tag == "vmap")
    return joined({member_text(value, "key"), "vmap", member_text(value, "data")});
  if (tag == "mangle")
    return joined({member_text(value, "key"), "set", member_text(value, "value")});
  if (tag == "limit")
    return limit(value);
  if (tag == "reject")
    return joined({tag, value.is_object() ? "with" : "", text_member(value, "type"),
                   member_text(value, "expr")});
  if (tag == "snat" || tag == "dnat" || tag == "masquerade" || tag == "redirect" || tag == "tproxy")
    return translation(tag, value);
  if (tag == "ct count" || tag == "quota")
    return joined({tag, true_member(value, "inv") ? "over" : "",
                   value.is_object() ? member_text(value, "val") : expression(value),
                   text_member(value, "val_unit")});
  if (tag == "set" && member(value, "op") != nullptr)
    return joined({text_member(value, "op"), text_member(value, "set"), "{",
                   member_text(value, "elem"), "}"});
  if (tag == "log")
    return text_member(value, "prefix").empty()
               ? "log"
               : fmt::format("log prefix \"{}\"", text_member(value, "prefix"));
  if (tag == "xt")
    return joined({tag, text_member(value, "type"), text_member(value, "name")});
  return {};
}

std::string Printer::statement(const Json& value) const {
  const auto [tag, inside] = tagged(value);
  if (tag == "counter")
    return {};
  if (tag == "match")
    return match(*inside, false);
  const std::string text = tag.empty() ? std::string() : effect(tag, *inside);
  return text.empty() ? expression(value) : text;
}

}  // namespace

std::string expression_text(const Json& expression, const NamedSets* sets) {
  return Printer(sets).expression(expression);
}

std::string match_text(const Json& match, const NamedSets* sets, bool plain) {
  return Printer(sets).match(match, plain);
}

std::string statement_text(const Json& statement, const NamedSets* sets) {
  return Printer(sets).statement(statement);
}

}  // namespace quay::nft_json
