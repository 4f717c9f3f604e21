#include "language/iptables_save.h"

#include "language/xt_restore.h"

namespace quay {

Parsed<filter::Ruleset> parse_iptables_save(std::string_view text, const std::string& file,
                                            Family family, const PortNames& ports) {
  xt::Restore restore(family, ports);
  restore.load(text, file, false);
  return restore.take();
}

}  // namespace quay
