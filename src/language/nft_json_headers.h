// The fields of packet headers that nft(8) knows by name.
#pragma once

#include <optional>
#include <string_view>

#include "language/nft_json_question.h"

namespace quay::nft_json {

// {"payload": {"protocol": "tcp", "field": "dport"}}; of the raw form, ports alone.
std::optional<Question> header_question(const Json& payload, filter::TableFamily family);

// Extension headers of IPv6, options of IPv4 and TCP, chunks of SCTP: `kind` is "exthdr",
// "ip option", "tcp option" or "sctp chunk".
std::optional<Question> option_question(std::string_view kind, const Json& option,
                                        filter::TableFamily family);

// Adds the family of a packet where the table does not say it already.
void imply_family(Question& question, Family family, filter::TableFamily table);

}  // namespace quay::nft_json
