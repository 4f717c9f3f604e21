// quaymaster-helper: looks at what the daemon may not see, answers one question and ends. systemd
// starts it for each connection of quaymaster-helper.socket, which only the daemon may open.
#include <iostream>
#include <string>

#include "host/socket_holders.h"

int main(int argc, char** argv) {
  if (argc > 1) {
    const bool version = std::string(argv[1]) == "--version";
    (version ? std::cout : std::cerr)
        << (version ? "quaymaster-helper " QUAY_VERSION "\n"
                    : "quaymaster-helper: takes no arguments; systemd starts it for quaymasterd\n");
    return version ? 0 : 2;
  }
  std::string line;
  std::getline(std::cin, line);
  const std::string answer = quay::answer_socket_holders(line);
  std::cout << answer << std::flush;
  return 0;
}
