#include "host/system_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace quay {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> failed(const std::string& path, int error) {
  return fail(Error{path, std::generic_category().message(error)});
}

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close_now(); }

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  int close_now() {
    const int fd = std::exchange(fd_, -1);
    return fd < 0 ? 0 : close(fd);
  }

 private:
  int fd_;
};

bool write_all(int fd, const std::string& content) {
  for (std::size_t done = 0; done < content.size();) {
    const ssize_t n = write(fd, content.data() + done, content.size() - done);
    if (n < 0 && errno != EINTR)
      return false;
    done += n > 0 ? static_cast<std::size_t>(n) : 0;
  }
  return true;
}

std::string staged_name(const std::string& path) {
  return path + ".new";
}

std::string before_name(const std::string& path) {
  return path + ".old";
}

class SystemStagedFile : public StagedFile {
 public:
  SystemStagedFile(std::string path, std::string folder)
      : path_(std::move(path)),
        fresh_(staged_name(path_)),
        before_(before_name(path_)),
        folder_(std::move(folder)),
        directory_(open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}
  SystemStagedFile(const SystemStagedFile&) = delete;
  SystemStagedFile& operator=(const SystemStagedFile&) = delete;
  ~SystemStagedFile() override { unlink(fresh_.c_str()); }

  // The folder can be brought to the disk; errno says why not.
  bool ready() const { return directory_.ok(); }

  Result<void> commit() override {
    // A second name for the old file, in case that the disk fails after the rename.
    unlink(before_.c_str());
    const bool kept = link(path_.c_str(), before_.c_str()) == 0;
    const bool first = !kept && errno == ENOENT;
    if (rename(fresh_.c_str(), path_.c_str()) != 0) {
      const int error = errno;
      unlink(before_.c_str());
      return failed(path_, error);
    }
    const int error = fsync(directory_.get()) == 0 ? 0 : errno;
    if (error == 0)
      unlink(before_.c_str());
    else if (kept)
      static_cast<void>(rename(before_.c_str(), path_.c_str()));
    else if (first)
      unlink(path_.c_str());
    return error == 0 ? Result<void>() : failed(path_, error);
  }

 private:
  std::string path_;
  std::string fresh_;
  std::string before_;
  std::string folder_;
  Descriptor directory_;
};

}  // namespace

Result<std::string> SystemFiles::read(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok())
    return failed(path, errno);
  std::string content;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
    if (n < 0 && errno != EINTR)
      return failed(path, errno);
    if (n == 0)
      return content;
    if (n > 0)
      content.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

std::optional<TimePoint> SystemFiles::modified(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0)
    return std::nullopt;
  return TimePoint(std::chrono::seconds(status.st_mtim.tv_sec));
}

std::vector<std::string> SystemFiles::list(const std::string& folder, const std::string& ending) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (name.ends_with(ending) && !name.starts_with('.'))
      names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool SystemFiles::clear_staged(const std::string& path) {
  unlink(before_name(path).c_str());
  return unlink(staged_name(path).c_str()) == 0;
}

Result<std::unique_ptr<StagedFile>> SystemFiles::stage(const std::string& path,
                                                       const std::string& content) {
  fs::path folder = fs::path(path).parent_path();
  if (folder.empty())
    folder = fs::path(".");
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return failed(folder, error.value());
  const std::string fresh = staged_name(path);
  // What is left of a process that was killed goes; nobody's link is followed.
  unlink(fresh.c_str());
  Descriptor file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file.ok())
    return failed(fresh, errno);
  auto staged = std::make_unique<SystemStagedFile>(path, folder);
  if (!staged->ready())
    return failed(folder, errno);
  if (!write_all(file.get(), content) || fsync(file.get()) != 0 || file.close_now() != 0)
    return failed(path, errno);
  return staged;
}

TimePoint SystemClock::now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace quay
