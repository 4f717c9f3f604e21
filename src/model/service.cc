#include "model/service.h"

#include <algorithm>

namespace quay {

const Function* Service::function(std::string_view name) const {
  const auto found = std::find_if(functions.begin(), functions.end(),
                                  [&](const Function& f) { return f.id == name; });
  return found == functions.end() ? nullptr : &*found;
}

const Service* Catalogue::service(std::string_view id) const {
  const auto found = services.find(id);
  return found == services.end() ? nullptr : &found->second;
}

std::vector<std::string> Catalogue::service_ids() const {
  std::vector<std::string> ids;
  ids.reserve(services.size());
  for (const auto& [id, service] : services)
    ids.push_back(id);
  return ids;
}

std::string to_text(Scope scope) {
  return scope == Scope::External ? "external" : "internal";
}

}  // namespace quay
