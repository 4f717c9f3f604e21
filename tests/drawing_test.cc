// The pictures of docs/packetset.md, drawn from diagrams as the code makes them. QUAY_UPDATE=1
// draws them anew.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "language/iptables_save.h"
#include "packetset/filter_space.h"

namespace quay::filter {
namespace {

std::string words(Kind kind, Number first, Number last) {
  if (kind == Kind::State) {
    std::vector<std::string> states;
    for (Number state = first; state <= last; ++state)
      states.push_back(to_text(static_cast<State>(static_cast<std::uint8_t>(state))));
    return join(states, ", ");
  }
  const auto one = [&](Number number) -> std::string {
    if (kind == Kind::Protocol && (number == 6 || number == 17))
      return number == 6 ? "tcp" : "udp";
    if (kind == Kind::Source)
      return to_text(Address{Family::V4, number});
    return std::to_string(static_cast<std::uint64_t>(number));
  };
  return first == last ? one(first) : one(first) + "-" + one(last);
}

std::string words(const Values& values) {
  std::vector<std::string> all = values.names;
  for (const auto& [first, last] : values.numbers.intervals())
    all.push_back(words(values.field.kind, first, last));
  return (values.but_names ? "not " : "") + join(all, ", ");
}

// A row for each level that is asked for, and one for the leaves; who is below whom is told by
// lines.
class Drawing {
 public:
  Drawing(FilterSpace& space, Diagram root, std::map<Outcomes, std::string> leaves)
      : space_(space), root_(root), leaves_(std::move(leaves)) {
    visit(root_);
  }

  std::string svg() {
    place();
    const double height = kTop + kRow * static_cast<double>(rows_.size()) - kRow + kBox + kTop;
    std::string text = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" "
        "font-family=\"sans-serif\" font-size=\"13\">\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        kWidth, height);
    std::string labels;
    for (const auto& [from, edges] : edges_)
      for (const auto& [to, label] : edges)
        line(from, to, label, text, labels);
    text += labels;
    for (const auto& [node, at] : places_)
      text += box(node, at);
    return text + "</svg>\n";
  }

 private:
  struct Place {
    double x = 0;
    double y = 0;
  };
  static constexpr double kWidth = 760;
  static constexpr double kTop = 20;
  static constexpr double kRow = 92;
  static constexpr double kBox = 28;

  void visit(Diagram node) {
    if (DiagramStore::is_constant(node)) {
      rows_[SIZE_MAX].push_back(node);
      return;
    }
    const DiagramStore::View view = space_.store().view(node);
    rows_[view.level].push_back(node);
    std::vector<std::pair<Diagram, std::vector<Interval<Value>>>> children;
    Value first = 0;
    for (std::size_t i = 0; i < view.children.size(); ++i) {
      const Interval<Value> values{first, view.last[i]};
      first = view.last[i] + 1;
      const auto known = std::ranges::find_if(
          children, [&](const auto& child) { return child.first == view.children[i]; });
      if (known == children.end())
        children.push_back({view.children[i], {values}});
      else
        known->second.push_back(values);
    }
    auto& edges = edges_[node];
    for (const auto& [child, values] : children)
      edges.emplace_back(child, label(view.level, IntervalSet<Value>(values)));
    // What takes the most words is what is left.
    if (edges.size() > 1)
      std::ranges::max_element(edges, {}, [](const auto& edge) {
        return edge.second.size();
      })->second = "else";
    for (const auto& [child, values] : children)
      if (!seen(child))
        visit(child);
  }

  bool seen(Diagram node) const {
    return std::ranges::any_of(
        rows_, [&](const auto& row) { return std::ranges::count(row.second, node) != 0; });
  }

  std::string label(std::size_t level, const IntervalSet<Value>& values) const {
    Cube cube = space_.levels().everything();
    cube.values[level] = values;
    std::vector<std::string> texts;
    for (const Values& some : space_.levels().region(cube).box)
      texts.push_back(words(some));
    return join(texts, " ");
  }

  std::string name(Diagram node) const {
    if (DiagramStore::is_constant(node))
      return leaves_.at(node);
    Cube cube = space_.levels().everything();
    cube.values[space_.store().view(node).level] = IntervalSet<Value>({{0, 0}});
    return field_name(space_.levels().region(cube).box.front().field);
  }

  void place() {
    double y = kTop;
    for (auto& [level, nodes] : rows_) {
      for (std::size_t i = 0; i < nodes.size(); ++i)
        places_[nodes[i]] = {
            kWidth * (static_cast<double>(i) + 0.5) / static_cast<double>(nodes.size()), y};
      y += kRow;
    }
  }

  double width(Diagram node) const { return 24 + 7.5 * static_cast<double>(name(node).size()); }

  std::string box(Diagram node, const Place& at) const {
    const bool leaf = DiagramStore::is_constant(node);
    return fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.0f}\" rx=\"{}\" "
        "fill=\"{}\" stroke=\"#444\"/>\n<text x=\"{:.1f}\" y=\"{:.1f}\" "
        "text-anchor=\"middle\">{}</text>\n",
        at.x - width(node) / 2, at.y, width(node), kBox, leaf ? 2 : 14,
        leaf ? "#f3e8c8" : "#dce9f5", at.x, at.y + 19, name(node));
  }

  // Straight down to what is below, and sideways to what stands at the side.
  void line(Diagram from, Diagram to, const std::string& label, std::string& lines,
            std::string& labels) const {
    const Place& a = places_.at(from);
    const Place& b = places_.at(to);
    const bool down = std::abs(a.x - b.x) < 1;
    const double side = b.x < a.x ? -1 : 1;
    const double x = down ? a.x : a.x + side * width(from) / 2;
    const double y = down ? a.y + kBox : a.y + kBox / 2;
    lines += fmt::format(
        "<path d=\"M{:.1f} {:.1f} Q{:.1f} {:.1f} {:.1f} {:.1f}\" fill=\"none\" "
        "stroke=\"#888\"/>\n",
        x, y, b.x, y, b.x, b.y);
    // On the curve, near its beginning.
    const double t = down ? 0.45 : 0.3;
    const double at_x = (1 - t) * (1 - t) * x + (1 - (1 - t) * (1 - t)) * b.x;
    const double at_y = (1 - t * t) * y + t * t * b.y;
    const double wide = 8 + 6.4 * static_cast<double>(label.size());
    const double middle = down ? y + (b.y - y) / 2 : at_y;
    labels += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"17\" fill=\"white\"/>\n"
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\" font-size=\"12\">{}</text>\n",
        at_x - wide / 2, middle - 8.5, wide, at_x, middle + 4, label);
  }

  FilterSpace& space_;
  Diagram root_;
  std::map<Outcomes, std::string> leaves_;
  std::map<std::size_t, std::vector<Diagram>> rows_;
  std::map<Diagram, std::vector<std::pair<Diagram, std::string>>> edges_;
  std::map<Diagram, Place> places_;
};

Ruleset rules(const std::string& more = "") {
  const auto parsed = parse_iptables_save(
      "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
      "-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT\n"
      "-A INPUT -i lan -p tcp --dport 22 -j ACCEPT\n"
      "-A INPUT -p tcp --dport 443 -j ACCEPT\n" +
          more + "COMMIT\n",
      "rules", Family::V4);
  EXPECT_TRUE(parsed.ok());
  return parsed.value;
}

void shows(const std::string& name, const std::string& drawn) {
  const std::string path = QUAY_SOURCE "/docs/packetset-" + name + ".svg";
  if (std::getenv("QUAY_UPDATE") != nullptr)
    std::ofstream(path) << drawn;
  std::ifstream in(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), drawn) << path;
}

TEST(Drawing, OneRule) {
  const Ruleset ruleset = rules();
  const std::array one{&ruleset};
  FilterSpace space(Family::V4, one);
  const Diagram matched = space.matched(ruleset.tables[0].chains[0].rules[1]);
  const Diagram goes_on = space.store().subtract(kContinue, matched);
  const Diagram diagram =
      space.store().unite(goes_on, space.store().intersect(matched, Outcomes{kAccepted}));
  shows("rule",
        Drawing(space, diagram, {{kContinue, "the next rule"}, {kAccepted, "accepted"}}).svg());
}

TEST(Drawing, AChain) {
  const Ruleset ruleset = rules();
  const std::array one{&ruleset};
  FilterSpace space(Family::V4, one);
  shows("chain", Drawing(space, space.fate(ruleset, Direction::In),
                         {{kAccepted, "accepted"}, {kDropped, "dropped"}})
                     .svg());
}

TEST(Drawing, ADifference) {
  const Ruleset before = rules();
  const Ruleset after = rules("-A INPUT -s 192.0.2.0/24 -p tcp -j ACCEPT\n");
  const std::array both{&before, &after};
  FilterSpace space(Family::V4, both);
  const Diagram diagram =
      space.store().difference(space.fate(before, Direction::In), space.fate(after, Direction::In));
  shows("difference", Drawing(space, diagram, {{0, "alike"}, {1, "differ"}}).svg());
}

}  // namespace
}  // namespace quay::filter
