// The attributes of one netlink object. Each is asked for once; what nobody asked for is unknown.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/container/small_vector.hpp>
#include <endian.h>
#include <fmt/format.h>
#include <linux/netlink.h>

#include "model/ruleset.h"

namespace quay {

class NftAttributes {
 public:
  // Bytes that are no attributes are a fault, which rest() tells.
  explicit NftAttributes(std::string_view bytes) {
    while (bytes.size() >= sizeof(nlattr)) {
      nlattr header{};
      std::memcpy(&header, bytes.data(), sizeof header);
      if (header.nla_len < sizeof header || header.nla_len > bytes.size())
        break;
      values_.push_back({header.nla_type & NLA_TYPE_MASK,
                         bytes.substr(sizeof header, header.nla_len - sizeof header)});
      bytes.remove_prefix(std::min<std::size_t>(NLA_ALIGN(header.nla_len), bytes.size()));
    }
    if (!bytes.empty())
      fault_ = "bytes that are no attribute";
  }

  std::optional<std::string_view> bytes(int type) {
    const auto found = std::ranges::find(values_, type, &Value::type);
    if (found == values_.end())
      return std::nullopt;
    const std::string_view value = found->value;
    values_.erase(found);
    return value;
  }
  // Numbers are in the network's byte order. One of another size is a fault.
  template <typename Number>
  std::optional<Number> number(int type) {
    const auto value = bytes(type);
    if (!value)
      return std::nullopt;
    if (value->size() != sizeof(Number)) {
      fault_ = fmt::format("attribute {} of {} bytes", type, value->size());
      return std::nullopt;
    }
    Number big_endian = 0;
    value->copy(reinterpret_cast<char*>(&big_endian), sizeof big_endian);
    if constexpr (sizeof(Number) == 8)
      return be64toh(big_endian);
    if constexpr (sizeof(Number) == 4)
      return be32toh(big_endian);
    if constexpr (sizeof(Number) == 2)
      return be16toh(big_endian);
    return big_endian;
  }
  std::optional<std::uint32_t> word(int type) { return number<std::uint32_t>(type); }
  // A text that ends with a zero byte; empty when there is none.
  std::string text(int type) {
    std::string_view value = bytes(type).value_or(std::string_view());
    value = value.substr(0, value.find('\0'));
    return std::string(value);
  }
  // The first 32-bit word of a register. The verdict, and what is no register, is a fault.
  std::optional<nft::Register> reg(int type) {
    const auto number = word(type);
    const auto first = nft_register(number);
    if (number && !first)
      fault_ = fmt::format("register {}", *number);
    return first;
  }
  // nullopt for the verdict, and when there is no such register.
  static std::optional<nft::Register> nft_register(std::optional<std::uint32_t> number);

  // Every attribute of that type, in order.
  std::vector<std::string_view> all(int type) {
    std::vector<std::string_view> found;
    found.reserve(values_.size());
    for (const Value& value : values_)
      if (value.type == type)
        found.push_back(value.value);
    ignore({type});
    return found;
  }
  // What does not change what packets meet: handles, counts, padding.
  void ignore(std::initializer_list<int> types) {
    const auto [first, last] = std::ranges::remove_if(values_, [&](const Value& value) {
      return std::ranges::find(types, value.type) != types.end();
    });
    values_.erase(first, last);
  }
  // nullopt when all was read; else what was not.
  std::optional<std::string> rest() const {
    if (!fault_.empty())
      return fault_;
    if (!values_.empty())
      return fmt::format("attribute {}", values_.front().type);
    return std::nullopt;
  }

 private:
  struct Value {
    int type = 0;
    std::string_view value;
  };
  boost::container::small_vector<Value, 12> values_;
  std::string fault_;
};

}  // namespace quay
