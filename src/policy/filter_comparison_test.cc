#include "policy/filter_comparison.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "language/iptables_save.h"
#include "language/nft_json.h"

namespace quay {
namespace {

filter::Ruleset saved(const std::string& rules, const std::string& nat = "") {
  const std::string text =
      (nat.empty() ? "" : "*nat\n:PREROUTING ACCEPT [0:0]\n" + nat + "COMMIT\n") +
      "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n" + rules +
      "COMMIT\n";
  const auto parsed = parse_iptables_save(text, "rules", Family::V4);
  EXPECT_EQ(parsed.errors, std::vector<Error>{}) << text;
  return parsed.value;
}

// A chain for incoming packets that drops; `rules` are expressions, one list for each rule.
filter::Ruleset listed(const std::vector<std::string>& rules, const std::string& more = "") {
  std::string text =
      R"({"nftables": [{"table": {"family": "inet", "name": "t"}},
{"chain": {"family": "inet", "table": "t", "name": "in", "type": "filter", "hook": "input",
"prio": 0, "policy": "drop"}})" +
      more;
  for (const std::string& rule : rules)
    text += R"(, {"rule": {"family": "inet", "table": "t", "chain": "in", "handle": 7, "expr": [)" +
            rule + "]}}";
  const auto parsed = parse_nft_json(text + "]}", "rules");
  EXPECT_EQ(parsed.errors, std::vector<Error>{}) << text;
  return parsed.value;
}

std::string text(const Differences& found) {
  std::string lines;
  for (const std::vector<Difference>* list : {&found.lines, &found.undecided})
    for (const Difference& difference : *list)
      lines +=
          fmt::format("{}{}: {}, {}\n", difference.packets, difference.certain ? "" : " (perhaps)",
                      difference.first, difference.second);
  return lines;
}

void differ(const filter::Ruleset& first, const filter::Ruleset& second, const char* why) {
  const Differences found = compare(first, second, {});
  EXPECT_FALSE(found.equal()) << why;
  for (const Difference& difference : found.lines)
    EXPECT_FALSE(difference.certain) << why << ": " << difference.packets;
  EXPECT_TRUE(compare(second, second, {}).equal()) << why << "\n"
                                                   << text(compare(second, second, {}));
}

// The widest come first, and what there is no room for is counted.
TEST(FilterComparison, CountsWhatItDoesNotList) {
  std::string rules;
  for (int i = 0; i < 57; ++i)
    rules += fmt::format("-A INPUT -i eth0 -s 10.{}.0.0/{} -p tcp --dport {} -j ACCEPT\n", i,
                         i == 50 ? 16 : 24, 1000 + 2 * i);
  const Differences found = compare(saved(rules), saved(""), {});
  ASSERT_EQ(found.lines.size(), FilterTeller::kMostLines);
  EXPECT_EQ(found.lines.front().packets, "tcp 1100 source 10.50.0.0/16 from eth0");
  EXPECT_EQ(found.untold.lines, 37U);
  EXPECT_TRUE(found.untold.counted);
  EXPECT_EQ(to_text(found.untold), "37 more lines");
  EXPECT_TRUE(compare(saved(rules), saved(rules), {}).untold.none());
}

// Loopback's own are told only where they are not what is told already.
TEST(FilterComparison, TellsPacketsOfTheHostItselfOnce) {
  const std::string open = "-A INPUT -p tcp --dport 80 -j ACCEPT\n";
  EXPECT_EQ(text(compare(saved(open), saved(""), {})),
            "tcp 80: accepts (ip/filter/INPUT line 5), drops (ip/filter/INPUT policy)\n");
  const std::string host = "-A INPUT -i lo -p tcp --dport 81 -j ACCEPT\n";
  EXPECT_EQ(text(compare(saved(open + host), saved(open), {})),
            "tcp 81 from lo: accepts (ip/filter/INPUT line 6), drops (ip/filter/INPUT policy)\n");
}

// Untracked packets would be told with the new ones; here there are none.
TEST(FilterComparison, WhatDiffersOnlyOnceEstablishedIsTold) {
  EXPECT_EQ(text(compare(saved("-A INPUT -p tcp --sport 5 -m state --state NEW -j DROP\n"
                               "-A INPUT -p tcp --sport 5 -j ACCEPT\n"),
                         saved(""), {})),
            "tcp from port 5 state established,related,invalid: accepts (ip/filter/INPUT line 6), "
            "drops (ip/filter/INPUT policy)\n");
}

// What is untracked on its way out of the loopback interface comes in so.
TEST(FilterComparison, WhatARuleUntracksMayComeInUntracked) {
  const auto read = [](const std::string& rule) {
    return parse_iptables_save(
               "*raw\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -o lo -j CT --notrack\n"
               "COMMIT\n*filter\n:INPUT DROP [0:0]\n" +
                   rule + "COMMIT\n",
               "rules", Family::V4)
        .value;
  };
  const std::string open = "-A INPUT -i lo -m conntrack --ctstate UNTRACKED -j ACCEPT\n";
  EXPECT_FALSE(compare(read(open), read(""), {}).equal());
}

// The host's own packets are told where those of the wire are not all.
TEST(FilterComparison, SpoofedSourcesAreNotHidden) {
  const std::string port = " -p tcp --dport 22 -j ACCEPT\n";
  EXPECT_EQ(
      text(compare(saved("-A INPUT -s 10.0.0.1" + port + "-A INPUT -i eth0 -s 127.0.0.5" + port),
                   saved(""), {})),
      "tcp 22 source 10.0.0.1: accepts (ip/filter/INPUT line 5), drops "
      "(ip/filter/INPUT policy)\n"
      "tcp 22 source 127.0.0.5 from eth0: accepts (ip/filter/INPUT line 6), drops "
      "(ip/filter/INPUT policy)\n");
}

TEST(FilterComparison, TranslationsThatAreNotFollowedAreNamed) {
  const filter::Ruleset shared =
      saved("",
            "-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.0.1-10.0.0.9\n"
            "-A PREROUTING -p tcp --dport 81 -j DNAT --to-destination 10.0.0.1-10.0.0.8\n"
            "-A PREROUTING -p tcp --dport 82 -j DNAT --to-destination 10.0.0.1\n");
  EXPECT_EQ(
      compare(shared, shared, {}).outside,
      (std::vector<std::string>{"ip/nat: 2 rules translate to destinations that are not known",
                                "ip/nat: 3 rules translate flows, whose later packets and answers "
                                "are judged by the addresses that they come with"}));
}

TEST(FilterComparison, StatesBeforeAZoneIsTrackedAreNamed) {
  const filter::Ruleset zoned =
      parse_iptables_save("*raw\n-A PREROUTING -i eth0 -j CT --zone 3\nCOMMIT\n", "x", Family::V4)
          .value;
  EXPECT_EQ(
      compare(zoned, zoned, {}).outside,
      std::vector<std::string>{"ip/raw: 1 rule chooses zones: the states that packets of them "
                               "have before conntrack are not followed"});
}

TEST(FilterComparison, WhatAProgramMayChangeIsNamed) {
  const filter::Ruleset queued = saved("-A INPUT -p tcp -j NFQUEUE --queue-num 1\n");
  EXPECT_EQ(compare(queued, queued, {}).outside,
            std::vector<std::string>{"ip/filter: 1 rule hands packets to a program, which may "
                                     "change their mark and their headers"});
}

// What neither ruleset tells is never taken for equal.
TEST(FilterComparison, ClaimsNothingOfWhatIsNotKnown) {
  differ(saved("-A INPUT -p tcp -j NFQUEUE --queue-num 1\n"),
         saved("-A INPUT -p tcp -j NFQUEUE --queue-num 2\n"), "other programs decide");
  differ(saved("-A INPUT -p tcp -j TARPIT --tarpit\n"),
         saved("-A INPUT -p tcp -j CHAOS --delude\n"), "targets that are not known");
  differ(
      listed({R"({"mangle": {"key": {"meta": {"key": "mark"}}, "value": {"ct": {"key": "mark"}}}},
{"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 5}}, {"accept": null})"}),
      listed({R"({"mangle": {"key": {"meta": {"key": "mark"}}, "value": {"ct": {"key": "mark"}}}},
{"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 6}}, {"accept": null})"}),
      "values that are not known");
}

// More marks than are followed.
TEST(FilterComparison, ClaimsNothingBeyondWhatItFollows) {
  const auto marks = [](int accepted) {
    std::string rules;
    for (int mark = 1; mark <= 9; ++mark)
      rules += fmt::format("-A PREROUTING -p tcp --dport {} -j MARK --set-xmark {}\n", mark, mark);
    const std::string text =
        "*mangle\n:PREROUTING ACCEPT [0:0]\n" + rules + "COMMIT\n*filter\n:INPUT DROP [0:0]\n" +
        fmt::format("-A INPUT -m mark --mark {} -j ACCEPT\nCOMMIT\n", accepted);
    return parse_iptables_save(text, "rules", Family::V4).value;
  };
  EXPECT_FALSE(compare(marks(8), marks(9), {}).equal());
  EXPECT_TRUE(compare(marks(8), marks(8), {}).equal());
  EXPECT_FALSE(compare(marks(1), marks(2), {}).equal());
}

// nft's JSON shows a match of iptables by its name and place, which others may have as well.
TEST(FilterComparison, HiddenParametersAreNeverEqual) {
  const std::string rule = R"({"xt": {"type": "match", "name": "string"}}, {"accept": null})";
  EXPECT_FALSE(compare(listed({rule}), listed({rule}), {}).equal());
  const std::string target = R"({"xt": {"type": "target", "name": "TARPIT"}})";
  EXPECT_FALSE(compare(listed({target}), listed({target}), {}).equal());
}

TEST(FilterComparison, SetsThatLimitArePartOfAnAnswerAlone) {
  const std::string rule =
      R"({"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@s"}}, {"accept": null})";
  const auto with = [&](const std::string& element, const std::string& more = "") {
    return listed(
        {rule},
        R"(, {"set": {"family": "inet", "table": "t", "name": "s", "type": "ipv4_addr", "elem": [)" +
            element + "]" + more + "}}");
  };
  const std::string limit = R"("limit": {"rate": 1, "burst": 1, "per": "hour"})";
  const filter::Ruleset plain = with(R"("10.0.0.1")");
  EXPECT_TRUE(compare(plain, plain, {}).equal());
  EXPECT_FALSE(compare(plain, with(R"({"elem": {"val": "10.0.0.1", )" + limit + "}}"), {}).equal());
  EXPECT_FALSE(compare(plain, with(R"("10.0.0.1")", R"(, "stmt": [{)" + limit + "}]"), {}).equal());
}

TEST(FilterComparison, MapsOfObjectsAreWhatIsInThem) {
  const auto counted = [](const std::string& key) {
    return listed(
        {R"({"counter": {"map": {"key": {"payload": {"protocol": "ip", "field": "saddr"}}, "data": "@m"}}}, {"accept": null})"},
        R"(, {"map": {"family": "inet", "table": "t", "name": "m", "type": "ipv4_addr", "map": "counter", "elem": [[")" +
            key + R"(", "c"]]}})");
  };
  EXPECT_TRUE(compare(counted("10.0.0.1"), counted("10.0.0.1"), {}).equal());
  const Differences found = compare(counted("10.0.0.1"), counted("10.0.0.2"), {});
  ASSERT_EQ(found.lines.size(), 2U);
  EXPECT_TRUE(found.lines.front().certain);
}

TEST(FilterComparison, ObjectsOfOneNameMayLimitOtherwise) {
  const std::string quota = R"({"quota": "q"}, {"accept": null})";
  EXPECT_FALSE(compare(listed({quota}), listed({quota}), {}).equal());
}

TEST(FilterComparison, InterfaceZeroIsNone) {
  const filter::Ruleset none = listed(
      {R"({"match": {"op": "==", "left": {"meta": {"key": "oif"}}, "right": 0}}, {"accept": null})"});
  EXPECT_TRUE(compare(none, listed({R"({"accept": null})"}), {}).equal());
}

TEST(FilterComparison, SetsAreWhatIsInThem) {
  const auto with_set = [](const std::string& element) {
    return listed(
        {R"({"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@s"}}, {"accept": null})"},
        R"(, {"set": {"family": "inet", "table": "t", "name": "s", "type": "ipv4_addr", "flags": ["timeout"], "elem": [")" +
            element + R"("]}})");
  };
  differ(with_set("192.0.2.1"), with_set("192.0.2.2"), "sets with other elements");
}

// "ct status dnat" asks what the ruleset's own translations did.
TEST(FilterComparison, TranslatedIsWhatTheRulesetTranslates) {
  const std::string accept = "-A INPUT -m conntrack --ctstate DNAT -j ACCEPT\n";
  differ(saved(accept, "-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.0.1\n"),
         saved(accept), "what is translated");
}

// Where both translate by the same rules it is the same question, unless these ask for what others
// write.
TEST(FilterComparison, TranslatedIsTheSameWhereTheSameRulesTranslate) {
  const std::string accept = "-A INPUT -m conntrack --ctstate DNAT -j ACCEPT\n";
  const std::string none = "-A INPUT -s 192.0.2.0/24 -j DROP\n";  // of a policy that drops
  const auto translating = [&](const std::string& match, const std::string& mangle = "") {
    const std::string nat = "-A PREROUTING -p tcp " + match +
                            " -j DNAT --to-destination 10.0.0.1\n" +
                            (mangle.empty() ? "" : "COMMIT\n*mangle\n" + mangle);
    return std::pair(saved(accept, nat), saved(accept + none, nat));
  };
  const auto [plain, plain_too] = translating("--dport 80");
  const Differences found = compare(plain, plain_too, {});
  EXPECT_TRUE(found.equal()) << text(found);
  const std::string mark = "-A PREROUTING -i eth1 -j MARK --set-mark 5\n";
  for (const auto& [rules, why] :
       {std::pair{translating("-m mark --mark 5", mark), "a mark that a rule sets"},
        std::pair{translating("-m limit --limit 5/s"), "a limit"}})
    differ(rules.first, rules.second, why);
  // What is marked may leave elsewhere.
  const auto leaving = [&](const std::string& mangle, const std::string& more) {
    return saved(
        "-A INPUT -m conntrack --ctstate SNAT -j ACCEPT\n" + more,
        ":POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n*mangle\n" +
            mangle);
  };
  differ(leaving("-A OUTPUT -p tcp -j MARK --set-mark 1\n", ""), leaving("", ""),
         "a mark that leads elsewhere");
  EXPECT_TRUE(compare(leaving("", none), leaving("", ""), {}).equal());
  // What both lead to is written by either.
  const auto sharing = [&](bool filters) {
    using filter::Hook;
    const auto jump = [] {
      return filter::Rule{.verdict = {filter::Verdict::Kind::Jump, "marks"}};
    };
    filter::Ruleset ruleset = saved(accept);
    filter::Rule marking;
    marking.assigns.push_back({{.kind = filter::Kind::Mark}, 1});
    filter::Rule translate{
        .conditions = {filter::Test{.boxes = {{{.field = {.kind = filter::Kind::Mark},
                                                .numbers = filter::Numbers({{1, 1}})}}}}},
        .assigns = {{filter::translated(true), 1}},
        .verdict = {.kind = filter::Verdict::Kind::Accept}};
    ruleset.tables.push_back(
        {.name = "t",
         .chains = {{"marks", {}, {marking}},
                    {"n",
                     filter::Base{.hook = Hook::Prerouting, .priority = -100, .nat = true},
                     {translate, jump()}}}});
    if (filters)
      ruleset.tables.back().chains.push_back(
          {"f", filter::Base{.hook = Hook::Prerouting, .priority = -150}, {jump()}});
    return ruleset;
  };
  differ(sharing(true), sharing(false), "a mark of a chain that both lead to");
  EXPECT_TRUE(
      compare(translating("-m mark --mark 5").first, translating("-m mark --mark 5").second, {})
          .equal());
}

TEST(FilterComparison, NamesWhatItTakesForTheSame) {
  const std::string rule = "-A INPUT -p tcp -m string --string x --algo bm -j ACCEPT\n";
  const Differences found = compare(saved(rule), saved("-A INPUT -p udp -j DROP\n" + rule), {});
  EXPECT_TRUE(found.equal()) << text(found);
  EXPECT_EQ(join(found.unknown, "; "),
            "ip/filter/INPUT line 5: match string; ip/filter/INPUT line 6: match string");
}

}  // namespace
}  // namespace quay
