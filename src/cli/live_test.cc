#include "cli/live.h"

#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/fakes/fake_host.h"

namespace quay {
namespace {

constexpr const char* kStatus =
    R"("enforcement":"on","revision":"1","edited":false,"errors":[],"warnings":[],"interfaces":{},)"
    R"("profile":"enhanced")";

// A daemon that answers what it was told to.
struct Daemon {
  std::map<std::string, std::string> answers;
  std::ostringstream out;
  std::ostringstream err;

  int run(bool json, const std::function<int(const LiveContext&)>& verb) {
    FakeFiles files;
    FakeClock clock;
    const Context base{.files = files,
                       .clock = clock,
                       .json = json,
                       .out = out,
                       .err = err,
                       .style = Style(false)};
    std::istringstream in;
    const LiveContext context{.base = base,
                              .ask = [this](const std::string&, const std::string& target,
                                            const std::string&) -> Result<ApiResponse> {
                                return ApiResponse{200, answers.at(target)};
                              },
                              .in = in};
    return verb(context);
  }
};

int verify(const LiveContext& context) {
  return show_proof(context);
}

TEST(Live, VerifyReportsWhatDiffersInWordsAndAsJson) {
  const auto proof = [](const std::string& equal, const std::string& lists) {
    return "{\"equal\":" + equal + R"(,"untold":{"lines":57,"counted":true},"too_large":)" +
           (equal == "true" ? "false" : "true") + "," + lists + R"(,"scope":"all"})";
  };
  const std::string one = R"([{"direction":"in","packets":"tcp 1","kernel":"accepts x",)"
                          R"("policy":"drops y","first":"a","answer":"b","example":"e",)"
                          R"("certain":true}])";
  for (const bool json : {false, true}) {
    Daemon daemon;
    daemon.answers["/v1/proof"] = proof("true", R"("closed":[],"opened":[],"lost":[])");
    EXPECT_EQ(daemon.run(json, verify), kDone);
    EXPECT_EQ(daemon.out.str().find("  and 57 more lines\n") != std::string::npos, !json);
    daemon.answers["/v1/proof"] = proof("false", R"("closed":[],"opened":[],"lost":[])");
    EXPECT_EQ(daemon.run(json, verify), kReport);
    for (const std::string key : {"closed", "opened", "lost"}) {
      daemon.answers["/v1/proof"] = proof("true", "\"" + key + "\":" + one);
      EXPECT_EQ(daemon.run(json, verify), kReport) << key;
    }
  }
}

TEST(Live, StatusReportsEveryTroubleOnceAndNotTooOften) {
  for (const bool json : {false, true})
    for (const std::string trouble :
         {R"("drift":["a","b","c","d","e","f","g"])", R"("differences":["x"])",
          R"("opened_by_others":["x"])", R"("closed_by_others":["x"])", R"("unproved":"why")"}) {
      Daemon daemon;
      daemon.answers["/v1/rules"] = R"({"rules":[]})";
      daemon.answers["/v1/status"] = std::string("{") + kStatus + "}";
      const auto status = [](const LiveContext& context) { return show_status(context, false); };
      EXPECT_EQ(daemon.run(json, status), kDone);
      daemon.answers["/v1/status"] = std::string("{") + kStatus + "," + trouble + "}";
      EXPECT_EQ(daemon.run(json, status), kReport) << trouble;
      const bool capped =
          daemon.out.str().find("and 2 more (`quaymaster verify`)") != std::string::npos;
      EXPECT_EQ(capped, !json && trouble.starts_with("\"drift")) << trouble;
    }
}

}  // namespace
}  // namespace quay
