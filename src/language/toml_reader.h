// Strict reading of TOML: every fault is told with its line, and a key that nobody asked for is
// a fault too.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// toml++ 3.3 calls unreachable what letters such as `ä` reach where it looks for white space.
#include <toml++/impl/forward_declarations.h>
#pragma push_macro("TOML_UNREACHABLE")
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE return false
#include <toml++/impl/unicode.h>
#pragma pop_macro("TOML_UNREACHABLE")
#include <toml++/toml.h>

#include "base/result.h"
#include "model/rule.h"

namespace quay {

// One table of a file. Asking for a key twice, or for one that is not there, is fine; asking for
// one of another type notes an error. Call finish() when all keys have been asked for.
class TomlReader {
 public:
  // `table` and `errors` outlive the reader. `file` stands in front of every error's line.
  TomlReader(const toml::table& table, std::string file, std::vector<Error>& errors)
      : table_(table), file_(std::move(file)), errors_(errors) {}

  std::optional<std::string> text(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::uint16_t> port(std::string_view key);
  std::optional<TimePoint> time(std::string_view key);  // an offset date-time
  std::optional<std::vector<std::string>> texts(std::string_view key);

  // Calls `read` with the table under `key`, if there is one, and finishes it.
  void table(std::string_view key, const std::function<void(TomlReader&)>& read);
  // The same for each table of an array, and for each key of a table of tables.
  void tables(std::string_view key, const std::function<void(TomlReader&)>& read);
  void named_tables(std::string_view key,
                    const std::function<void(const std::string& name, TomlReader&)>& read);
  // Calls `read` with every key of this table and its text.
  void named_texts(const std::function<void(const std::string& name, const std::string&)>& read);

  bool has(std::string_view key) { return find(key) != nullptr; }

  // Notes an error at the line of `key`, or of the table when the key is not there.
  void fault(std::string_view key, const std::string& reason);

  // Notes an error for every key that was never asked for, with the near name that was.
  void finish();

 private:
  const toml::node* find(std::string_view key);
  void fault_at(const toml::node& node, const std::string& reason);
  void wrong_type(const toml::node& node, std::string_view key, std::string_view wanted);

  const toml::table& table_;
  std::string file_;
  std::vector<Error>& errors_;
  std::vector<std::string> asked_;
};

// Reads a whole file. Syntax errors are noted with their line.
void read_toml(std::string_view text, const std::string& file, std::vector<Error>& errors,
               const std::function<void(TomlReader&)>& read);

// A TOML basic string, quotes included.
std::string toml_quoted(std::string_view text);

}  // namespace quay
