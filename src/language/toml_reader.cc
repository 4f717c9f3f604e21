#include "language/toml_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace quay {
namespace {

std::string place(const std::string& file, const toml::source_region& source) {
  return source.begin.line == 0 ? file : fmt::format("{}:{}", file, source.begin.line);
}

TimePoint to_time(const toml::date_time& when) {
  using std::chrono::day;
  using std::chrono::hours;
  using std::chrono::minutes;
  using std::chrono::month;
  using std::chrono::seconds;
  using std::chrono::year;
  const std::chrono::sys_days date =
      year(when.date.year) / month(when.date.month) / day(when.date.day);
  return TimePoint(date) + hours(when.time.hour) + minutes(when.time.minute) +
         seconds(when.time.second) - minutes(when.offset.value_or(toml::time_offset()).minutes);
}

}  // namespace

const toml::node* TomlReader::find(std::string_view key) {
  if (std::find(asked_.begin(), asked_.end(), key) == asked_.end())
    asked_.emplace_back(key);
  return table_.get(key);
}

void TomlReader::fault_at(const toml::node& node, const std::string& reason) {
  errors_.push_back({place(file_, node.source()), reason});
}

void TomlReader::fault(std::string_view key, const std::string& reason) {
  const toml::node* node = table_.get(key);
  fault_at(node != nullptr ? *node : static_cast<const toml::node&>(table_), reason);
}

void TomlReader::wrong_type(const toml::node& node, std::string_view key, std::string_view wanted) {
  fault_at(node, fmt::format("`{}` must be {}", key, wanted));
}

std::optional<std::string> TomlReader::text(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr)
    return std::nullopt;
  if (const auto value = node->value_exact<std::string>())
    return value;
  wrong_type(*node, key, "a text in quotes");
  return std::nullopt;
}

std::optional<bool> TomlReader::boolean(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr)
    return std::nullopt;
  if (const auto value = node->value_exact<bool>())
    return value;
  wrong_type(*node, key, "true or false");
  return std::nullopt;
}

std::optional<std::uint16_t> TomlReader::port(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr)
    return std::nullopt;
  const auto value = node->value_exact<std::int64_t>();
  if (value && *value >= 1 && *value <= 65535)
    return static_cast<std::uint16_t>(*value);
  wrong_type(*node, key, "a port from 1 to 65535");
  return std::nullopt;
}

std::optional<TimePoint> TomlReader::time(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr)
    return std::nullopt;
  const auto value = node->value_exact<toml::date_time>();
  if (value && value->offset)
    return to_time(*value);
  wrong_type(*node, key, "a time with its offset, like 2026-11-23T18:00:00Z");
  return std::nullopt;
}

std::optional<std::vector<std::string>> TomlReader::texts(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr)
    return std::nullopt;
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    wrong_type(*node, key, "a list of texts, like [\"lan\"]");
    return std::nullopt;
  }
  std::vector<std::string> result;
  for (const toml::node& element : *array) {
    if (const auto value = element.value_exact<std::string>())
      result.push_back(*value);
    else
      wrong_type(element, key, "a list of texts, like [\"lan\"]");
  }
  return result;
}

void TomlReader::table(std::string_view key, const std::function<void(TomlReader&)>& read) {
  const toml::node* node = find(key);
  if (node == nullptr)
    return;
  const toml::table* table = node->as_table();
  if (table == nullptr)
    return wrong_type(*node, key, fmt::format("a table: [{}]", key));
  TomlReader reader(*table, file_, errors_);
  read(reader);
  reader.finish();
}

void TomlReader::tables(std::string_view key, const std::function<void(TomlReader&)>& read) {
  const toml::node* node = find(key);
  if (node == nullptr)
    return;
  const toml::array* array = node->as_array();
  if (array == nullptr || (!array->empty() && !array->is_homogeneous<toml::table>()))
    return wrong_type(*node, key, fmt::format("tables: [[{}]]", key));
  for (const toml::node& element : *array) {
    TomlReader reader(*element.as_table(), file_, errors_);
    read(reader);
    reader.finish();
  }
}

void TomlReader::named_tables(
    std::string_view key, const std::function<void(const std::string& name, TomlReader&)>& read) {
  const toml::node* node = find(key);
  if (node == nullptr)
    return;
  const toml::table* table = node->as_table();
  if (table == nullptr)
    return wrong_type(*node, key, fmt::format("tables: [{}.NAME]", key));
  for (const auto& [name, value] : *table) {
    const toml::table* inner = value.as_table();
    const std::string name_text(name.str());
    if (inner == nullptr) {
      wrong_type(value, name_text, fmt::format("a table: [{}.{}]", key, name_text));
      continue;
    }
    TomlReader reader(*inner, file_, errors_);
    read(name_text, reader);
    reader.finish();
  }
}

void TomlReader::named_texts(
    const std::function<void(const std::string& name, const std::string&)>& read) {
  for (const auto& [key, value] : table_) {
    const std::string name(key.str());
    if (const auto value_text = text(name))
      read(name, *value_text);
  }
}

void TomlReader::finish() {
  for (const auto& [key, value] : table_) {
    const std::string name(key.str());
    if (std::find(asked_.begin(), asked_.end(), name) != asked_.end())
      continue;
    errors_.push_back({place(file_, key.source()),
                       fmt::format("unknown key `{}`{}", name, suggestion(name, asked_))});
  }
}

void read_toml(std::string_view text, const std::string& file, std::vector<Error>& errors,
               const std::function<void(TomlReader&)>& read) {
  try {
    const toml::table table = toml::parse(text, file);
    TomlReader reader(table, file, errors);
    read(reader);
    reader.finish();
  } catch (const toml::parse_error& error) {
    errors.push_back({place(file, error.source()), std::string(error.description())});
  }
}

std::string toml_quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      quoted += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      quoted += c;
  }
  return quoted + '"';
}

}  // namespace quay
