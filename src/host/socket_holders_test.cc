#include "host/socket_holders.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace quay {
namespace {

class OpenSocket {
 public:
  OpenSocket() : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~OpenSocket() { close(fd_); }
  OpenSocket(const OpenSocket&) = delete;
  OpenSocket& operator=(const OpenSocket&) = delete;
  std::uint64_t inode() const {
    struct stat status{};
    fstat(fd_, &status);
    return status.st_ino;
  }

 private:
  int fd_;
};

TEST(SocketHolders, FindsTheProcessThatHoldsASocket) {
  const OpenSocket mine;
  const Holders holders = socket_holders({mine.inode(), 1});
  EXPECT_EQ(holders, (Holders{{mine.inode(), getpid()}}));
}

TEST(SocketHolders, AnswersOneLine) {
  const OpenSocket mine;
  EXPECT_EQ(answer_socket_holders(fmt::format("socket-holders {}", mine.inode())),
            fmt::format("{} {}\n", mine.inode(), getpid()));
  EXPECT_EQ(answer_socket_holders("socket-holders 1"), "");
}

TEST(SocketHolders, AnswersNothingElse) {
  for (const char* line : {"", "socket-holders", "socket-holders x", "socket-holders 1  2",
                           "socket-holders 1 /etc/shadow", "read /etc/shadow"})
    EXPECT_EQ(answer_socket_holders(line), "") << line;
  std::string many = "socket-holders";
  for (std::size_t i = 0; i <= kMostInodes; ++i)
    many += " 1";
  EXPECT_EQ(answer_socket_holders(many), "");
}

TEST(SocketHolders, WithoutAHelperNobodyIsTold) {
  EXPECT_TRUE(ask_socket_holders("/nowhere/helper.sock", {1}).empty());
  EXPECT_TRUE(ask_socket_holders(std::string(200, 'x'), {1}).empty());
}

}  // namespace
}  // namespace quay
