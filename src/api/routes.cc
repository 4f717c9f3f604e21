#include "api/routes.h"

#include <string_view>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "api/change_json.h"
#include "api/filter_json.h"
#include "api/json.h"
#include "app/first_policy.h"
#include "base/text.h"
#include "language/policy_file.h"
#include "policy/port_table.h"

namespace quay {
namespace {

namespace json = boost::json;

ApiResponse reply(int status, const json::value& body) {
  return {status, json::serialize(body)};
}

ApiResponse refuse(int status, std::string reason) {
  return reply(status, errors_json({Error{"", std::move(reason)}}, {}));
}

int status_of(Refusal::Kind kind) {
  switch (kind) {
    case Refusal::Kind::Invalid:
      return 422;
    case Refusal::Kind::Conflict:
      return 409;
    case Refusal::Kind::Failed:
      break;
  }
  return 500;
}

ApiResponse refuse(const Refusal& refusal) {
  return reply(status_of(refusal.kind), errors_json(refusal.errors, refusal.changed));
}

ApiResponse get_service(const Manager& manager, const std::string& id) {
  const Service* service = manager.catalogue().service(id);
  if (service == nullptr)
    return refuse(404, fmt::format("there is no service `{}`{}", id,
                                   suggestion(id, manager.catalogue().service_ids())));
  return reply(200, to_json(*service, manager));
}

ApiResponse get_services(const Manager& manager) {
  json::array services;
  for (const auto& [id, service] : manager.catalogue().services)
    services.push_back(to_json(service, manager));
  return reply(200, json::object{{"services", std::move(services)}});
}

// `/v1/listening`, `/v1/ports`, `/v1/ports/external`, `/v1/ports/internal`
ApiResponse get_sockets(const Gateway& gateway, const std::string& path) {
  auto sockets = gateway.network.sockets();
  if (!sockets)
    return refuse(500, sockets.error().text());
  gateway.units.name_owners(*sockets);
  const Manager& manager = gateway.manager;
  const Compilation in_force =
      manager.in_force().value_or(Compilation{.policy = {.enforcing = false}, .compiled = {}});
  PortTable table = port_table(manager.catalogue(), in_force.policy, std::move(*sockets));
  if (path == "/v1/listening")
    return {200, listening_text(table)};
  // Rules may be in force that stand for no policy that we have.
  if (manager.in_force() || manager.enforcement() == Enforcement::NoPolicy)
    tell_allowed(table, in_force, manager.now());
  for (const Scope scope : {Scope::External, Scope::Internal})
    if (path == "/v1/ports/" + to_text(scope))
      std::erase_if(table.lines,
                    [&](const PortLine& line) { return line.endpoint->scope != scope; });
  return reply(200, ports_json(table));
}

ApiResponse get_proof(Manager& manager) {
  const auto proof = manager.prove();
  if (!proof)
    return refuse(422, proof.error().text());
  return reply(200, to_json(*proof));
}

ApiResponse get(const Gateway& gateway, const std::string& path) {
  const Manager& manager = gateway.manager;
  if (path == "/v1/proof")
    return get_proof(gateway.manager);
  if (path == "/v1/status")
    return reply(200, status_json(manager));
  if (path == "/v1/rules")
    return reply(200, rules_json(manager));
  if (path == "/v1/openings")
    return reply(200, openings_json(manager));
  if (path == "/v1/policy")
    return reply(200, policy_json(manager));
  if (path == "/v1/services")
    return get_services(manager);
  if (path == "/v1/listening" || path == "/v1/ports" || path == "/v1/ports/external" ||
      path == "/v1/ports/internal")
    return get_sockets(gateway, path);
  constexpr std::string_view one_service = "/v1/services/";
  if (path.starts_with(one_service))
    return get_service(manager, path.substr(one_service.size()));
  return refuse(404, fmt::format("there is nothing at {}", path));
}

ApiResponse change(const Gateway& gateway, const ApiRequest& request) {
  Manager& manager = gateway.manager;
  auto wanted = parse_change(request.body, manager.rule_names(), manager.catalogue());
  if (!wanted)
    return refuse(400, wanted.error().text());
  if (!wanted->dry_run && request.role < wanted->needed)
    return refuse(403, wanted->needed == Role::Operator
                           ? "only root and the groups quaymaster-operator and quaymaster-admin "
                             "switch services and openings"
                           : "only root and the group quaymaster-admin change the policy");
  if (!wanted->first_policy.empty()) {
    auto policy =
        manager.first_policy(gateway.network.interfaces(), wanted->first_policy == "factory");
    if (!policy)
      return refuse(policy.error());
    wanted->change.edit = ReplaceEdit{std::move(*policy)};
  }
  const auto done = wanted->dry_run ? manager.plan(wanted->change) : manager.apply(wanted->change);
  if (!done)
    return refuse(done.error());
  return reply(200, to_json(*done));
}

}  // namespace

ApiResponse refusal(int status, const Error& error) {
  return reply(status, errors_json({error}, {}));
}

ApiResponse answer(const Gateway& gateway, const ApiRequest& request) {
  const std::string& path = request.target;
  if (request.role == Role::None)
    return refuse(403,
                  "only root and the groups quaymaster-viewer, quaymaster-operator and "
                  "quaymaster-admin may ask");
  if (request.method == "GET")
    return get(gateway, path);
  if (request.method == "POST" && path == "/v1/changes")
    return change(gateway, request);
  return refuse(405, fmt::format("{} is not understood at {}", request.method, path));
}

}  // namespace quay
