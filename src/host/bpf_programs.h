// Whether BPF programs are attached somewhere, by bpf(2)'s BPF_PROG_QUERY. Linux wants
// CAP_NET_ADMIN for this, and allows it to whoever has it.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace quay {

// Where packets of an interface meet tcx programs (Linux 6.6).
enum class TcxPoint : std::uint8_t { Ingress = 46, Egress = 47 };  // linux/bpf.h: BPF_TCX_*

// Whether the interface has such a program. A kernel that does not know tcx has none. On failure
// the errno.
std::expected<bool, int> has_tcx_program(std::uint32_t interface, TcxPoint point);

// One sentence with all cgroups that have programs for their sockets' packets, or why some could
// not be looked for; empty when there are none. Walks the tree of cgroup v2 at `root`, the
// whole of which takes some microseconds for each group.
std::vector<std::string> cgroup_programs(const std::string& root);

}  // namespace quay
