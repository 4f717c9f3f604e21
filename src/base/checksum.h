// Texts that tell when they are damaged.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace quay {

// `content` behind a line with its checksum (CRC-32 as in IEEE 802.3, in hexadecimal). It guards
// against torn and rotten files, not against an attacker.
std::string seal(std::string_view content);

// The content of a sealed text; nullopt when the checksum does not fit.
std::optional<std::string> unseal(std::string_view sealed);

}  // namespace quay
