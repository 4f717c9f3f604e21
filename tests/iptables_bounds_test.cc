// Rulesets of which Isabelle has proved what they accept at least and at most (Diekmann et al.):
// our reading of them never claims less than the lower bound, nor more than the upper one.
//
// The bounds hold for new packets, with SYN where they are TCP, whose sources are those of their
// interfaces.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "base/text.h"
#include "language/iptables_save.h"
#include "packetset/filter_walk.h"
#include "tests/support/corner_packets.h"

namespace quay {
namespace {

namespace fs = std::filesystem;
using filter::Kind;
using filter::Number;
using filter::Point;

constexpr Number kSyn = 2;

std::string corpora() {
  const char* named = std::getenv("QUAY_CORPORA");
  return named != nullptr ? named : QUAY_SOURCE "/../shared/corpora";
}

std::string contents(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// "udp spt:67 dpts:67:68" as options of iptables.
std::string options_of(const std::vector<std::string>& words) {
  std::string options;
  for (const std::string& word : words) {
    const std::size_t colon = word.find(':');
    if (colon == std::string::npos)
      continue;
    options += word.starts_with("spt") ? " --sport " : " --dport ";
    options += word.substr(colon + 1);
  }
  return options;
}

// The listing of `iptables -L -n` as iptables-save writes it.
std::string as_save(const std::string& listing) {
  std::string text = "*filter\n";
  std::string chain;
  for (const std::string_view line : split(listing, '\n')) {
    const auto words = split_words(line).value_or(std::vector<std::string>{});
    if (words.empty() || words[0] == "target")
      continue;
    if (words[0] == "Chain") {
      chain = words[1];
      continue;
    }
    text += "-A " + chain + " -p " + words[1] + " -s " + words[3] + " -d " + words[4] +
            options_of({words.begin() + 5, words.end()}) + " -j " + words[0] + "\n";
  }
  return text + "COMMIT\n";
}

struct Case {
  std::string id;
  Direction direction = Direction::In;
  std::map<std::string, std::vector<Prefix>> sources;  // by interface

  // Gives the packet the interface that its source belongs to.
  void place(Point& point) const {
    const Number source = point.numbers[{.kind = Kind::Source}];
    if (sources.contains(point.in_interface))
      point.in_interface = "other0";
    for (const auto& [name, prefixes] : sources)
      for (const Prefix& prefix : prefixes)
        if (prefix.contains({Family::V4, source}))
          point.in_interface = name;
  }
};

Case read_case(const boost::json::object& object) {
  Case one{.id = std::string(object.at("id").as_string())};
  if (object.at("hook").as_string() == "FORWARD")
    one.direction = Direction::Forward;
  for (const auto& [name, prefixes] : object.at("ipassmt").as_object())
    for (const auto& prefix : prefixes.as_array())
      one.sources[std::string(name)].push_back(*parse_prefix(std::string(prefix.as_string())));
  return one;
}

filter::Ruleset load(const std::string& text, const std::string& name) {
  auto parsed = parse_iptables_save(text, name, Family::V4);
  for (const Error& error : parsed.errors)
    ADD_FAILURE() << error.text();
  return std::move(parsed.value);
}

std::string describe(const Point& point) {
  std::string text = "in " + point.in_interface + " out " + point.out_interface;
  for (const auto& [field, number] : point.numbers)
    text += " " + std::to_string(static_cast<int>(field.kind)) + field.name + "=" +
            std::to_string(static_cast<std::uint64_t>(number));
  return text;
}

struct Tally {
  std::size_t accepted = 0;
  std::size_t dropped = 0;
  std::size_t open = 0;  // where a bound is certain and we are not
};

class IptablesBounds : public testing::Test {
 protected:
  void compare(const Case& one, const fs::path& folder) {
    const auto ours = load(contents(folder / (one.id + ".v4")), one.id);
    const auto lower = load(as_save(contents(folder / (one.id + ".lower"))), one.id + ".lower");
    const auto upper = load(as_save(contents(folder / (one.id + ".upper"))), one.id + ".upper");
    filter::CornerPackets packets(Family::V4, 7);
    for (const auto* ruleset : {&ours, &lower, &upper})
      packets.add(*ruleset);
    Tally tally;
    for (int i = 0; i < 20'000; ++i) {
      Point point = packets.next(one.direction);
      point.numbers[{.kind = Kind::State}] = static_cast<Number>(State::New);
      point.numbers[{.kind = Kind::TcpFlags}] = kSyn;
      one.place(point);
      count(walk(ours, point).fate, walk(lower, point).fate, walk(upper, point).fate, tally);
      ASSERT_FALSE(HasFailure()) << one.id << " " << describe(point);
    }
    std::cout << one.id << ": " << tally.accepted << " accepted by the lower bound, "
              << tally.dropped << " dropped by the upper one, " << tally.open
              << " of them not certain to us\n";
    EXPECT_GT(tally.accepted, 100U) << one.id;
  }

 private:
  static void count(filter::Fate ours, filter::Fate lower, filter::Fate upper, Tally& tally) {
    if (lower == filter::kAccepted) {
      ++tally.accepted;
      tally.open += ours != filter::kAccepted;
      EXPECT_TRUE(ours & filter::kAccepted);
    }
    if (upper == filter::kDropped) {
      ++tally.dropped;
      tally.open += (ours & filter::kAccepted) != 0;
      EXPECT_NE(ours, filter::kAccepted);
    }
  }
};

TEST_F(IptablesBounds, NeverClaimsMoreOrLess) {
  const fs::path folder = corpora() + "/isabelle";
  if (!fs::exists(folder))
    GTEST_SKIP() << "SKIPPED: no corpus at " << folder;
  const boost::json::value cases = boost::json::parse(contents(folder / "cases.json"));
  for (const auto& object : cases.as_array())
    compare(read_case(object.as_object()), folder);
}

}  // namespace
}  // namespace quay
