// The machine, in memory: files and a packet filter that fail when they are told to.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "host/host.h"

namespace quay {

class FakeFiles : public Files {
 public:
  std::map<std::string, std::string> content;
  TimePoint written{};  // when every file was
  bool disk_full = false;
  std::string refuse_commit;   // a path that cannot be put in place
  std::set<std::string> left;  // paths for which a killed process left a staged file

  Result<std::string> read(const std::string& path) override {
    const auto found = content.find(path);
    if (found == content.end())
      return fail(Error{path, "No such file or directory"});
    return found->second;
  }
  std::optional<TimePoint> modified(const std::string& path) override {
    return content.contains(path) ? std::optional(written) : std::nullopt;
  }
  std::vector<std::string> list(const std::string& folder, const std::string& ending) override {
    std::vector<std::string> names;
    for (const auto& [path, text] : content)
      if (path.starts_with(folder + "/") && path.ends_with(ending))
        names.push_back(path.substr(folder.size() + 1));
    return names;
  }
  bool clear_staged(const std::string& path) override { return left.erase(path) != 0; }
  Result<std::unique_ptr<StagedFile>> stage(const std::string& path,
                                            const std::string& text) override {
    if (disk_full)
      return fail(Error{path, "No space left on device"});
    return std::make_unique<Staged>(*this, path, text);
  }

 private:
  class Staged : public StagedFile {
   public:
    Staged(FakeFiles& files, std::string path, std::string text)
        : files_(files), path_(std::move(path)), text_(std::move(text)) {}
    Result<void> commit() override {
      if (path_ == files_.refuse_commit)
        return fail(Error{path_, "Input/output error"});
      files_.content[path_] = text_;
      return {};
    }

   private:
    FakeFiles& files_;
    std::string path_;
    std::string text_;
  };
};

// Takes every script and lists what it is told to list; the real kernel judges scripts
// elsewhere (tests/netns).
class FakeFirewall : public Firewall {
 public:
  std::string listing;               // what list() answers
  std::string listing_after_run;     // and what it answers once a script has run
  std::vector<std::string> scripts;  // those that were run
  int refuse_run = 0;                // from the nth script on run() fails; 0: never
  bool refuse_only_once = false;
  bool refuse_list = false;

  Result<std::string> list() override {
    if (refuse_list)
      return fail(Error{"kernel", "Operation not permitted"});
    return listing;
  }
  filter::Ruleset tables;  // what ruleset() answers
  Result<filter::Ruleset> ruleset() override {
    if (refuse_list)
      return fail(Error{"kernel", "Operation not permitted"});
    return tables;
  }
  Result<void> run(const std::string& script) override {
    if (static_cast<int>(scripts.size()) + 1 == refuse_run) {
      refuse_run = refuse_only_once ? 0 : refuse_run;
      return fail(Error{"kernel", "Could not process rule: Operation not permitted"});
    }
    scripts.push_back(script);
    if (!listing_after_run.empty())
      listing = listing_after_run;
    return {};
  }
  void settle() override {}
};

class FakeClock : public Clock {
 public:
  TimePoint time{std::chrono::seconds(1'795'000'000)};  // 2026-11-18
  TimePoint now() override { return time; }
};

}  // namespace quay
