#include "host/bpf_programs.h"

#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace quay {
namespace {

// Nobody has that many; a tree that grows while we walk must have an end.
constexpr int kMostCgroups = 4096;

// How many programs `target` (a cgroup's descriptor, an interface's number) has: none where the
// kernel does not know such programs.
std::expected<std::uint32_t, int> count(std::uint32_t target, std::uint32_t type,
                                        std::uint32_t flags) {
  bpf_attr attributes{};
  attributes.query.target_fd = target;
  attributes.query.attach_type = type;
  attributes.query.query_flags = flags;
  if (syscall(SYS_bpf, BPF_PROG_QUERY, &attributes, sizeof attributes) == 0)
    return attributes.query.prog_cnt;
  if (errno == EINVAL || errno == ENOSYS)
    return 0;
  return std::unexpected(errno);
}

// Walks a tree of cgroups.
class CgroupWalk {
 public:
  explicit CgroupWalk(const std::string& root) : root_(root) {}

  std::vector<std::string> sentences() {
    look_at(AT_FDCWD, root_.c_str(), "");
    std::vector<std::string> found;
    if (!with_programs_.empty())
      found.push_back(
          fmt::format("cgroup programs for packets on {}", fmt::join(with_programs_, ", ")));
    if (error_ != 0)
      found.push_back(fmt::format("cgroup programs could not all be looked for: {}",
                                  std::generic_category().message(error_)));
    return found;
  }

 private:
  struct Close {
    void operator()(DIR* folder) const { closedir(folder); }
  };

  // The group at `name` in the folder `parent`, and all below; `path` is empty for the root.
  void look_at(int parent, const char* name, const std::string& path);
  bool has_programs(int group, bool root);
  void look_below(DIR* group, const std::string& path);

  std::string root_;
  std::vector<std::string> with_programs_;
  int left_ = kMostCgroups;
  int error_ = 0;  // the first that was met
};

bool CgroupWalk::has_programs(int group, bool root) {
  // The root of what we see may have groups over it, in a container.
  const std::uint32_t flags = root ? BPF_F_QUERY_EFFECTIVE : 0;
  bool found = false;
  for (const std::uint32_t type : {BPF_CGROUP_INET_INGRESS, BPF_CGROUP_INET_EGRESS}) {
    const auto programs = count(static_cast<std::uint32_t>(group), type, flags);
    if (!programs && error_ == 0)
      error_ = programs.error();
    found = found || programs.value_or(0) > 0;
  }
  return found;
}

void CgroupWalk::look_at(int parent, const char* name, const std::string& path) {
  const int group = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (group < 0 && errno == ENOENT && !path.empty())
    return;  // gone while we walked
  if (group < 0 || left_-- == 0) {
    error_ = error_ != 0 ? error_ : group < 0 ? errno : E2BIG;
    if (group >= 0)
      close(group);
    return;
  }
  const std::unique_ptr<DIR, Close> folder(fdopendir(group));
  if (has_programs(group, path.empty()))
    with_programs_.push_back(path.empty() ? "all" : path);
  struct stat status{};
  // Two links and one for every group in it: most have none, and need not be read.
  if (error_ == 0 && fstat(group, &status) == 0 && status.st_nlink > 2)
    look_below(folder.get(), path);
}

void CgroupWalk::look_below(DIR* group, const std::string& path) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the folder is nobody else's
  while (const dirent* entry = readdir(group)) {
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..")
      look_at(dirfd(group), entry->d_name,
              path.empty() ? std::string(name) : fmt::format("{}/{}", path, name));
  }
}

}  // namespace

std::expected<bool, int> has_tcx_program(std::uint32_t interface, TcxPoint point) {
  const auto programs = count(interface, static_cast<std::uint32_t>(point), 0);
  if (programs)
    return *programs > 0;
  // Nothing was ever attached there, or the interface is gone.
  if (programs.error() == ENOENT || programs.error() == ENODEV)
    return false;
  return std::unexpected(programs.error());
}

std::vector<std::string> cgroup_programs(const std::string& root) {
  return CgroupWalk(root).sentences();
}

}  // namespace quay
