#include "language/catalogue_file.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "base/text.h"
#include "language/toml_reader.h"

namespace quay {
namespace {

// Names of chains and counters that are not a service's.
bool is_reserved(std::string_view id) {
  return id == "denied" || id == "rejected" || id == "limit" || id == "any" ||
         id.starts_with("from") || id.starts_with("own");
}

// Ids become names of nft objects, keys of TOML and words of a command line.
bool good_id(std::string_view id) {
  return !id.empty() && id.size() <= 32 && id[0] >= 'a' && id[0] <= 'z' && !is_reserved(id) &&
         id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

std::string required(TomlReader& in, std::string_view key) {
  auto value = in.text(key);
  if (value && !value->empty())
    return std::move(*value);
  if (!in.has(key) || value)
    in.fault(key, fmt::format("`{}` is missing", key));
  return {};
}

PortSet read_port_set(TomlReader& in, std::string_view key) {
  const std::string text = required(in, key);
  if (text.empty())
    return {};
  auto ports = parse_ports(text);
  if (ports)
    return *ports;
  in.fault(key, ports.error().reason);
  return {};
}

void read_choice(TomlReader& in, std::string_view key, std::optional<PortChoice>& choice) {
  in.table(key, [&](TomlReader& table) {
    choice = PortChoice{read_port_set(table, "default"), read_port_set(table, "allowed")};
    if (!choice->standard.subtract(choice->allowed).empty())
      table.fault("default", "the default is not one of the allowed ports");
  });
}

std::vector<Protocol> read_protocols(TomlReader& in) {
  const std::string text = required(in, "protocol");
  if (text == "tcp")
    return {Protocol::Tcp};
  if (text == "udp")
    return {Protocol::Udp};
  if (text == "tcp+udp")
    return {Protocol::Tcp, Protocol::Udp};
  if (!text.empty())
    in.fault("protocol", fmt::format("`{}` is not tcp, udp or tcp+udp", text));
  return {};
}

// "22", "47808-47823", or who decides: "port", "clients", "dynamic".
std::optional<Ports> read_ports(TomlReader& in, std::string_view key, bool has_port,
                                bool has_clients) {
  const auto text = in.text(key);
  if (!text)
    return std::nullopt;
  if (*text == "dynamic")
    return DynamicPort{};
  if (*text == "port") {
    if (!has_port)
      in.fault(key, "`port` is chosen here, but there is no [port] table");
    return ChosenPort{};
  }
  if (*text == "clients") {
    if (!has_clients)
      in.fault(key, "`clients` is chosen here, but there is no [clients] table");
    return ChosenClients{};
  }
  auto ports = parse_ports(*text);
  if (ports)
    return *ports;
  in.fault(key, ports.error().reason);
  return std::nullopt;
}

Scope read_scope(TomlReader& in, Scope otherwise) {
  const auto text = in.text("scope");
  if (!text || *text == to_text(otherwise))
    return otherwise;
  if (*text == "external")
    return Scope::External;
  if (*text == "internal")
    return Scope::Internal;
  in.fault("scope", fmt::format("`{}` is not external or internal", *text));
  return otherwise;
}

Endpoint read_endpoint(TomlReader& in, Scope scope, bool has_port, bool has_clients) {
  Endpoint endpoint;
  const std::string direction = required(in, "direction");
  if (direction == "out")
    endpoint.direction = Direction::Out;
  else if (direction != "in" && !direction.empty())
    in.fault("direction", fmt::format("`{}` is not in or out", direction));
  endpoint.protocols = read_protocols(in);
  endpoint.local = read_ports(in, "local", has_port, has_clients);
  endpoint.remote = read_ports(in, "remote", has_port, has_clients);
  if (!in.has("local") && !in.has("remote"))
    in.fault("local", "an endpoint has `local` or `remote` ports");
  const auto side = in.text("side");
  endpoint.server = side ? *side == "server" : endpoint.local.has_value();
  if (side && *side != "server" && *side != "client")
    in.fault("side", fmt::format("`{}` is not server or client", *side));
  endpoint.scope = read_scope(in, scope);
  endpoint.name = in.text("name").value_or("");
  endpoint.note = in.text("note").value_or("");
  return endpoint;
}

void read_endpoints(TomlReader& in, Scope scope, bool has_port, bool has_clients,
                    std::vector<Endpoint>& endpoints) {
  in.tables("endpoints", [&](TomlReader& table) {
    endpoints.push_back(read_endpoint(table, scope, has_port, has_clients));
  });
}

Function read_function(TomlReader& in, Scope scope, bool has_clients) {
  Function function;
  function.id = required(in, "id");
  if (!function.id.empty() && !good_id(function.id))
    in.fault("id",
             fmt::format("`{}` is not an id: small letters, digits and hyphens", function.id));
  function.title = required(in, "title");
  function.closing = in.text("closing").value_or("");
  read_choice(in, "port", function.port);
  read_endpoints(in, scope, function.port.has_value(), has_clients, function.endpoints);
  return function;
}

Request read_request(TomlReader& in) {
  Request request;
  request.purpose = required(in, "purpose");
  request.destinations = in.texts("destinations").value_or(std::vector<std::string>{});
  request.condition = in.text("condition").value_or("");
  const std::string by = in.text("by").value_or("gateway");
  request.from_browser = by == "browser";
  if (by != "gateway" && by != "browser")
    in.fault("by", fmt::format("`{}` is not gateway or browser", by));
  return request;
}

Switch read_switch(TomlReader& in) {
  const std::string text = in.text("switch").value_or("free");
  if (text == "always")
    return Switch::Always;
  if (text == "host")
    return Switch::Host;
  if (text != "free")
    in.fault("switch", fmt::format("`{}` is not free, always or host", text));
  return Switch::Free;
}

std::string read_id(TomlReader& in, const std::string& file) {
  const std::string id = required(in, "id");
  if (id.empty())
    return id;
  if (!good_id(id))
    in.fault("id", fmt::format("`{}` is not an id: small letters, digits and hyphens", id));
  else if (std::filesystem::path(file).stem() != id)
    in.fault("id", fmt::format("the file of `{0}` must be called {0}.toml", id));
  return id;
}

}  // namespace

Parsed<Service> parse_service(std::string_view text, const std::string& file) {
  Parsed<Service> parsed;
  read_toml(text, file, parsed.errors, [&](TomlReader& in) {
    Service& service = parsed.value;
    service.id = read_id(in, file);
    service.title = required(in, "title");
    service.description = required(in, "description");
    service.scope = read_scope(in, Scope::External);
    service.optional = in.boolean("optional").value_or(false);
    service.switching = read_switch(in);
    if (service.optional && service.switching != Switch::Free)
      in.fault("switch", "an optional service has a free switch");
    service.units = in.texts("units").value_or(std::vector<std::string>{});
    service.closing = required(in, "closing");
    service.notes = in.texts("notes").value_or(std::vector<std::string>{});
    read_choice(in, "port", service.port);
    read_choice(in, "clients", service.clients);
    read_endpoints(in, service.scope, service.port.has_value(), service.clients.has_value(),
                   service.endpoints);
    in.tables("functions", [&](TomlReader& table) {
      Function function = read_function(table, service.scope, service.clients.has_value());
      if (service.function(function.id) != nullptr)
        table.fault("id", fmt::format("there are two functions `{}`", function.id));
      service.functions.push_back(std::move(function));
    });
    in.tables("requests",
              [&](TomlReader& table) { service.requests.push_back(read_request(table)); });
  });
  return parsed;
}

Parsed<Profile> parse_profile(std::string_view text, const std::string& file) {
  Parsed<Profile> parsed;
  read_toml(text, file, parsed.errors, [&](TomlReader& in) {
    Profile& profile = parsed.value;
    profile.id = read_id(in, file);
    profile.title = required(in, "title");
    profile.description = required(in, "description");
    const std::string outgoing = required(in, "outgoing");
    profile.deny_outgoing = outgoing != "allow";
    if (outgoing != "allow" && outgoing != "deny" && !outgoing.empty())
      in.fault("outgoing", fmt::format("`{}` is not allow or deny", outgoing));
    profile.forces_off = in.texts("forces_off").value_or(std::vector<std::string>{});
    profile.closes = in.texts("closes").value_or(std::vector<std::string>{});
  });
  return parsed;
}

}  // namespace quay
