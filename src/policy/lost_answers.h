// Flows that begin and cannot go on: their first packet is accepted, the answer to it is not.
#pragma once

#include <vector>

#include "model/filter.h"
#include "packetset/filter_space.h"
#include "policy/filter_teller.h"

namespace quay {

struct LostAnswers {
  // `first` is what becomes of the first packet, `second` of the answer: the packet the other way,
  // established. `example` is a first packet.
  std::vector<Difference> flows;
  bool complete = true;
};

// What a space is asked that lost_answers() looks into.
std::vector<filter::Box> answer_questions(Family family);

// Incoming flows and outgoing ones with the answers of the other side, and routed ones. Of ICMP
// echoes alone are looked at: other types have no answer, or answer by another flow. Answers of TCP
// carry ACK, and maybe SYN, FIN or PSH. Flows that a rule translates are not certain: their answers
// have other addresses before they are translated back.
//
// Of the space's family; the space is made for `live` and answer_questions(), and maybe for more.
LostAnswers lost_answers(filter::FilterSpace& space, const filter::Ruleset& live,
                         const Vocabulary& names);

}  // namespace quay
