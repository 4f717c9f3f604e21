// Strict reading of small texts. Nothing here skips what it does not understand.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quay {

// The number that `text` spells in decimal digits alone, no sign, no blanks; nullopt when it is
// anything else or greater than `most`.
std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t most);

// The pieces between separators; an empty text is one empty piece.
std::vector<std::string_view> split(std::string_view text, char separator);

// The words of a line, separated by blanks and tabs. A word in single or double quotes may hold
// blanks; the quotes go. nullopt when a quote is not closed.
std::optional<std::vector<std::string>> split_words(std::string_view line);

std::string join(std::span<const std::string> parts, std::string_view separator);

// With ASCII letters in upper case; others stay.
std::string upper(std::string text);

// Without the blanks, tabs and line ends around it.
std::string_view trim(std::string_view text);

// The candidate that is most like `word` when it is near enough to be what was meant, for "did
// you mean". Near is at most two edits, and fewer than half of the word.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

// " (did you mean `mqtt`?)", or nothing when no candidate is near.
std::string suggestion(std::string_view word, std::span<const std::string> candidates);

}  // namespace quay
