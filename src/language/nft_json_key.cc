#include "language/nft_json_key.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "language/masked_numbers.h"

namespace quay::nft_json {
namespace {

using filter::Box;
using filter::Number;
using filter::Numbers;
using filter::TableFamily;
using filter::Values;

constexpr std::size_t kMostIntervals = 4096;

Numbers only(Number number) {
  return Numbers({{number, number}});
}

std::optional<Number> single(const std::optional<Numbers>& numbers) {
  if (!numbers || numbers->intervals().size() != 1)
    return std::nullopt;
  const auto [first, last] = numbers->intervals().front();
  return first == last ? std::optional(first) : std::nullopt;
}

// The two operands of an operation, or the ends of a range.
std::optional<std::pair<const Json*, const Json*>> two(const Json& value) {
  const auto* array = value.if_array();
  if (array == nullptr || array->size() != 2)
    return std::nullopt;
  return std::pair(&(*array)[0], &(*array)[1]);
}

std::optional<Numbers> prefix_numbers(const Question& question, const Json& value) {
  const Json* address = member(value, "addr");
  const Json* length = member(value, "len");
  if (address == nullptr || length == nullptr)
    return std::nullopt;
  const auto number = number_of(question, *address);
  const auto bits = number_of(Question{.field = {}, .bits = 8}, *length);
  if (!number || !bits || *bits > static_cast<Number>(question.bits))
    return std::nullopt;
  const Number rest = most_of(question.bits - static_cast<int>(*bits));
  return Numbers({{*number & ~rest, *number | rest}});
}

std::optional<Numbers> range_numbers(const Question& question, const Json& value) {
  const auto ends = two(value);
  if (!ends)
    return std::nullopt;
  const auto first = number_of(question, *ends->first);
  const auto last = number_of(question, *ends->second);
  if (!first || !last || *first > *last)
    return std::nullopt;
  return Numbers({{*first, *last}});
}

std::optional<Numbers> any_of(const Question& question, const Json& value) {
  const auto* array = value.if_array();
  if (array == nullptr)
    return numbers_of(question, value);
  std::vector<Interval<Number>> all;
  for (const Json& one : *array) {
    const auto numbers = numbers_of(question, bare(one));
    if (!numbers)
      return std::nullopt;
    std::ranges::copy(numbers->intervals(), std::back_inserter(all));
  }
  return Numbers(std::move(all));
}

// Bits joined by "|" or a list; "&" and "^" of constants.
std::optional<Numbers> combined(const Question& question, std::string_view operation,
                                const boost::json::array& operands) {
  std::optional<Number> result;
  for (const Json& one : operands) {
    const auto number = number_of(question, one);
    if (!number)
      return std::nullopt;
    if (!result)
      result = *number;
    else if (operation == "&")
      result = *result & *number;
    else if (operation == "^")
      result = *result ^ *number;
    else
      result = *result | *number;
  }
  return result ? std::optional(only(*result)) : std::nullopt;
}

std::optional<Numbers> object_numbers(const Question& question, const Json& value) {
  const auto [tag, inside] = tagged(value);
  if (tag == "prefix")
    return prefix_numbers(question, *inside);
  if (tag == "range")
    return range_numbers(question, *inside);
  if (tag == "set")
    return any_of(question, *inside);
  if (tag == "elem")
    return numbers_of(question, bare(value));
  if ((tag == "|" || tag == "&" || tag == "^") && inside->is_array())
    return combined(question, tag, inside->get_array());
  return std::nullopt;
}

std::optional<Number> scalar(const Question& question, const Json& value) {
  if (value.is_bool())
    return value.get_bool() ? 1 : 0;
  if (value.is_uint64())
    return value.get_uint64();
  if (value.is_int64())
    return value.get_int64() < 0 ? std::nullopt : std::optional<Number>(value.get_int64());
  if (!value.is_string())
    return std::nullopt;
  const std::string_view word = value.get_string();
  const bool v6 = word.find(':') != std::string_view::npos;
  if (question.spelling == Spelling::Address && v6 != (question.bits == 128))
    return std::nullopt;
  return number_of(question.spelling, word);
}

// An interface's name, as the model writes patterns. nft writes the index of an interface that is
// gone: no name is like that; index 0 is no interface.
std::optional<std::string> interface_name(const Json& value) {
  if (value.is_int64())
    return value.get_int64() == 0 ? std::string() : fmt::format("#{}", value.get_int64());
  const std::string_view name = text_of(&value);
  const bool star =
      name.substr(0, name.empty() ? 0 : name.size() - 1).find('*') != std::string_view::npos;
  if (!value.is_string() || star || name.find('\\') != std::string_view::npos)
    return std::nullopt;
  return std::string(name);
}

std::optional<std::vector<std::string>> interface_names(const Json& value) {
  const Json* list = &value;
  if (const auto [tag, inside] = tagged(value); tag == "set")
    list = inside;
  std::vector<std::string> names;
  const auto add = [&](const Json& one) {
    auto name = interface_name(bare(one));
    if (!name)
      return false;
    names.push_back(*std::move(name));
    return true;
  };
  const auto* array = list->if_array();
  const bool known = array == nullptr ? add(*list) : std::ranges::all_of(*array, add);
  return known ? std::optional(std::move(names)) : std::nullopt;
}

// The numbers n with (n & mask) in `numbers`.
std::optional<Numbers> before_mask(const Numbers& numbers, Number mask, int bits) {
  const Number most = most_of(bits);
  if (mask == most)
    return numbers.intersect(Numbers::up_to(most));
  std::vector<Interval<Number>> all;
  const Numbers within = numbers.intersect(Numbers::up_to(mask));
  for (const auto& [first, last] : within.intervals()) {
    if (last - first >= kMostIntervals)
      return std::nullopt;
    for (Number value = first; value - first <= last - first; ++value) {
      const auto some = masked_numbers(value, mask, bits);
      if (!some || all.size() + some->intervals().size() > kMostIntervals)
        return std::nullopt;
      std::ranges::copy(some->intervals(), std::back_inserter(all));
    }
  }
  return Numbers(std::move(all));
}

std::optional<Numbers> before_flip(const Numbers& numbers, Number flip) {
  if (flip == 0)
    return numbers;
  std::vector<Interval<Number>> all;
  for (const auto& [first, last] : numbers.intervals()) {
    if (first != last)
      return std::nullopt;
    all.push_back({first ^ flip, first ^ flip});
  }
  return Numbers(std::move(all));
}

std::optional<Part> part_of(const Json& expression, TableFamily family) {
  const auto [tag, inside] = tagged(expression);
  if (tag != "&" && tag != "|" && tag != "^") {
    auto question = question_of(expression, family);
    if (!question)
      return std::nullopt;
    const Number all = most_of(question->bits);
    return Part{.question = *std::move(question), .mask = all};
  }
  const auto operands = two(*inside);
  if (!operands)
    return std::nullopt;
  auto part = part_of(*operands->first, family);
  if (!part || part->question.spelling == Spelling::Interface)
    return std::nullopt;
  Question bits = part->question;
  auto number = single(bits.spelling == Spelling::Address && operands->second->is_array()
                           ? std::nullopt
                           : any_of(bits, *operands->second));
  if (operands->second->is_array())
    number = single(combined(bits, "|", operands->second->get_array()));
  if (!number)
    return std::nullopt;
  const Number value = *number & most_of(bits.bits);
  if (tag == "&") {
    part->mask &= value;
    part->flip &= value;
  } else if (tag == "|") {
    part->mask &= ~value;
    part->flip = (part->flip & ~value) | value;
  } else {
    part->flip ^= value;
  }
  return part;
}

// The parts of a concatenation's element, or the element itself.
std::optional<Box> box_of(const Key& key, const Json& element) {
  const auto [tag, inside] = tagged(element);
  const auto* pieces = tag == "concat" ? inside->if_array() : nullptr;
  if (pieces == nullptr || pieces->size() != key.size())
    return std::nullopt;
  Box box;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const Json* piece = &(*pieces)[i];
    const auto boxes = boxes_of({key[i]}, std::span(&piece, 1));
    if (!boxes)
      return std::nullopt;
    std::ranges::copy(boxes->front(), std::back_inserter(box));
  }
  return box;
}

std::optional<Values> interfaces(const Part& part, std::span<const Json* const> elements) {
  Values values{.field = part.question.field, .numbers = {}, .names = {}};
  for (const Json* element : elements) {
    auto names = interface_names(*element);
    if (!names)
      return std::nullopt;
    std::ranges::move(*names, std::back_inserter(values.names));
  }
  return values;
}

std::optional<Values> numbers(const Part& part, std::span<const Json* const> elements) {
  std::vector<Interval<Number>> all;
  for (const Json* element : elements) {
    const Json& value = bare(*element);
    const auto some = text_of(&value) == "*" ? Numbers::up_to(most_of(part.question.bits))
                                             : numbers_of(part.question, value);
    if (!some)
      return std::nullopt;
    std::ranges::copy(some->intervals(), std::back_inserter(all));
  }
  return values_of(part, Numbers(std::move(all)));
}

}  // namespace

std::optional<Numbers> numbers_of(const Question& question, const Json& value) {
  if (const auto* array = value.if_array())
    return is_bits(question.spelling) ? combined(question, "|", *array) : std::nullopt;
  if (value.is_object())
    return object_numbers(question, value);
  const auto number = scalar(question, value);
  if (!number || *number > most_of(question.bits))
    return std::nullopt;
  return only(*number);
}

std::optional<Number> number_of(const Question& question, const Json& value) {
  return single(numbers_of(question, value));
}

std::optional<Key> key_of(const Json& expression, TableFamily family) {
  const auto [tag, inside] = tagged(expression);
  const auto* pieces = tag == "concat" ? inside->if_array() : nullptr;
  Key key;
  const auto add = [&](const Json& one) {
    auto part = part_of(one, family);
    if (!part)
      return false;
    key.push_back(*std::move(part));
    return true;
  };
  const bool known = pieces == nullptr ? add(expression) : std::ranges::all_of(*pieces, add);
  return known && !key.empty() ? std::optional(std::move(key)) : std::nullopt;
}

Box implied(const Key& key) {
  Box all;
  for (const Part& part : key)
    for (const Values& values : part.question.implied)
      if (std::ranges::find(all, values) == all.end())
        all.push_back(values);
  return all;
}

std::optional<Values> values_of(const Part& part, const Numbers& numbers) {
  // Bits of `ct status` are asked for one by one: as parts of one number most of them would be too
  // many intervals, and some of them two questions about one thing.
  if (part.question.spelling == Spelling::Status)
    return std::nullopt;
  const auto turned = before_flip(numbers, part.flip);
  const auto read = turned ? before_mask(*turned, part.mask, part.question.bits) : std::nullopt;
  if (!read)
    return std::nullopt;
  return Values{.field = part.question.field, .numbers = placed(part.question, *read), .names = {}};
}

std::optional<std::vector<Box>> boxes_of(const Key& key, std::span<const Json* const> elements) {
  std::vector<Box> boxes;
  if (key.size() == 1) {
    auto values = key[0].question.spelling == Spelling::Interface ? interfaces(key[0], elements)
                                                                  : numbers(key[0], elements);
    if (!values)
      return std::nullopt;
    boxes.push_back({*std::move(values)});
    return boxes;
  }
  for (const Json* element : elements) {
    const Json& value = bare(*element);
    auto box = text_of(&value) == "*" ? std::optional<Box>(Box{}) : box_of(key, value);
    if (!box)
      return std::nullopt;
    boxes.push_back(*std::move(box));
  }
  return boxes;
}

}  // namespace quay::nft_json
