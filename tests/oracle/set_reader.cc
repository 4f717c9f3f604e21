#include "tests/oracle/set_reader.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

namespace quay::oracle {
namespace {

using Numbers = std::vector<std::uint32_t>;

int add_key(const nlattr* part, void* data) {
  if (mnl_attr_get_type(part) != NFTA_SET_ELEM_KEY)
    return MNL_CB_OK;
  const auto* value = static_cast<const nlattr*>(mnl_attr_get_payload(part));
  const auto* bytes = static_cast<const std::uint8_t*>(mnl_attr_get_payload(value));
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < mnl_attr_get_payload_len(value); ++i)
    number = number << 8 | bytes[i];
  static_cast<Numbers*>(data)->push_back(number);
  return MNL_CB_OK;
}

int read_element(const nlattr* element, void* data) {
  return mnl_attr_parse_nested(element, add_key, data);
}

int read_list(const nlattr* list, void* data) {
  if (mnl_attr_get_type(list) != NFTA_SET_ELEM_LIST_ELEMENTS)
    return MNL_CB_OK;
  return mnl_attr_parse_nested(list, read_element, data);
}

int read_elements(const nlmsghdr* message, void* data) {
  return mnl_attr_parse(message, sizeof(nfgenmsg), read_list, data);
}

}  // namespace

SetReader::SetReader(std::string table)
    : table_(std::move(table)), socket_(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC)) {
  if (socket_ == nullptr || mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) != 0)
    throw std::runtime_error(std::string("netlink: ") + std::strerror(errno));
}

SetReader::~SetReader() {
  mnl_socket_close(socket_);
}

std::vector<std::uint32_t> SetReader::numbers(const std::string& set) {
  std::array<char, 65536> buffer{};
  nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
  header->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  auto* family = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
  family->nfgen_family = NFPROTO_INET;
  family->version = NFNETLINK_V0;
  mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE, table_.c_str());
  mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET, set.c_str());
  const unsigned port = mnl_socket_get_portid(socket_);
  std::vector<std::uint32_t> numbers;
  ssize_t size = mnl_socket_sendto(socket_, header, header->nlmsg_len);
  for (int going = MNL_CB_OK; size > 0 && going == MNL_CB_OK;) {
    size = mnl_socket_recvfrom(socket_, buffer.data(), buffer.size());
    going = size < 0 ? MNL_CB_ERROR
                     : mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), 0, port,
                                  read_elements, &numbers);
    if (going == MNL_CB_ERROR)
      throw std::runtime_error("set " + set + ": " + std::strerror(errno));
  }
  return numbers;
}

}  // namespace quay::oracle
