#include "cli/analyze.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "api/filter_json.h"
#include "app/filter_files.h"
#include "app/inventory.h"
#include "base/text.h"
#include "policy/filter_analysis.h"
#include "policy/filter_comparison.h"
#include "policy/vocabulary.h"

namespace quay {
namespace {

// Nullopt after telling what is wrong.
std::optional<filter::Ruleset> load(const Context& context, const std::string& path) {
  Parsed<filter::Ruleset> loaded = load_filter(context.files, path);
  for (const Error& error : loaded.errors)
    context.err << "quaymaster: " << error.text() << '\n';
  return loaded.ok() ? std::optional(std::move(loaded.value)) : std::nullopt;
}

bool halves(const filter::Ruleset& a, const filter::Ruleset& b) {
  return filter::is_about(a, Family::V4) != filter::is_about(b, Family::V4) &&
         filter::is_about(a, Family::V6) != filter::is_about(b, Family::V6);
}

std::string heading(const Exposure& exposure) {
  const std::string names = join(exposure.interfaces, ", ");
  switch (exposure.direction) {
    case Direction::In:
      return "Open from " + names;
    case Direction::Out:
      return "Sent to " + names;
    case Direction::Forward:
      break;
  }
  return "Routed from " + names;
}

void print(const Context& context, const Exposure& exposure) {
  context.out << context.style.paint(heading(exposure), Colour::Bold) << '\n';
  for (const std::string& packets : exposure.accepted)
    context.out << "  " << packets << '\n';
  for (const std::string& packets : exposure.maybe)
    context.out << "  " << context.style.paint("perhaps ", Colour::Yellow) << packets << '\n';
  if (exposure.accepted.empty() && exposure.maybe.empty())
    context.out << "  nothing\n";
}

void print(const Context& context, const std::string& title, const std::string& remark,
           const std::vector<FilterFinding>& findings) {
  if (findings.empty())
    return;
  context.out << context.style.paint(fmt::format("{} ({})", title, findings.size()), Colour::Bold)
              << remark << '\n';
  for (const FilterFinding& finding : findings) {
    context.out << "  " << finding.place;
    if (!finding.text.empty())
      context.out << ": " << finding.text;
    context.out << '\n';
    if (!finding.by.empty())
      context.out << "    behind " << join(finding.by, ", ") << '\n';
  }
}

void print(const Context& context, const std::string& title,
           const std::vector<std::string>& lines) {
  if (lines.empty())
    return;
  context.out << context.style.paint(fmt::format("{} ({})", title, lines.size()), Colour::Bold)
              << '\n';
  for (const std::string& line : lines)
    context.out << "  " << line << '\n';
}

int show(const Context& context, const filter::Ruleset& ruleset, const Vocabulary& names) {
  const FilterAnalysis analysis = analyze(ruleset, names);
  const bool flaws =
      !analysis.dead.empty() || !analysis.redundant.empty() || !analysis.spoofing.empty();
  const int status = analysis.too_large ? kFailed : flaws ? kReport : kDone;
  if (context.json) {
    context.out << boost::json::serialize(to_json(analysis)) << '\n';
    return status;
  }
  if (analysis.too_large)
    context.out << "These rules are too many, and too much alike, to say what they let through\n";
  for (const Exposure& exposure : analysis.exposures)
    print(context, exposure);
  print(context, "Decide nothing", "", analysis.dead);
  print(context, "Change nothing", ": without one of them its packets fare the same",
        analysis.redundant);
  print(context, "Spoofed sources accepted", "", analysis.spoofing);
  print(context, "Not understood", analysis.unknown);
  print(context, "Outside the model", analysis.outside);
  context.out << fmt::format("{} rules, {} of them understood in full\n", analysis.rules,
                             analysis.exact);
  if (!analysis.untold.none())
    context.out << fmt::format("And {}; --json has no more either\n", to_text(analysis.untold));
  context.out << "About: " << proof_scope() << '\n';
  return status;
}

int show_differences(const Context& context, const filter::Ruleset& first,
                     const filter::Ruleset& second, const Vocabulary& names) {
  const Differences found = compare(first, second, names);
  const int status = found.too_large ? kFailed : found.equal() ? kDone : kReport;
  if (context.json) {
    context.out << boost::json::serialize(to_json(found)) << '\n';
    return status;
  }
  for (const Difference& difference : found.lines)
    context.out << fmt::format("{} {}{}: the first {}, the second {}\n    for example {}\n",
                               to_text(difference.direction), difference.packets,
                               difference.certain ? "" : " (perhaps)", difference.first,
                               difference.second, difference.example);
  for (const Difference& difference : found.undecided)
    context.out << fmt::format("{} {}: neither tells; the first {}, the second {}\n",
                               to_text(difference.direction), difference.packets, difference.first,
                               difference.second);
  if (found.too_large)
    context.out << "These rules are too many, and too much alike, to be compared\n";
  else if (!found.untold.none())
    context.out << fmt::format("And {} of packets that differ\n", to_text(found.untold));
  if (status == kDone)
    context.out << (found.unknown.empty()
                        ? "Every packet fares the same under both.\n"
                        : "Every packet fares the same under both, provided that what is not "
                          "understood answers alike in both.\n");
  print(context, "Not understood", found.unknown);
  print(context, "Outside the model", found.outside);
  context.out << "Compared: " << comparison_scope() << '\n';
  return status;
}

}  // namespace

int analyze_filters(const Context& context, const std::vector<std::string>& paths,
                    const std::function<Result<filter::Ruleset>()>& live) {
  std::vector<filter::Ruleset> rulesets;
  for (const std::string& path : paths) {
    std::optional<filter::Ruleset> loaded = load(context, path);
    if (!loaded)
      return kFailed;
    rulesets.push_back(*std::move(loaded));
  }
  if (live) {
    Result<filter::Ruleset> kernel = live();
    if (!kernel) {
      context.err << "quaymaster: " << kernel.error().text() << '\n';
      return kFailed;
    }
    rulesets.push_back(*std::move(kernel));
  }
  const Catalogue catalogue = load_catalogue(context.files, context.catalogue).value;
  const Vocabulary names = vocabulary({}, catalogue);
  if (rulesets.size() == 1)
    return show(context, rulesets.front(), names);
  if (!live && halves(rulesets.front(), rulesets.back()))
    return show(context, join(std::move(rulesets.front()), std::move(rulesets.back())), names);
  return show_differences(context, rulesets.front(), rulesets.back(), names);
}

}  // namespace quay
