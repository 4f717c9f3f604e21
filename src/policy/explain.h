// Which rule decides a packet, and why: exact answers about a rule list.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/packet_query.h"
#include "model/policy.h"
#include "model/rule.h"
#include "model/service.h"
#include "packetset/box.h"

namespace quay {

// One field of a packet and the values it must have.
struct Condition {
  std::string field;   // "interface", "source", "destination", "protocol", "source port",
                       // "destination port", "icmp type", "family"
  std::string values;  // "eth0", "192.168.1.0/24", "49152-65535"
  bool operator==(const Condition&) const = default;
};

// One rule's part in the answer.
struct Outcome {
  const Rule* rule = nullptr;         // into the rule list that was asked
  std::vector<Condition> conditions;  // what a packet of the question needs for this rule; empty
                                      // when the rule takes all that the rules before it left
  Packet example;                     // a packet of the question that this rule decides
};

struct Explanation {
  std::vector<Outcome> outcomes;        // in rule order, at least one
  std::vector<std::string> depends_on;  // fields left open on which the verdict hangs
  std::vector<std::string> hints;       // what the catalogue knows of the asked port

  // All of the question's packets have the same verdict, `outcomes[0]`'s.
  bool certain() const { return depends_on.empty(); }
};

// Accepting up to a limit is accepting: the verdict hangs on the rate, not on the packet.
Verdict basic(Verdict verdict);

// The question with the kernel's name of an interface that the policy names.
PacketQuery with_kernel_name(PacketQuery query, const Policy& policy);

// Answers for every packet that `query` describes. Interface names of the policy are understood
// beside the kernel's. Fails when no packet fits the query.
Result<Explanation> explain(const PacketQuery& query, const RuleList& rules, const Policy& policy);

// What the catalogue says of the port in the question, for people: "1883/tcp is mqtt (MQTT),
// which the policy does not enable".
std::vector<std::string> port_hints(const PacketQuery& query, const Policy& policy,
                                    const Catalogue& catalogue);

}  // namespace quay
