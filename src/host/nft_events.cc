#include "host/nft_events.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "language/nft_program.h"

namespace quay {
namespace {

std::string family_name(std::uint8_t number) {
  const auto family = nft_table_family(number);
  return family ? filter::to_text(*family) : "family " + std::to_string(number);
}

std::string text_attribute(const nlmsghdr* message, std::uint16_t type) {
  struct Found {
    std::uint16_t type;
    std::string text;
  } found{type, {}};
  const auto look_at = [](const nlattr* attribute, void* data) {
    auto& wanted = *static_cast<Found*>(data);
    if (mnl_attr_get_type(attribute) == wanted.type &&
        mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
      wanted.text = mnl_attr_get_str(attribute);
    return MNL_CB_OK;
  };
  static_cast<void>(mnl_attr_parse(message, sizeof(nfgenmsg), look_at, &found));
  return found.text;
}

std::string printable(std::string text) {
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

// Every message about a table, or about something in one, names the table in attribute 1
// (linux/netfilter/nf_tables.h: NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, ...); the
// message of the new generation ends a transaction and names the process.
void take(const nlmsghdr* message, std::set<std::string>& begun, NftChanges& changes) {
  if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
      mnl_nlmsg_get_payload_len(message) < sizeof(nfgenmsg))
    return;
  if (NFNL_MSG_TYPE(message->nlmsg_type) != NFT_MSG_NEWGEN) {
    const auto* header = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(message));
    begun.insert(printable(family_name(header->nfgen_family) + " " +
                           text_attribute(message, NFTA_TABLE_NAME)));
    return;
  }
  const std::string process = printable(text_attribute(message, NFTA_GEN_PROC_NAME));
  for (const std::string& table : std::exchange(begun, {}))
    changes.add(table, process);
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

NftEvents::NftEvents(NftEvents&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), begun_(std::move(other.begun_)) {}

NftEvents::~NftEvents() {
  if (fd_ >= 0)
    close(fd_);
}

NftChanges NftEvents::drain() {
  NftChanges changes;
  alignas(nlmsghdr) std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t size = recv(fd_, buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0 && errno == ENOBUFS) {  // the kernel had more to say than we took
      changes.lost = true;
      continue;
    }
    if (size <= 0)
      break;
    const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
    int rest = static_cast<int>(size);
    for (; mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest))
      take(message, begun_, changes);
  }
  // The kernel tells of a gap before it tells what came before it: whose changes are on either side
  // of it is not known.
  if (changes.lost) {
    for (const std::string& table : std::exchange(begun_, {}))
      changes.add(table, "");
    for (auto& [table, process] : changes.tables)
      process.clear();
  }
  return changes;
}

}  // namespace quay
