// Configurations of firewalld, and what firewalld 1.3.3 loads for them: read by us, both decide
// alike. The corpus is not part of the source; QUAY_CORPORA or ../shared/corpora says where it is,
// QUAY_FIREWALLD where the definitions are that the package brings.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "language/firewalld_zones.h"
#include "language/nft_json.h"
#include "tests/support/same_decisions.h"

namespace quay {
namespace {

namespace fs = std::filesystem;

std::string named(const char* variable, const std::string& otherwise) {
  const char* value = std::getenv(variable);
  return value != nullptr ? value : otherwise;
}

std::string contents(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::map<std::string, std::string> folder(const fs::path& root) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (entry.is_regular_file())
      files[fs::relative(entry.path(), root).string()] = contents(entry.path());
  return files;
}

// What the package brings: installed, or in the root that bench/peer-rules prepares.
std::string shipped_firewalld() {
  const std::string installed = "/usr/lib/firewalld";
  const std::string prepared =
      named("QUAY_LAB_STORE", "/var/lib/quaymaster-lab") + "/peers" + installed;
  return fs::exists(installed) || !fs::exists(prepared) ? installed : prepared;
}

TEST(FirewalldCorpus, ConfigurationsDecideAsFirewalldLoadsThem) {
  const fs::path root = named("QUAY_CORPORA", QUAY_SOURCE "/../shared/corpora") + "/firewalld";
  const fs::path shipped = named("QUAY_FIREWALLD", shipped_firewalld());
  if (!fs::exists(root) || !fs::exists(shipped))
    GTEST_SKIP() << "SKIPPED: no corpus at " << root << ", or no firewalld at " << shipped;
  FirewalldFiles files{.shipped = folder(shipped), .own = {}};
  std::size_t equal = 0;
  std::size_t cases = 0;
  for (const auto& entry : fs::directory_iterator(root)) {
    const std::string name = entry.path().filename();
    files.own = folder(entry.path() / "etc");
    const auto ours = parse_firewalld(files);
    const auto theirs = parse_nft_json(contents(entry.path() / "oracle.json"), name);
    for (const Error& error : ours.errors)
      ADD_FAILURE() << name << ": " << error.text();
    EXPECT_EQ(theirs.errors, std::vector<Error>{});
    ++cases;
    const std::string found = filter::difference(ours.value, theirs.value);
    EXPECT_EQ(found, "") << name;
    equal += found.empty();
  }
  std::cout << equal << " of " << cases << " configurations decide alike\n";
}

}  // namespace
}  // namespace quay
