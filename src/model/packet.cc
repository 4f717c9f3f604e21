#include "model/packet.h"

namespace quay {

std::string to_text(Direction direction) {
  switch (direction) {
    case Direction::In:
      return "in";
    case Direction::Out:
      return "out";
    case Direction::Forward:
      break;
  }
  return "forward";
}

std::string to_text(State state) {
  switch (state) {
    case State::New:
      return "new";
    case State::Established:
      return "established";
    case State::Related:
      return "related";
    case State::Invalid:
      return "invalid";
    case State::Untracked:
      break;
  }
  return "untracked";
}

}  // namespace quay
