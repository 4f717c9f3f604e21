// What each verb is used for: the lines that end its --help. The manual page has the same, and a
// test runs every one of them.
#pragma once

#include <string>
#include <string_view>

namespace quay {

// Behind the options of a verb: a hint, the grammar of its words, examples. `verb` as it is typed:
// "allow", "service enable"; a verb that is not known has nothing.
std::string help_ending(std::string_view verb);

}  // namespace quay
