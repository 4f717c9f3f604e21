// The matches on what conntrack knows, as the kernel keeps them. For xt_match_info.cc alone.
#pragma once

#include "language/xt_info_reader.h"

namespace quay::xt {

Options conntrack_options(std::string_view bytes, std::uint32_t revision, Family family);
Options state_options(std::string_view bytes, std::uint32_t revision, Family family);

}  // namespace quay::xt
