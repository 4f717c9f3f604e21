// Texts that tell when they are damaged.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace quay {

// CRC-32 as in IEEE 802.3, eight hexadecimal digits.
std::string checksum(std::string_view content);

// `content` behind a line with its checksum (checksum() above). It guards
// against torn and rotten files, not against an attacker.
std::string seal(std::string_view content);

// The content of a sealed text; nullopt when the checksum does not fit.
std::optional<std::string> unseal(std::string_view sealed);

}  // namespace quay
