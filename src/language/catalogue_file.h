// The catalogue's files: one service or one profile each, in TOML (docs/catalogue.md).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/service.h"

namespace quay {

// `file` names the file in errors ("services/mqtt.toml:7"); its stem must be the service's id.
Parsed<Service> parse_service(std::string_view text, const std::string& file);
Parsed<Profile> parse_profile(std::string_view text, const std::string& file);

}  // namespace quay
