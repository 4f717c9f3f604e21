// The rules in force that the real ufw left behind, command after command: what we make of its
// files decides packets as they do. The corpus is not part of the source; QUAY_CORPORA or
// ../shared/corpora says where it is.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "base/text.h"
#include "language/iptables_save.h"
#include "language/ufw_files.h"
#include "packetset/filter_walk.h"
#include "tests/support/corner_packets.h"

namespace quay {
namespace {

std::string corpora() {
  const char* named = std::getenv("QUAY_CORPORA");
  return named != nullptr ? named : QUAY_SOURCE "/../shared/corpora";
}

std::string contents(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The rules of the chains that begin so, as the file holds them that ufw has loaded them from.
std::string file_of(std::string_view dump, std::initializer_list<std::string_view> chains) {
  std::string declared = "*filter\n";
  std::string rules;
  for (const std::string_view line : split(dump, '\n'))
    for (const std::string_view chain : chains) {
      if (line.starts_with(":" + std::string(chain)) &&
          line.find("-logging-") == std::string_view::npos)
        declared += std::string(line) + "\n";
      if (line.starts_with("-A " + std::string(chain)) &&
          line.find("-logging-") == std::string_view::npos &&
          line.find("-j ufw-user-") == std::string_view::npos &&
          line.find("-j ufw6-user-") == std::string_view::npos)
        rules += std::string(line) + "\n";
    }
  return declared + rules + "COMMIT\n";
}

std::string defaults_of(const boost::json::object& values) {
  std::string text;
  for (const auto& [name, value] : values)
    text += std::string(name) + "=\"" + std::string(value.as_string()) + "\"\n";
  return text;
}

constexpr int kPackets = 300;

class UfwFilesCorpus : public testing::Test {
 protected:
  std::string state(const boost::json::object& row, const char* name) {
    return contents(corpora() + "/ufw/states/" + std::string(row.at(name).as_string()));
  }

  // How many packets were asked.
  std::size_t compare(const boost::json::object& row, Family family) {
    const bool v4 = family == Family::V4;
    const std::string dump = state(row, v4 ? "ipt4" : "ipt6");
    const auto force = parse_iptables_save(dump, "in force", family);
    const UfwFiles files{
        .defaults = {"defaults", defaults_of(row.at("post").as_object())},
        .before = {"before.rules", v4 ? file_of(dump, {"ufw-before-", "ufw-not-local"})
                                      : file_of(dump, {"ufw6-before-"})},
        .user = {"user.rules", state(row, v4 ? "post_user" : "post_user6")},
        .after = {"after.rules", file_of(dump, {v4 ? "ufw-after-" : "ufw6-after-"})}};
    const auto ours = parse_ufw_files(files, family);
    for (const auto& errors : {force.errors, ours.errors})
      for (const Error& error : errors)
        ADD_FAILURE() << error.text();
    filter::CornerPackets packets(family, 3);
    packets.add(force.value);
    packets.add(ours.value);
    for (const Direction direction : {Direction::In, Direction::Out, Direction::Forward})
      for (int i = 0; i < kPackets; ++i) {
        const filter::Point point = packets.next(direction);
        EXPECT_EQ(walk(ours.value, point).fate, walk(force.value, point).fate)
            << row.at("id") << " " << to_text(direction);
      }
    return std::size_t{3} * kPackets;
  }
};

TEST_F(UfwFilesCorpus, DecideAsTheRulesInForce) {
  const std::string path = corpora() + "/ufw/live.jsonl";
  if (!std::filesystem::exists(path))
    GTEST_SKIP() << "SKIPPED: no corpus at " << path;
  std::ifstream in(path);
  std::size_t rows = 0;
  std::size_t packets = 0;
  for (std::string line; std::getline(in, line) && !HasFailure(); ++rows) {
    const boost::json::value value = boost::json::parse(line);
    const boost::json::object& row = value.as_object();
    if (row.at("post").as_object().at("ENABLED").as_string() == "yes")
      for (const Family family : {Family::V4, Family::V6})
        packets += compare(row, family);
  }
  std::cout << rows << " states of ufw, " << packets << " packets alike\n";
  EXPECT_GT(rows, 100U);
}

}  // namespace
}  // namespace quay
