// Targets that give packets other addresses and ports: xt_nat.c, xt_MASQUERADE.c, xt_REDIRECT.c,
// xt_NETMAP.c, ip6t_NPT.c.
//
// What is not one certain value becomes unknown, never an error. Addresses take along what the
// routing tables say of them.
#pragma once

#include "language/xt_target.h"

namespace quay::xt {

Read<Outcome> dnat_target(const Module& target, const Context& context);  // and REDIRECT
Read<Outcome> snat_target(const Module& target, const Context& context);  // and MASQUERADE
Read<Outcome> netmap_target(const Module& target, const Context& context);

}  // namespace quay::xt
