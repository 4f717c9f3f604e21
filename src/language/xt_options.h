// Which options the matches and targets of iptables have, and how many words follow each.
//
// The facts are iptables-extensions(8) and iptables 1.8.9's own behaviour; some older options that
// dumps still have are added.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quay::xt {

enum class Part : std::uint8_t { Match, Target };

struct OptionForm {
  std::string_view name;       // as written, without dashes: "source-port"
  std::string_view canonical;  // "sport"
  int values = 0;              // how many words follow
};

// The options of a match or target; nullopt when there is none of that name.
std::optional<std::vector<OptionForm>> options_of(Part part, std::string_view name);

// The options of every rule: "source", "jump", ...
const std::vector<OptionForm>& common_options();

// The match that `-p` brings along when one of its options is asked for: "tcp" for 6. Nullopt for
// protocols that have none.
std::optional<std::string_view> match_of(std::uint8_t protocol);

}  // namespace quay::xt
