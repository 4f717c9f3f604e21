#include "app/inventory.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "language/catalogue_file.h"
#include "language/policy_file.h"

namespace quay {
namespace {

// Reads every file of a folder into `values`; later folders override by id.
template <typename Value, typename Parse>
void load_folder(Files& files, const std::string& folder, Parse parse,
                 std::map<std::string, Value, std::less<>>& values, std::vector<Error>& errors) {
  for (const std::string& name : files.list(folder, ".toml")) {
    const std::string path = folder + "/" + name;
    const auto text = files.read(path);
    if (!text) {
      errors.push_back(text.error());
      continue;
    }
    Parsed<Value> parsed = parse(*text, path);
    if (parsed.ok())
      values.insert_or_assign(parsed.value.id, std::move(parsed.value));
    std::move(parsed.errors.begin(), parsed.errors.end(), std::back_inserter(errors));
  }
}

}  // namespace

Parsed<Catalogue> load_catalogue(Files& files, const CatalogueFolders& folders) {
  Parsed<Catalogue> loaded;
  for (const std::string& folder : folders) {
    load_folder(files, folder + "/services", parse_service, loaded.value.services, loaded.errors);
    load_folder(files, folder + "/profiles", parse_profile, loaded.value.profiles, loaded.errors);
  }
  if (loaded.value.profiles.empty())
    loaded.errors.push_back({folders.empty() ? "" : folders.front() + "/profiles",
                             "there is no profile; is this the folder of a catalogue?"});
  return loaded;
}

PortNames load_port_names(Files& files) {
  const auto text = files.read("/etc/services");
  return text ? parse_port_names(*text) : PortNames{};
}

Parsed<Policy> load_policy(Files& files, const std::string& path, const Catalogue& catalogue) {
  const auto text = files.read(path);
  if (!text)
    return {{}, {text.error()}};
  return parse_policy(*text, path, catalogue, load_port_names(files));
}

}  // namespace quay
