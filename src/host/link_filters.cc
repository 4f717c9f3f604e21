#include "host/link_filters.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libmnl/libmnl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "host/bpf_programs.h"
#include "host/netlink_socket.h"

namespace quay {
namespace {

// One interface, as far as something may judge packets there.
struct Link {
  std::string name;
  std::string kind;          // "bridge"; empty for hardware
  std::uint32_t master = 0;  // the number of its bridge
  bool xdp = false;
  bool calls_v4 = false;  // of a bridge: IPv4 frames go through the chains of IP
  bool calls_v6 = false;
};

using Links = std::map<std::uint32_t, Link>;

// A queue of an interface that filters may stand at.
struct Queue {
  std::uint32_t interface = 0;
  std::string kind;
  std::uint32_t at = 0;  // as in tcmsg.tcm_parent of RTM_GETTFILTER
};

// libmnl's callback that hands an attribute to a `Read`.
template <typename Read>
int hand_on(const nlattr* attribute, void* read) {
  (*static_cast<const Read*>(read))(attribute);
  return MNL_CB_OK;
}

// Calls `read` with each attribute inside of one.
template <typename Read>
void each(const nlattr* nested, Read read) {
  static_cast<void>(mnl_attr_parse_nested(nested, hand_on<Read>, &read));
}

// Calls `read` with each attribute of a message behind its header.
template <typename Read>
void each(const nlmsghdr* message, std::size_t header, Read read) {
  static_cast<void>(mnl_attr_parse(message, static_cast<unsigned>(header), hand_on<Read>, &read));
}

std::string text_of(const nlattr* attribute) {
  return mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0 ? mnl_attr_get_str(attribute) : "";
}

std::uint32_t number_of(const nlattr* attribute) {
  return mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0 ? mnl_attr_get_u32(attribute) : 0;
}

bool is_set(const nlattr* attribute) {
  return mnl_attr_validate(attribute, MNL_TYPE_U8) >= 0 && mnl_attr_get_u8(attribute) != 0;
}

void read_bridge(const nlattr* attribute, Link& link) {
  const int type = mnl_attr_get_type(attribute);
  if (type == IFLA_BR_NF_CALL_IPTABLES)
    link.calls_v4 = is_set(attribute);
  if (type == IFLA_BR_NF_CALL_IP6TABLES)
    link.calls_v6 = is_set(attribute);
}

// IFLA_LINKINFO: the kind comes before what only this kind has.
void read_info(const nlattr* attribute, Link& link) {
  const int type = mnl_attr_get_type(attribute);
  if (type == IFLA_INFO_KIND)
    link.kind = text_of(attribute);
  if (type == IFLA_INFO_DATA && link.kind == "bridge")
    each(attribute, [&](const nlattr* inner) { read_bridge(inner, link); });
}

void read_link(const nlattr* attribute, Link& link) {
  const int type = mnl_attr_get_type(attribute);
  if (type == IFLA_IFNAME)
    link.name = text_of(attribute);
  if (type == IFLA_MASTER)
    link.master = number_of(attribute);
  if (type == IFLA_LINKINFO)
    each(attribute, [&](const nlattr* inner) { read_info(inner, link); });
  if (type == IFLA_XDP)
    each(attribute, [&](const nlattr* inner) {
      link.xdp = link.xdp || (mnl_attr_get_type(inner) == IFLA_XDP_ATTACHED && is_set(inner));
    });
}

// Calls `read` with each message of an answer that begins with a `Header`.
template <typename Header, typename Read>
void each_message(const std::string& answer, std::uint16_t type, const Read& read) {
  const auto* message = reinterpret_cast<const nlmsghdr*>(answer.data());
  int rest = static_cast<int>(answer.size());
  for (; mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest))
    if (message->nlmsg_type == type && mnl_nlmsg_get_payload_len(message) >= sizeof(Header))
      read(message, *static_cast<const Header*>(mnl_nlmsg_get_payload(message)));
}

// The switch of br_netfilter (ip-sysctl) that turns on what a bridge has not turned on itself.
// Without the module there is none, and nothing is on.
bool bridge_switch(const char* name) {
  std::ifstream file(fmt::format("/proc/sys/net/bridge/{}", name));
  int value = 0;
  file >> value;
  return value != 0;
}

// Kinds that hold no filters (net/sched/: those without tcf_block), and that most interfaces have.
bool without_filters(std::string_view kind) {
  constexpr std::array<std::string_view, 6> kinds{"noqueue", "pfifo_fast", "pfifo",
                                                  "bfifo",   "mq",         "fq"};
  return std::ranges::find(kinds, kind) != kinds.end();
}

// Where the filters of a queue stand; nowhere, if it has none. A queue without a number, which the
// kernel made itself, is found as the root of its interface alone.
std::vector<Queue> places_of(const Queue& queue, std::uint32_t handle, std::uint32_t parent) {
  const auto at = [&](std::uint32_t place, std::string name) {
    return Queue{queue.interface, std::move(name), place};
  };
  if (queue.kind == "clsact")
    return {at(TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), "ingress"),
            at(TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS), "egress")};
  if (queue.kind == "ingress")
    return {at(handle, queue.kind)};
  if (without_filters(queue.kind) || (handle == 0 && parent != TC_H_ROOT))
    return {};
  return {at(handle, "queue " + queue.kind)};
}

// Looks at everything once.
class LinkFilters {
 public:
  std::vector<std::string> sentences() {
    look_at_links();
    look_at_bridges();
    look_at_tcx();
    look_at_queues();
    return std::move(sentences_);
  }

 private:
  void look_at_links();
  void look_at_bridges();
  void look_at_tcx();
  void look_at_queues();
  void look_for_filters(const Queue& queue);
  // All messages of a kind; nullopt and a sentence about `what` when the kernel refuses.
  template <typename Header>
  std::optional<std::string> dump(std::uint16_t type, const Header& header, std::string_view what);
  void refused(std::string_view what, int error) {
    sentences_.push_back(fmt::format("{} could not be looked for: {}", what,
                                     std::generic_category().message(error)));
  }

  NetlinkSocket socket_{NETLINK_ROUTE};
  Links links_;
  std::vector<std::string> sentences_;
};

template <typename Header>
std::optional<std::string> LinkFilters::dump(std::uint16_t type, const Header& header,
                                             std::string_view what) {
  alignas(nlmsghdr) std::array<char, 256> request{};
  int error = EAGAIN;  // somebody keeps changing what is dumped
  for (int i = 0; i < kDumpTries; ++i) {
    nlmsghdr* question = mnl_nlmsg_put_header(request.data());
    question->nlmsg_type = type;
    question->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    std::memcpy(mnl_nlmsg_put_extra_header(question, sizeof header), &header, sizeof header);
    if (type == RTM_GETLINK)
      mnl_attr_put_u32(question, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    auto answer = socket_.ask(*question);
    if (!answer && (answer.error() == EOPNOTSUPP || answer.error() == ENODEV))
      return std::string();  // a kernel without such things, an interface that is gone
    if (answer && !socket_.take_interrupted())
      return std::move(*answer);
    error = answer ? error : answer.error();
  }
  refused(what, error);
  return std::nullopt;
}

void LinkFilters::look_at_links() {
  const auto answer = dump(RTM_GETLINK, ifinfomsg{}, "XDP programs and bridges");
  each_message<ifinfomsg>(
      answer.value_or(""), RTM_NEWLINK, [&](const nlmsghdr* message, const ifinfomsg& header) {
        Link& link = links_[static_cast<std::uint32_t>(header.ifi_index)];
        each(message, sizeof header, [&](const nlattr* attribute) { read_link(attribute, link); });
      });
  for (const auto& [index, link] : links_)
    if (link.xdp)
      sentences_.push_back(fmt::format("XDP program on {}", link.name));
}

void LinkFilters::look_at_bridges() {
  std::map<std::uint32_t, std::vector<std::string>> members;
  for (const auto& [index, link] : links_)
    members[link.master].push_back(link.name);
  const bool v4 = bridge_switch("bridge-nf-call-iptables");
  const bool v6 = bridge_switch("bridge-nf-call-ip6tables");
  for (const auto& [index, link] : links_) {
    if (link.kind != "bridge" || !members.contains(index))
      continue;
    std::vector<std::string_view> called;
    if (v4 || link.calls_v4)
      called.emplace_back("IPv4");
    if (v6 || link.calls_v6)
      called.emplace_back("IPv6");
    sentences_.push_back(fmt::format(
        "bridge {} ({}): frames between its ports {}", link.name, fmt::join(members[index], ", "),
        called.empty() ? "pass by every chain"
                       : fmt::format("of {} pass the chains of routed packets "
                                     "(br_netfilter)",
                                     fmt::join(called, " and "))));
  }
}

void LinkFilters::look_at_tcx() {
  for (const auto& [index, link] : links_)
    for (const TcxPoint point : {TcxPoint::Ingress, TcxPoint::Egress}) {
      const auto found = has_tcx_program(index, point);
      if (!found)
        return refused("tcx programs", found.error());
      if (*found)
        sentences_.push_back(fmt::format("tcx program on {} ({})", link.name,
                                         point == TcxPoint::Ingress ? "ingress" : "egress"));
    }
}

void LinkFilters::look_at_queues() {
  std::vector<Queue> places;
  const auto answer = dump(RTM_GETQDISC, tcmsg{}, "tc filters");
  each_message<tcmsg>(answer.value_or(""), RTM_NEWQDISC,
                      [&](const nlmsghdr* message, const tcmsg& header) {
                        Queue queue{.interface = static_cast<std::uint32_t>(header.tcm_ifindex)};
                        each(message, sizeof header, [&](const nlattr* attribute) {
                          if (mnl_attr_get_type(attribute) == TCA_KIND)
                            queue.kind = text_of(attribute);
                        });
                        std::ranges::move(places_of(queue, header.tcm_handle, header.tcm_parent),
                                          std::back_inserter(places));
                      });
  for (const Queue& place : places)
    look_for_filters(place);
}

void LinkFilters::look_for_filters(const Queue& queue) {
  const std::string& name = links_[queue.interface].name;
  const tcmsg header{.tcm_ifindex = static_cast<int>(queue.interface), .tcm_parent = queue.at};
  const auto answer = dump(RTM_GETTFILTER, header, fmt::format("tc filters on {}", name));
  bool found = false;
  each_message<tcmsg>(answer.value_or(""), RTM_NEWTFILTER,
                      [&](const nlmsghdr*, const tcmsg&) { found = true; });
  if (found)
    sentences_.push_back(fmt::format("tc filters on {} ({})", name, queue.kind));
}

}  // namespace

std::vector<std::string> link_filters() {
  return LinkFilters().sentences();
}

}  // namespace quay
