// What is known while the expressions of a rule are read, one by one. For nft_rule.cc alone.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "language/nft_fields.h"
#include "language/nft_registers.h"
#include "language/nft_rule.h"

namespace quay::nft {

// Some bytes of the registers, in parts; for each family that the packet may be of.
struct Key {
  struct Part {
    std::size_t at = 0;  // in the key, in bytes
    std::size_t bytes = 0;
    std::vector<Piece> pieces;
  };
  struct Reading {
    Family family = Family::V4;
    std::vector<Part> parts;
  };
  std::vector<Reading> readings;  // one alone when all say the same
  std::string text;
  bool unsteady = false;  // it may be another one when it is asked for again
};

class RuleState {
 public:
  RuleState(const Rule& rule, const Surroundings& around);

  const Surroundings& around() const { return around_; }

  // Of the transport header, where the rule has asked for one.
  std::optional<int> protocol() const { return protocol_; }

  // A field into a register.
  template <typename Loading>
  void load(const Loading& loading) {
    for (const Family family : families_) {
      Load load = load_of(loading, {around_.family, family, protocol_}, origins_);
      registers(family).put(loading.to, load.bits);
      need(load.needs);
    }
  }
  // A number that the model has no field for.
  void load_nothing(Register to, const std::string& what, std::size_t bytes, bool random);
  void load_constant(Register to, const Bytes& bytes);
  // False when it is not known what comes out.
  bool change(const Bitwise& bitwise);
  bool change(const Shift& shift);
  bool change(const Byteorder& order);
  // When it is one.
  std::optional<Bytes> constant(Register from, std::size_t bytes) const;

  Key key(Register from, std::span<const KeyPart> parts) const;
  // The packets whose key lies between two, in every part. nullopt: not expressible.
  std::optional<std::vector<filter::Box>> boxes(const Key& key, std::string_view first,
                                                std::string_view last) const;

  // See masked_text(); of a key that all families read alike.
  std::optional<std::string> masked_text_of(const Key& key, std::string_view bytes) const {
    return masked_text(key.readings[0].parts[0].pieces, bytes, origins_);
  }

  // The rule goes on only where a condition holds.
  void ask(filter::Test test);
  void ask(filter::Atom atom);
  // Nothing, where the table is of that family alone.
  void ask_family(Family family);
  // An atom for what is not understood, of a key.
  void ask_unknown(const Key& key, std::string text, bool inverted);
  void ask_stateful(std::string text, bool inverted = false) {
    ask(filter::Atom{.text = std::move(text), .stateful = true, .inverted = inverted});
  }

  // nullopt: to what is not known.
  void assign(filter::Field field, std::optional<filter::Number> value);
  // From so many bytes of a register: of a number as the machine keeps it, or the network.
  void assign_machine(filter::Field field, int bits, Register from);
  void assign_header(const PayloadWrite& write);

  // Conntrack leaves the packet alone, unless it has seen it (net/netfilter/nft_ct.c): packets that
  // the host sends to itself come in with the state that they went out with.
  void untrack();

  void unknown(std::string what) { unknown_.push_back(std::move(what)); }
  // Ends the rule, or that part of it.
  void decide(filter::Verdict verdict);
  void decide_unknown(std::string what);
  void decide(filter::VerdictMap map);
  // A rule of its own for packets that meet the test besides.
  void decide_where(const filter::Test& test, filter::Verdict verdict);
  bool decided() const { return decided_; }

  // What was assigned so far happens, whatever follows.
  void finish_part();
  std::vector<filter::Rule> finish();

 private:
  Registers& registers(Family family) { return registers_[family == Family::V4 ? 0 : 1]; }
  const Registers& registers(Family family) const {
    return registers_[family == Family::V4 ? 0 : 1];
  }
  void assign_one(filter::Field field, std::optional<filter::Number> value);
  void need(const std::vector<filter::Test>& needs);
  void add(filter::Condition condition);
  void learn(const filter::Test& test);
  void forget(const filter::Field& field);
  void drop_conditions_on(const filter::Field& field);
  filter::Rule part() const;

  const Surroundings& around_;
  std::string place_;
  Origins origins_;
  std::array<Registers, 2> registers_;
  std::vector<Family> families_;
  std::optional<int> protocol_;
  std::vector<filter::Condition> conditions_;
  std::vector<filter::Assign> assigns_;
  filter::Verdict verdict_;
  std::optional<filter::VerdictMap> map_;
  bool decided_ = false;
  bool confused_ = false;  // a condition is about what has since been assigned
  std::vector<std::string> unknown_;
  std::vector<filter::Rule> done_;
};

}  // namespace quay::nft
