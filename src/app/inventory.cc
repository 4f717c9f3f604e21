#include "app/inventory.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "language/catalogue_file.h"
#include "language/policy_file.h"

namespace quay {
namespace {

// Reads every file of a folder into `values`; later folders override by id.
template <typename Value, typename Parse>
void load_folder(Files& files, const std::string& folder, Parse parse,
                 std::map<std::string, Value, std::less<>>& values, std::vector<Error>& errors) {
  for (const std::string& name : files.list(folder, ".toml")) {
    const std::string path = fmt::format("{}/{}", folder, name);
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

// A profile speaks of services and functions that exist; a typing error would force nothing off.
void check_profile(const Profile& profile, const Catalogue& catalogue, std::vector<Error>& errors) {
  const std::string place = "profile " + profile.id;
  for (const std::string& name : profile.forces_off) {
    const std::size_t dot = name.find('.');
    const Service* service = catalogue.service(name.substr(0, dot));
    if (dot == std::string::npos || service == nullptr ||
        service->function(name.substr(dot + 1)) == nullptr)
      errors.push_back({place, "forces_off: there is no function `" + name + "`"});
  }
  for (const std::string& name : profile.closes)
    if (catalogue.service(name) == nullptr)
      errors.push_back({place, "closes: there is no service `" + name + "`"});
}

}  // namespace

Parsed<Catalogue> load_catalogue(Files& files, const CatalogueFolders& folders) {
  Parsed<Catalogue> loaded;
  for (const std::string& folder : folders) {
    load_folder(files, folder + "/services", parse_service, loaded.value.services, loaded.errors);
    load_folder(files, folder + "/profiles", parse_profile, loaded.value.profiles, loaded.errors);
  }
  for (const auto& [id, profile] : loaded.value.profiles)
    check_profile(profile, loaded.value, loaded.errors);
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
