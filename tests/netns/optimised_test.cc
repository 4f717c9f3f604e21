// Rulesets before and after `nft -o`, loaded into a kernel and listed as JSON: read by us, they
// decide alike. The corpus is not part of the source; QUAY_CORPORA or ../shared/corpora says where
// it is.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "language/nft_json.h"
#include "tests/support/same_decisions.h"

namespace quay {
namespace {

namespace fs = std::filesystem;

std::string corpora() {
  const char* named = std::getenv("QUAY_CORPORA");
  return named != nullptr ? named : QUAY_SOURCE "/../shared/corpora";
}

// What a script becomes in a network namespace that nobody else sees.
std::string listed(const fs::path& script) {
  const std::string command =
      fmt::format("unshare -n sh -c 'nft -f {} && nft -j list ruleset'", script.string());
  std::string text;
  std::array<char, 4096> piece{};
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  while (const std::size_t size = fread(piece.data(), 1, piece.size(), pipe.get()))
    text.append(piece.data(), size);
  return text;
}

filter::Ruleset read(const fs::path& script) {
  const auto parsed = parse_nft_json(listed(script), script.filename());
  for (const Error& error : parsed.errors)
    ADD_FAILURE() << error.text();
  return parsed.value;
}

TEST(NftOptimised, RulesetsDecideAsBefore) {
  const fs::path folder = corpora() + "/nft-optimised";
  if (!fs::exists(folder))
    GTEST_SKIP() << "SKIPPED: no corpus at " << folder;
  if (geteuid() != 0)
    GTEST_SKIP() << "SKIPPED: loading rulesets into a namespace needs root";
  std::ifstream in(folder / "labels.json");
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  std::size_t alike = 0;
  const boost::json::value labels = boost::json::parse(text);
  for (const auto& label : labels.as_object()) {
    const std::string name = label.key();
    const std::string found =
        filter::difference(read(folder / (name + ".a.nft")), read(folder / (name + ".b.nft")));
    EXPECT_EQ(found.empty(), label.value() == "same") << name << ": " << found;
    alike += found.empty();
  }
  std::cout << alike << " of " << labels.as_object().size() << " pairs decide alike\n";
}

}  // namespace
}  // namespace quay
