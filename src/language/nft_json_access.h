// Small looks into nft's JSON that never fail: what is not there, or not of the kind that is asked
// for, is empty.
#pragma once

#include <string_view>

#include <boost/json/value.hpp>

namespace quay::nft_json {

using Json = boost::json::value;

// A member of an object; nullptr when there is none, or when the value is no object.
inline const Json* member(const Json& value, std::string_view key) {
  const boost::json::object* object = value.if_object();
  return object == nullptr ? nullptr : object->if_contains(key);
}

inline std::string_view text_of(const Json* value) {
  const boost::json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

inline std::string_view text_member(const Json& value, std::string_view key) {
  return text_of(member(value, key));
}

inline bool true_member(const Json& value, std::string_view key) {
  const Json* found = member(value, key);
  return found != nullptr && found->is_bool() && found->get_bool();
}

// An object with one member, as nft writes statements and expressions: what it is, and of what.
struct Tagged {
  std::string_view tag;  // empty when it is no such object
  const Json* value = nullptr;
};

inline Tagged tagged(const Json& value) {
  const boost::json::object* object = value.if_object();
  if (object == nullptr || object->size() != 1)
    return {};
  return {object->begin()->key(), &object->begin()->value()};
}

// True when a list holds the word, or is it.
inline bool says(const Json& list, std::string_view word) {
  const boost::json::array* all = list.if_array();
  if (all == nullptr)
    return text_of(&list) == word;
  for (const Json& one : *all)
    if (text_of(&one) == word)
      return true;
  return false;
}

// An element of a set without its timeout, counter and comment.
inline const Json& bare(const Json& element) {
  const Json* wrapped = member(element, "elem");
  const Json* value = wrapped == nullptr ? nullptr : member(*wrapped, "val");
  return value == nullptr ? element : *value;
}

}  // namespace quay::nft_json
