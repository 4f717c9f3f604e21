#include "host/nft_events.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

namespace quay {
namespace {

constexpr std::string_view kTable = "quaymaster";

// Every message about a table, or about something in one, names the table in attribute 1
// (linux/netfilter/nf_tables.h: NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, ...).
bool about_our_table(const nlmsghdr* message) {
  if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
      mnl_nlmsg_get_payload_len(message) < sizeof(nfgenmsg))
    return false;
  const int type = NFNL_MSG_TYPE(message->nlmsg_type);
  const auto* header = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(message));
  if (type == NFT_MSG_NEWGEN || header->nfgen_family != NFPROTO_INET)
    return false;
  bool ours = false;
  const auto look_at = [](const nlattr* attribute, void* found) {
    if (mnl_attr_get_type(attribute) == NFTA_TABLE_NAME &&
        mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
      *static_cast<bool*>(found) = mnl_attr_get_str(attribute) == kTable;
    return MNL_CB_OK;
  };
  static_cast<void>(mnl_attr_parse(message, sizeof(nfgenmsg), look_at, &ours));
  return ours;
}

}  // namespace

Result<NftEvents> NftEvents::open() {
  NftEvents events(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER));
  const int group = NFNLGRP_NFTABLES;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (events.fd_ < 0 ||
      bind(events.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      setsockopt(events.fd_, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
    return fail(Error{"kernel", "no nftables events: " + std::generic_category().message(errno)});
  return events;
}

NftEvents::NftEvents(NftEvents&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

NftEvents::~NftEvents() {
  if (fd_ >= 0)
    close(fd_);
}

bool NftEvents::drain() {
  bool ours = false;
  alignas(nlmsghdr) std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t size = recv(fd_, buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0 && errno == ENOBUFS) {  // the kernel had more to say than we took
      ours = true;
      continue;
    }
    if (size <= 0)
      return ours;
    const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
    int rest = static_cast<int>(size);
    for (; mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest))
      ours = ours || about_our_table(message);
  }
}

}  // namespace quay
