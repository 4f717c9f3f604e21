// Rulesets before and after `nft -o`, and before and after they are saved and restored, loaded into
// a kernel and listed as JSON: read by us, they decide alike. The corpus is not part of the source;
// QUAY_CORPORA or ../shared/corpora says where it is.
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

// What commands print in a network namespace that nobody else sees.
std::string output(const std::string& commands) {
  const std::string command = fmt::format("unshare -n sh -c '{}'", commands);
  std::string text;
  std::array<char, 4096> piece{};
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  while (const std::size_t size = fread(piece.data(), 1, piece.size(), pipe.get()))
    text.append(piece.data(), size);
  return text;
}

// What a script becomes, also after `nft` has done more with it.
filter::Ruleset read(const fs::path& script, const std::string& then = "true") {
  const auto parsed = parse_nft_json(
      output(fmt::format("nft -f {} && {} && nft -j list ruleset", script.string(), then)),
      script.filename());
  for (const Error& error : parsed.errors)
    ADD_FAILURE() << error.text();
  return parsed.value;
}

class NftRewrites : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(folder_))
      GTEST_SKIP() << "SKIPPED: no corpus at " << folder_;
    if (geteuid() != 0)
      GTEST_SKIP() << "SKIPPED: loading rulesets into a namespace needs root";
  }
  const fs::path folder_ = corpora() + "/nft-optimised";
};

TEST_F(NftRewrites, SavedAndRestoredRulesetsDecideAsBefore) {
  std::size_t rulesets = 0;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (entry.path().extension() != ".nft")
      continue;
    const std::string again =
        "saved=$(nft list ruleset) && nft flush ruleset && echo \"$saved\" | nft -f -";
    const filter::Ruleset before = read(entry.path());
    EXPECT_EQ(filter::difference(before, read(entry.path(), again)), "") << entry.path();
    EXPECT_FALSE(before.tables.empty()) << entry.path();
    ++rulesets;
  }
  EXPECT_GT(rulesets, 0U);
  std::cout << rulesets << " rulesets decide alike after they were saved and restored\n";
}

TEST_F(NftRewrites, OptimisedRulesetsDecideAsBefore) {
  std::ifstream in(folder_ / "labels.json");
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  std::size_t alike = 0;
  const boost::json::value labels = boost::json::parse(text);
  for (const auto& label : labels.as_object()) {
    const std::string name = label.key();
    const std::string found =
        filter::difference(read(folder_ / (name + ".a.nft")), read(folder_ / (name + ".b.nft")));
    EXPECT_EQ(found.empty(), label.value() == "same") << name << ": " << found;
    alike += found.empty();
  }
  std::cout << alike << " of " << labels.as_object().size() << " pairs decide alike\n";
}

}  // namespace
}  // namespace quay
