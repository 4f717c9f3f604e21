#include "language/port_names.h"

#include <algorithm>

#include "base/text.h"

namespace quay {
namespace {

void add(PortNames& names, const std::string& name, Port port, Protocol protocol) {
  NamedPort& named = names.try_emplace(name, NamedPort{port, {}}).first->second;
  std::vector<Protocol>& known = named.protocols;
  if (named.port == port && std::find(known.begin(), known.end(), protocol) == known.end()) {
    known.push_back(protocol);
    std::sort(known.begin(), known.end());
  }
}

}  // namespace

PortNames parse_port_names(std::string_view text) {
  PortNames names;
  for (const std::string_view line : quay::split(text, '\n')) {
    auto split = split_words(line.substr(0, line.find('#')));
    if (!split || split->size() < 2)
      continue;
    std::vector<std::string>& words = *split;
    const std::size_t slash = words[1].find('/');
    const auto port = parse_number(words[1].substr(0, slash), 65535);
    if (!port || *port == 0 || slash == std::string::npos)
      continue;
    const auto protocol = parse_protocol(words[1].substr(slash + 1));
    if (!protocol || !has_ports(*protocol))
      continue;
    words.erase(words.begin() + 1);
    for (const std::string& name : words)
      add(names, name, static_cast<Port>(*port), *protocol);
  }
  return names;
}

}  // namespace quay
