// Configurations of firewalld, and what firewalld 1.3.3 loads for them: read by us, both decide
// alike. The corpus is not part of the source; QUAY_CORPORA or ../shared/corpora says where it is,
// QUAY_FIREWALLD or /usr/lib/firewalld where firewalld's own definitions are.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "language/firewalld_zones.h"
#include "language/nft_json.h"
#include "packetset/filter_walk.h"
#include "tests/support/corner_packets.h"

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

std::string told(const filter::Ruleset& ruleset, const filter::Point& point) {
  std::string text;
  for (const filter::Step& step : walk(ruleset, point).steps)
    if (step.verdict.kind != filter::Verdict::Kind::Jump &&
        step.verdict.kind != filter::Verdict::Kind::Goto)
      text += fmt::format(" {} {};", step.chain->name, step.rule == nullptr ? "" : step.rule->text);
  return text;
}

// The first few packets that are decided otherwise.
std::size_t differences(const filter::Ruleset& ours, const filter::Ruleset& theirs,
                        const std::string& name) {
  constexpr std::size_t kPackets = 6000;
  std::size_t found = 0;
  for (const Family family : {Family::V4, Family::V6}) {
    filter::CornerPackets corners(family, 7);
    corners.add(ours);
    corners.add(theirs);
    for (const Direction direction : {Direction::In, Direction::Forward, Direction::Out})
      for (std::size_t i = 0; i < kPackets; ++i) {
        const filter::Point point = corners.next(direction);
        const auto one = walk(ours, point).fate;
        const auto other = walk(theirs, point).fate;
        if (one != other && ++found <= 2)
          ADD_FAILURE() << name << ": " << to_text(direction) << ", ours " << one
                        << told(ours, point) << "\n  theirs " << other << told(theirs, point);
      }
  }
  return found;
}

TEST(FirewalldCorpus, ConfigurationsDecideAsFirewalldLoadsThem) {
  const fs::path root = named("QUAY_CORPORA", QUAY_SOURCE "/../shared/corpora") + "/firewalld";
  const fs::path shipped = named("QUAY_FIREWALLD", "/usr/lib/firewalld");
  if (!fs::exists(root) || !fs::exists(shipped))
    GTEST_SKIP() << "SKIPPED: no corpus at " << root << ", or no firewalld at " << shipped;
  FirewalldFiles files{.shipped = folder(shipped), .own = {}};
  std::size_t alike = 0;
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
    if (ours.ok())
      alike += differences(ours.value, theirs.value, name) == 0;
  }
  std::cout << alike << " of " << cases << " configurations decide alike\n";
}

}  // namespace
}  // namespace quay
