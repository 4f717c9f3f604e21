#include "language/xt_rule.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace quay::xt {
namespace {

constexpr std::string_view kShort = "psdiojgmfc46";
constexpr std::string_view kShortNames[] = {
    "protocol", "source", "destination", "in-interface", "out-interface", "jump",
    "goto",     "match",  "fragment",    "set-counters", "ipv4",          "ipv6"};

bool is_short(std::string_view word) {
  return word.size() >= 2 && word[0] == '-' && kShort.find(word[1]) != std::string_view::npos;
}

bool looks_like_option(std::string_view word) {
  return word == "!" || word.starts_with("--") || is_short(word);
}

// Whose an option is: of every rule, or of the module at `place`.
struct Owner {
  const OptionForm* form = nullptr;
  Module* module = nullptr;  // nullptr: of every rule
};

class RuleReader {
 public:
  explicit RuleReader(std::span<const std::string> words) : words_(words) {}

  Result<Rule> read();

 private:
  // A module that options may belong to. Later ones come first, as in iptables.
  struct Loaded {
    Part part = Part::Match;
    std::size_t place = 0;  // in matches
    std::vector<OptionForm> forms;
  };

  Result<bool> read_option(bool inverted);
  Result<bool> read_values(Option& option, int count);
  Result<bool> take(Option option);
  Result<bool> take_strange(std::string_view name, bool inverted);
  void load(Part part, const std::string& name);
  Owner owner_of(std::string_view name);
  bool load_match_of_protocol(std::string_view name);
  Module& module_of(const Loaded& loaded) {
    return loaded.part == Part::Match ? rule_.matches[loaded.place] : *rule_.target;
  }

  std::span<const std::string> words_;
  std::size_t next_ = 0;
  Rule rule_;
  std::vector<Loaded> loaded_;
};

// The form that is meant: exactly, or the only one that begins so.
const OptionForm* match_form(const std::vector<OptionForm>& forms, std::string_view name,
                             bool exactly) {
  const OptionForm* found = nullptr;
  for (const OptionForm& form : forms) {
    if (form.name == name)
      return &form;
    if (exactly || !form.name.starts_with(name))
      continue;
    if (found != nullptr && found->canonical != form.canonical)
      return nullptr;
    found = &form;
  }
  return found;
}

// Options whose value is anybody's text, an exclamation mark among them.
bool is_prose(std::string_view name) {
  return name == "comment" || name.ends_with("-prefix");
}

Owner RuleReader::owner_of(std::string_view name) {
  for (const bool exactly : {true, false}) {
    for (auto loaded = loaded_.rbegin(); loaded != loaded_.rend(); ++loaded)
      if (const OptionForm* form = match_form(loaded->forms, name, exactly))
        return {form, &module_of(*loaded)};
    if (const OptionForm* form = match_form(common_options(), name, exactly))
      return {form, nullptr};
  }
  return {};
}

void RuleReader::load(Part part, const std::string& name) {
  Module module{name, {}, {}};
  auto forms = options_of(part, name);
  if (!forms && part == Part::Match)
    module.strange = "match " + name;
  loaded_.push_back({part, rule_.matches.size(), forms.value_or(std::vector<OptionForm>{})});
  if (part == Part::Match)
    rule_.matches.push_back(std::move(module));
  else
    rule_.target = std::move(module);
}

// `-p tcp --dport 22` is `-p tcp -m tcp --dport 22`.
bool RuleReader::load_match_of_protocol(std::string_view name) {
  const Option* protocol = find(rule_.common, "protocol");
  if (protocol == nullptr || protocol->inverted)
    return false;
  const auto number = parse_protocol(protocol->values[0]);
  const auto match = number ? match_of(*number) : std::nullopt;
  if (!match || std::ranges::find(rule_.matches, *match, &Module::name) != rule_.matches.end())
    return false;
  const auto forms = options_of(Part::Match, *match);
  if (!forms || match_form(*forms, name, false) == nullptr)
    return false;
  load(Part::Match, std::string(*match));
  return true;
}

Result<bool> RuleReader::read_values(Option& option, int count) {
  for (int i = 0; i < count; ++i) {
    if (i == 0 && next_ < words_.size() && words_[next_] == "!" && !is_prose(option.name)) {
      if (option.inverted)
        return fail(fmt::format("--{} is inverted twice", option.name));
      option.inverted = true;
      ++next_;
    }
    if (next_ == words_.size())
      return fail(fmt::format("--{} needs a value", option.name));
    option.values.push_back(words_[next_++]);
  }
  return true;
}

// An option of the rule itself.
Result<bool> RuleReader::take(Option option) {
  if (option.name == "match" || option.name == "jump" || option.name == "goto") {
    if (option.inverted)
      return fail(fmt::format("--{} cannot be inverted", option.name));
    std::string name = option.values[0];
    if (option.name == "match") {
      if (name == "icmpv6" || name == "ipv6-icmp")
        name = "icmp6";
      load(Part::Match, name);
      return true;
    }
    if (rule_.target)
      return fail("the rule has two targets");
    rule_.go_to = option.name == "goto";
    load(Part::Target, name);
    return true;
  }
  if (option.name == "set-counters")
    return true;
  if (find(rule_.common, option.name) != nullptr)
    return fail(fmt::format("--{} stands twice", option.name));
  rule_.common.push_back(std::move(option));
  return true;
}

// An option that nobody knows belongs to the match or target before it, with all that follows.
Result<bool> RuleReader::take_strange(std::string_view name, bool inverted) {
  if (loaded_.empty())
    return fail(fmt::format("unknown option --{}", name));
  Option option{std::string(name), inverted, {}};
  if (next_ < words_.size() && words_[next_] == "!") {
    option.inverted = true;
    ++next_;
  }
  while (next_ < words_.size() && !looks_like_option(words_[next_]))
    option.values.push_back(words_[next_++]);
  Module& module = module_of(loaded_.back());
  if (module.strange.empty())
    module.strange = fmt::format("option --{} of {}", name, module.name);
  module.options.push_back(std::move(option));
  return true;
}

Result<bool> RuleReader::read_option(bool inverted) {
  std::string_view word = words_[next_++];
  std::optional<std::string> attached;  // -ptcp, --dport=22
  if (word.starts_with("--") && word.size() > 2) {
    word.remove_prefix(2);
    if (const std::size_t equals = word.find('='); equals != std::string_view::npos) {
      attached = word.substr(equals + 1);
      word = word.substr(0, equals);
    }
  } else if (is_short(word)) {
    if (word.size() > 2)
      attached = word.substr(2);
    word = kShortNames[kShort.find(word[1])];
  } else {
    return fail(fmt::format("`{}` is not an option", word));
  }
  Owner owner = owner_of(word);
  if (owner.form == nullptr && load_match_of_protocol(word))
    owner = owner_of(word);
  if (owner.form == nullptr)
    return take_strange(word, inverted);
  Option option{std::string(owner.form->canonical), inverted, {}};
  int count = owner.form->values;
  if (attached) {
    if (count == 0)
      return fail(fmt::format("--{} takes no value", option.name));
    option.values.push_back(*attached);
    --count;
  }
  if (const auto read = read_values(option, count); !read)
    return read;
  if (owner.module == nullptr)
    return take(std::move(option));
  // Elements of a policy repeat theirs.
  if (owner.module->name != "policy" && find(owner.module->options, option.name) != nullptr)
    return fail(fmt::format("--{} stands twice", option.name));
  owner.module->options.push_back(std::move(option));
  return true;
}

Result<Rule> RuleReader::read() {
  while (next_ < words_.size()) {
    bool inverted = false;
    if (words_[next_] == "!") {
      inverted = true;
      if (++next_ == words_.size())
        return fail("nothing follows `!`");
    }
    if (const auto read = read_option(inverted); !read)
      return fail(read.error());
  }
  return std::move(rule_);
}

std::string quoted(const std::string& word) {
  if (!word.empty() && word.find_first_of(" \t\"\\!") == std::string::npos)
    return word;
  std::string text = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\')
      text += '\\';
    text += c;
  }
  return text + "\"";
}

}  // namespace

const Option* find(std::span<const Option> options, std::string_view name) {
  for (auto option = options.rbegin(); option != options.rend(); ++option)
    if (option->name == name)
      return &*option;
  return nullptr;
}

std::string to_text(const Option& option) {
  std::string text = fmt::format(" {}--{}", option.inverted ? "! " : "", option.name);
  for (const std::string& value : option.values)
    text += " " + quoted(value);
  return text;
}

std::string to_text(const Module& module) {
  std::string text = "xt " + module.name;
  for (const Option& option : module.options)
    text += to_text(option);
  return text;
}

std::optional<std::vector<std::string>> split_line(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool quote = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool blank = c == ' ' || c == '\t' || c == '\r';
    if (quote && c == '\\' && i + 1 < line.size()) {
      word += line[++i];
    } else if (c == '"') {
      if (quote)
        words.push_back(std::exchange(word, {}));
      quote = !quote;
    } else if (quote || !blank) {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  if (quote)
    return std::nullopt;
  if (!word.empty())
    words.push_back(std::move(word));
  return words;
}

Result<Rule> parse_rule(std::span<const std::string> words) {
  return RuleReader(words).read();
}

}  // namespace quay::xt
