#include "host/nft_dump.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include "language/nft_messages.h"

namespace quay {
namespace {

constexpr int kTries = 20;  // against somebody who keeps changing the ruleset

Error kernel_error(int number) {
  return {"kernel", std::generic_category().message(number)};
}

}  // namespace

// A request; names are left out when they are empty.
struct NftDump::Question {
  std::uint16_t type = 0;  // NFT_MSG_GET*
  std::uint8_t family = NFPROTO_UNSPEC;
  bool dump = true;
  int table_attribute = 0;
  std::string table;
  int set_attribute = 0;
  std::string set;
};

NftDump::NftDump() : socket_(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC)) {
  if (socket_ != nullptr)
    mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID);
}

NftDump::~NftDump() {
  if (socket_ != nullptr)
    mnl_socket_close(socket_);
}

Result<void> NftDump::send(const Question& question) {
  if (socket_ == nullptr)
    return fail(kernel_error(ENOTCONN));
  alignas(nlmsghdr) std::array<char, 1024> request{};
  nlmsghdr* message = mnl_nlmsg_put_header(request.data());
  message->nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8) | question.type;
  message->nlmsg_seq = ++question_;
  message->nlmsg_flags =
      static_cast<std::uint16_t>(NLM_F_REQUEST | (question.dump ? NLM_F_DUMP : NLM_F_ACK));
  auto* header = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
  header->nfgen_family = question.family;
  header->version = NFNETLINK_V0;
  if (!question.table.empty())
    mnl_attr_put_strz(message, static_cast<std::uint16_t>(question.table_attribute),
                      question.table.c_str());
  if (!question.set.empty())
    mnl_attr_put_strz(message, static_cast<std::uint16_t>(question.set_attribute),
                      question.set.c_str());
  if (mnl_socket_sendto(socket_, message, message->nlmsg_len) < 0)
    return fail(kernel_error(errno));
  return {};
}

namespace {

// Takes the messages of one packet from the kernel. Returns the error that ends the answer, 0 where
// it ends well, nullopt while there is more to come.
std::optional<int> take(std::string_view packet, std::uint32_t question, std::string& answer,
                        bool& interrupted) {
  const auto* part = reinterpret_cast<const nlmsghdr*>(packet.data());
  int rest = static_cast<int>(packet.size());
  for (; mnl_nlmsg_ok(part, rest); part = mnl_nlmsg_next(part, &rest)) {
    // What is left of an answer that was given up.
    if (part->nlmsg_seq != question)
      continue;
    interrupted = interrupted || (part->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    // Both begin with the error: a dump may fail on its way, too.
    if (part->nlmsg_type == NLMSG_DONE || part->nlmsg_type == NLMSG_ERROR) {
      int error = 0;
      if (mnl_nlmsg_get_payload_len(part) >= sizeof error)
        std::memcpy(&error, mnl_nlmsg_get_payload(part), sizeof error);
      return -error;
    }
    answer.append(reinterpret_cast<const char*>(part), part->nlmsg_len);
    answer.resize(NLMSG_ALIGN(answer.size()));
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<std::string>> NftDump::ask(const Question& question) {
  if (auto sent = send(question); !sent)
    return fail(sent.error());
  std::string answer;
  alignas(nlmsghdr) std::array<char, 65536> buffer{};
  for (std::optional<int> error; !error;) {
    const ssize_t size = mnl_socket_recvfrom(socket_, buffer.data(), buffer.size());
    if (size < 0 && errno != EINTR)
      return fail(kernel_error(errno));
    if (size > 0)
      error =
          take({buffer.data(), static_cast<std::size_t>(size)}, question_, answer, interrupted_);
    if (error == ENOENT)
      return std::nullopt;
    if (error && *error != 0)
      return fail(kernel_error(*error));
  }
  return answer;
}

Result<std::string> NftDump::generation() {
  const auto answer = ask({.type = NFT_MSG_GETGEN, .dump = false});
  if (!answer)
    return fail(answer.error());
  const std::string message = answer->value_or("");
  if (message.size() < sizeof(nlmsghdr))
    return fail(Error{"kernel", "does not tell the generation of its ruleset"});
  // The message's own number changes with every question.
  return message.substr(sizeof(nlmsghdr));
}

Result<std::optional<nft::Table>> NftDump::read(std::uint8_t family, const std::string& name) {
  nft::Table table{.family = family, .name = name};
  const auto add = [&](const Question& question) -> Result<bool> {
    const auto answer = ask(question);
    if (!answer)
      return fail(answer.error());
    if (*answer && !read_nft_messages(**answer, table))
      return fail(Error{"kernel", "sends what is not understood"});
    return answer->has_value();
  };
  const auto there = add({NFT_MSG_GETTABLE, family, false, NFTA_TABLE_NAME, name});
  if (!there)
    return fail(there.error());
  if (!*there)
    return std::nullopt;
  for (const Question& question : {Question{NFT_MSG_GETCHAIN, family, true},
                                   Question{NFT_MSG_GETSET, family, true, NFTA_SET_TABLE, name},
                                   Question{NFT_MSG_GETOBJ, family, true, NFTA_OBJ_TABLE, name},
                                   Question{NFT_MSG_GETRULE, family, true, NFTA_RULE_TABLE, name}})
    if (const auto done = add(question); !done)
      return fail(done.error());
  for (std::size_t i = 0; i < table.sets.size(); ++i) {
    if ((table.sets[i].flags & NFT_SET_EVAL) != 0)
      continue;
    const auto done = add({NFT_MSG_GETSETELEM, family, true, NFTA_SET_ELEM_LIST_TABLE, name,
                           NFTA_SET_ELEM_LIST_SET, table.sets[i].name});
    if (!done)
      return fail(done.error());
  }
  return table;
}

Result<nft::Ruleset> NftDump::read_all() {
  nft::Ruleset ruleset;
  NftMessages messages(ruleset);
  const auto add = [&](const Question& question) -> Result<void> {
    const auto answer = ask(question);
    if (!answer)
      return fail(answer.error());
    if (*answer && !messages.read(**answer))
      return fail(Error{"kernel", "sends what is not understood"});
    return {};
  };
  for (const std::uint16_t type : {NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN, NFT_MSG_GETSET,
                                   NFT_MSG_GETOBJ, NFT_MSG_GETFLOWTABLE, NFT_MSG_GETRULE})
    if (const auto done = add({.type = type}); !done)
      return fail(done.error());
  for (std::size_t i = 0; i < ruleset.tables.size(); ++i)
    for (std::size_t j = 0; j < ruleset.tables[i].sets.size(); ++j) {
      const nft::Table& table = ruleset.tables[i];
      const nft::Set& set = table.sets[j];
      if ((set.flags & NFT_SET_EVAL) != 0)
        continue;
      const auto done = add({NFT_MSG_GETSETELEM, table.family, true, NFTA_SET_ELEM_LIST_TABLE,
                             table.name, NFTA_SET_ELEM_LIST_SET, set.name});
      if (!done)
        return fail(done.error());
    }
  return ruleset;
}

template <typename Read>
auto NftDump::unchanged(const Read& read) -> decltype(read()) {
  for (int i = 0; i < kTries; ++i) {
    interrupted_ = false;
    const auto before = generation();
    if (!before)
      return fail(before.error());
    auto found = read();
    if (!found)
      return found;
    const auto after = generation();
    if (!after)
      return fail(after.error());
    if (!interrupted_ && *before == *after)
      return found;
  }
  return fail(Error{"kernel", "somebody keeps changing the ruleset while it is read"});
}

Result<std::optional<nft::Table>> NftDump::table(std::uint8_t family, const std::string& name) {
  return unchanged([&] { return read(family, name); });
}

Result<nft::Ruleset> NftDump::ruleset() {
  return unchanged([this] { return read_all(); });
}

}  // namespace quay
