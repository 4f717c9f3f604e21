// The catalogue of this source tree, and policies read against it.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "app/inventory.h"
#include "host/system_files.h"
#include "language/policy_file.h"

namespace quay {

// Read once. A file that is refused ends the program: no test means anything then.
inline const Catalogue& shipped_catalogue() {
  static const Catalogue catalogue = [] {
    SystemFiles files;
    Parsed<Catalogue> loaded = load_catalogue(files, {QUAY_SOURCE "/catalogue"});
    for (const Error& error : loaded.errors)
      ADD_FAILURE() << error.text();
    return std::move(loaded.value);
  }();
  return catalogue;
}

inline Policy read_policy(const std::string& text) {
  Parsed<Policy> parsed = parse_policy(text, "policy.toml", shipped_catalogue(), {});
  for (const Error& error : parsed.errors)
    ADD_FAILURE() << error.text();
  return std::move(parsed.value);
}

inline constexpr TimePoint kNow{std::chrono::seconds(1'795'000'000)};  // 2026-11-18

}  // namespace quay
