#include "base/checksum.h"

#include <boost/crc.hpp>
#include <fmt/format.h>

namespace quay {
namespace {

constexpr std::string_view kMark = "# crc32 ";

std::string header(std::string_view content) {
  return fmt::format("{}{}\n", kMark, checksum(content));
}

}  // namespace

std::string checksum(std::string_view content) {
  boost::crc_32_type crc;
  crc.process_bytes(content.data(), content.size());
  return fmt::format("{:08x}", crc.checksum());
}

std::string seal(std::string_view content) {
  return header(content) + std::string(content);
}

std::optional<std::string> unseal(std::string_view sealed) {
  const std::size_t end = sealed.find('\n');
  if (end == std::string_view::npos)
    return std::nullopt;
  const std::string_view content = sealed.substr(end + 1);
  if (sealed.substr(0, end + 1) != header(content))
    return std::nullopt;
  return std::string(content);
}

}  // namespace quay
