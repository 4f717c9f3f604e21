// Golden cases: a policy, and the nft script and warnings that come of it. Each file in
// tests/golden begins with a sentence that says why it is there. QUAY_UPDATE=1 rewrites them;
// review then reads the difference.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "language/nft_table.h"
#include "policy/check.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

constexpr std::string_view kPolicyMark = "=== policy\n";
constexpr std::string_view kWarningsMark = "=== warnings\n";
constexpr std::string_view kScriptMark = "=== nft\n";

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, Case) {
  const std::filesystem::path path = GetParam();
  const std::string text = read_file(path);
  const std::size_t policy_at = text.find(kPolicyMark);
  const std::size_t warnings_at = text.find(kWarningsMark);
  ASSERT_NE(policy_at, std::string::npos) << "a case begins with why, then " << kPolicyMark;
  ASSERT_GT(policy_at, 0U) << "a case says why it is there";
  const std::size_t begin = policy_at + kPolicyMark.size();
  const std::string policy_text = text.substr(begin, warnings_at - begin);

  const Policy policy = read_policy(policy_text);
  const Compiled compiled = compile(policy, shipped_catalogue(), kNow);
  std::string result = text.substr(0, begin) + policy_text;
  result += kWarningsMark;
  for (const std::string& warning : check(policy, shipped_catalogue(), compiled).warnings)
    result += warning + "\n";
  result += kScriptMark;
  result += nft_script(nft_table(compiled.rules), Slot::A);
  if (std::getenv("QUAY_UPDATE") != nullptr)
    std::ofstream(path) << result;
  else
    EXPECT_EQ(text, result);
}

std::vector<std::string> cases() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(QUAY_SOURCE "/tests/golden"))
    paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

INSTANTIATE_TEST_SUITE_P(Cases, Golden, testing::ValuesIn(cases()), [](const auto& instance) {
  std::string name = std::filesystem::path(instance.param).stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace quay
