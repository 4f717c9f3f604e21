#include "model/interface.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace quay {

bool InterfaceName::matches(std::string_view name) const {
  return wildcard() ? name.starts_with(std::string_view(text).substr(0, text.size() - 1))
                    : name == text;
}

Result<InterfaceName> parse_interface(std::string_view text) {
  const auto good = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' ||
           c == '@';
  };
  if (text.find(':') != std::string_view::npos)
    return fail(fmt::format("`{}` is an interface alias; rules see only the interface", text));
  const std::string_view stem = text.ends_with('+') ? text.substr(0, text.size() - 1) : text;
  if (stem.empty() || text.size() > 15 || text == "." || text == ".." ||
      !std::all_of(stem.begin(), stem.end(), good))
    return fail(fmt::format("`{}` is not the name of an interface", text));
  return InterfaceName{std::string(text)};
}

}  // namespace quay
