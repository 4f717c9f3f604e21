// The match `time` (xt_time.c). Times are UTC unless the rule says otherwise.
//
// iptables' default of --datestop, the end of 32-bit time in January 2038, is taken for no end.
#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>

#include <fmt/format.h>

#include "base/text.h"
#include "language/masked_numbers.h"
#include "language/xt_match.h"

namespace quay::xt {

using filter::Number;
using filter::Numbers;

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;  // in nanoseconds
constexpr std::uint64_t kLastDate = 0x7fffffff;   // iptables' default of --datestop
constexpr std::uint64_t kLastSecond = 24 * 60 * 60 - 1;

constexpr std::array<std::uint64_t, 3> kMost{23, 59, 59};

// "hh:mm" or "hh:mm:ss", also cut short after the hour: seconds of the day.
std::optional<std::uint64_t> parse_time(std::string_view text) {
  const auto parts = split(text, ':');
  if (parts.empty() || parts.size() > 3)
    return std::nullopt;
  std::uint64_t seconds = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto number = i < parts.size() ? parse_number(parts[i], kMost.at(i)) : 0;
    if (!number)
      return std::nullopt;
    seconds = seconds * 60 + *number;
  }
  return seconds;
}

// "YYYY[-MM[-DD[Thh[:mm[:ss]]]]]": seconds since 1970.
std::optional<std::uint64_t> parse_date(std::string_view text) {
  const std::size_t t = text.find('T');
  const auto parts = split(text.substr(0, t), '-');
  const auto time = t == std::string_view::npos ? 0 : parse_time(text.substr(t + 1));
  const auto year = parse_number(parts[0], 2038);
  const auto month = parts.size() > 1 ? parse_number(parts[1], 12) : 1;
  const auto day = parts.size() > 2 ? parse_number(parts[2], 31) : 1;
  if (parts.size() > 3 || (t != std::string_view::npos && parts.size() != 3) || !time || !year ||
      !month || !day || *year < 1970)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok())
    return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return static_cast<std::uint64_t>(days) * (kLastSecond + 1) + *time;
}

constexpr std::array<std::string_view, 7> kDays{"sunday",   "monday", "tuesday", "wednesday",
                                                "thursday", "friday", "saturday"};

// "Mon,Tue" or "1,2": the numbers of nft, 0 is Sunday.
Read<Numbers> read_weekdays(std::string_view text) {
  std::vector<Interval<Number>> days;
  for (const std::string_view word : split(text, ',')) {
    auto number = parse_number(word, 7);
    for (std::size_t day = 0; day < kDays.size() && word.size() >= 2; ++day)
      if (word.size() <= kDays.at(day).size() &&
          std::ranges::equal(word, kDays.at(day).substr(0, word.size()),
                             [](unsigned char a, unsigned char b) { return std::tolower(a) == b; }))
        number = day;
    if (!number)
      return refuse(fmt::format("`{}` is not a day of the week", word));
    days.push_back({*number % 7, *number % 7});
  }
  return Numbers(std::move(days));
}

// The value of an option, or what it is by default.
template <typename Parse>
std::optional<std::uint64_t> value_of(const Module& match, std::string_view name, Parse parse,
                                      std::uint64_t otherwise) {
  const Option* option = find(match.options, name);
  return option == nullptr ? std::optional(otherwise) : parse(option->values[0]);
}

}  // namespace

Read<Meaning> time_match(const Module& match, const Context&) {
  for (const char* name : {"kerneltz", "localtz", "monthdays", "contiguous"})
    if (find(match.options, name) != nullptr)
      return opaque(fmt::format("--{}", name));
  const auto first = value_of(match, "timestart", parse_time, 0);
  const auto last = value_of(match, "timestop", parse_time, kLastSecond);
  const auto from = value_of(match, "datestart", parse_date, 0);
  const auto to = value_of(match, "datestop", parse_date, kLastDate);
  if (!first || !last || !from || !to)
    return refuse("times are written hh:mm[:ss], dates YYYY[-MM[-DD[Thh[:mm[:ss]]]]]");
  Meaning meaning;
  const auto add = [&](const char* name, int bits, Numbers numbers) {
    meaning.conditions.push_back(is(other_field(name, bits), std::move(numbers)));
  };
  if (*from != 0 || *to != kLastDate)
    add("meta time", 64,
        *from > *to ? Numbers{}
                    : Numbers({{Number{*from} * kSecond, Number{*to} * kSecond + kSecond - 1}}));
  if (*first > *last)  // over midnight
    add("meta hour", 32, Numbers({{0, *last}, {*first, kLastSecond}}));
  else if (*first != *last && (*first != 0 || *last != kLastSecond))
    add("meta hour", 32, Numbers({{*first, *last}}));
  if (const Option* weekdays = find(match.options, "weekdays")) {
    auto days = read_weekdays(weekdays->values[0]);
    if (!days)
      return std::unexpected(days.error());
    add("meta day", 8, weekdays->inverted ? Numbers::up_to(6).subtract(*days) : *std::move(days));
  }
  return meaning;
}

}  // namespace quay::xt
