// Failure as a value: Result<T> holds a T or the Error that says why there is none.
#pragma once

#include <expected>
#include <string>
#include <utility>
#include <vector>

namespace quay {

// One failure, told in one line: where, and what is wrong there.
struct Error {
  std::string place;   // "policy.toml:14", "rule 3", a path; empty when the message says it all
  std::string reason;  // what thing is wrong and why: "port range 502-50 is reversed"

  std::string text() const { return place.empty() ? reason : place + ": " + reason; }
  bool operator==(const Error&) const = default;
};

// A T or an Error. Marked nodiscard, so that a forgotten failure is a warning.
template <typename T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

// The failing Result: `return fail("port 0 is out of range");`
inline std::unexpected<Error> fail(std::string reason) {
  return std::unexpected(Error{.place = {}, .reason = std::move(reason)});
}

// Passes a failure on: `return fail(parsed.error());`
inline std::unexpected<Error> fail(Error error) {
  return std::unexpected(std::move(error));
}

// A value read from a text that may have several faults, all of them told. `value` is complete
// and may be used only when `errors` is empty.
template <typename T>
struct [[nodiscard]] Parsed {
  T value;
  std::vector<Error> errors;

  bool ok() const { return errors.empty(); }
};

}  // namespace quay
