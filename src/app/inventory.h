// Loads what every decision starts from: the catalogue and a policy, out of files.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "host/host.h"
#include "language/port_names.h"
#include "model/policy.h"
#include "model/service.h"

namespace quay {

// Folders that hold services/ and profiles/. A later one adds to those before it and overrides
// them by id.
using CatalogueFolders = std::vector<std::string>;

inline const CatalogueFolders kInstalledCatalogue{"/usr/share/quaymaster/catalogue",
                                                  "/etc/quaymaster"};

// The catalogue that can be read. `errors` names every file that was refused and why; the service
// of a refused file is missing, and a refused override leaves the one before it in force.
Parsed<Catalogue> load_catalogue(Files& files, const CatalogueFolders& folders);

// The names that rules may use for ports; empty when there is no /etc/services.
PortNames load_port_names(Files& files);

// Reads and checks a policy file against a catalogue.
Parsed<Policy> load_policy(Files& files, const std::string& path, const Catalogue& catalogue);

}  // namespace quay
