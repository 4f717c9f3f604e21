// The verbs that ask the daemon.
#pragma once

#include <functional>
#include <istream>
#include <string>

#include <boost/json/object.hpp>

#include "api/request.h"
#include "base/result.h"
#include "cli/commands.h"

namespace quay {

// A question to the daemon: method, target, body.
using Ask =
    std::function<Result<ApiResponse>(const std::string&, const std::string&, const std::string&)>;

struct LiveContext {
  const Context& base;
  Ask ask;
  std::istream& in;  // where answers to (y|n) come from
};

// Each prints what it was asked for, tells what is wrong on `err`, and returns an exit status.
int show_status(const LiveContext& context, bool with_numbers);
int show_profile(const LiveContext& context);
// Whether the kernel does what the policy says; kReport when it does not, or another table closes
// what the policy opens.
int show_proof(const LiveContext& context);
int show_interfaces(const LiveContext& context);
int show_listening(const LiveContext& context);
// The whole table of ports, or that of one scope: "external", "internal".
int show_ports(const LiveContext& context, const std::string& scope);
// All services, or one when `id` is not empty.
int show_services(const LiveContext& context, const std::string& id);

// Sends a Change (docs/openapi.yaml): first planned and shown, then done. Nothing happens after the
// plan with `plan_only`.
int make_change(const LiveContext& context, const boost::json::object& change, bool plan_only);

// Deletes a numbered rule after showing it and asking (y|n), unless `yes`.
int delete_number(const LiveContext& context, std::size_t number, bool yes);

// Words for the shell's completion, one a line: "services", "interfaces", "rules", and "positions"
// among own rules. Says nothing when the daemon does not answer.
int complete(const LiveContext& context, const std::string& what);

}  // namespace quay
