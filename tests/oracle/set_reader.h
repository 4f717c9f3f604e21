// Reads what the kernel has put into a table's sets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

struct mnl_socket;

namespace quay::oracle {

class SetReader {
 public:
  // Of an inet table, in the namespace that the thread is in. Failures are exceptions.
  explicit SetReader(std::string table);
  ~SetReader();
  SetReader(const SetReader&) = delete;
  SetReader& operator=(const SetReader&) = delete;

  // The elements of a set, which are numbers of at most four bytes.
  std::vector<std::uint32_t> numbers(const std::string& set);

 private:
  std::string table_;
  mnl_socket* socket_;
};

}  // namespace quay::oracle
