// Which processes hold sockets.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include <sys/types.h>

namespace quay {

using Inodes = std::set<std::uint64_t>;
using Holders = std::map<std::uint64_t, pid_t>;  // by the socket's inode

// Looks through the descriptors of all processes (proc_pid_fd(5)); of several that share a socket
// it tells the one with the lowest number. Processes that may not be looked into are passed over:
// those of other users need CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH.
Holders socket_holders(const Inodes& inodes);

// The same, asked of quaymaster-helper, which has what it needs; nobody where the helper does not
// answer within two seconds. A line each way:
//   "socket-holders INODE INODE ...\n"     at most kMostInodes of them
//   "INODE PID\n" for each that is held, then the end
Holders ask_socket_holders(const std::string& helper_socket, const Inodes& inodes);

inline constexpr std::size_t kMostInodes = 65536;

// Answers one such line; empty when it is something else.
std::string answer_socket_holders(const std::string& line);

}  // namespace quay
