#include "host/nft_dump.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "language/nft_messages.h"

namespace quay {
namespace {

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

NftDump::NftDump() : socket_(NETLINK_NETFILTER) {}

Result<std::optional<std::string>> NftDump::ask(const Question& question) {
  alignas(nlmsghdr) std::array<char, 1024> request{};
  nlmsghdr* message = mnl_nlmsg_put_header(request.data());
  message->nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8) | question.type;
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
  auto answer = socket_.ask(*message);
  if (answer)
    return std::move(*answer);
  if (answer.error() == ENOENT)
    return std::nullopt;
  return fail(kernel_error(answer.error()));
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
  for (int i = 0; i < kDumpTries; ++i) {
    static_cast<void>(socket_.take_interrupted());
    const auto before = generation();
    if (!before)
      return fail(before.error());
    auto found = read();
    if (!found)
      return found;
    const auto after = generation();
    if (!after)
      return fail(after.error());
    if (!socket_.take_interrupted() && *before == *after)
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
