#include "model/user_rule.h"

namespace quay {

bool UserRule::same_rule(const UserRule& other) const {
  UserRule with_my_comment = other;
  with_my_comment.comment = comment;
  return *this == with_my_comment;
}

}  // namespace quay
