#include "policy/edit.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "language/policy_file.h"
#include "language/user_rule_text.h"
#include "policy/numbered.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

constexpr const char* kInterfaces = "[interfaces]\nlan = \"eth0\"\nwan = \"eth1\"\n";

// The policy's text after an edit, or why there is none.
std::string after(const std::string& text, const Edit& change, std::string* notes = nullptr) {
  const Policy policy = read_policy(text);
  const auto edited =
      edit(policy, change, shipped_catalogue(), compile(policy, shipped_catalogue(), kNow));
  if (!edited)
    return edited.error().text();
  if (notes != nullptr)
    *notes = join(edited->notes, "; ");
  return to_text(edited->policy);
}

Edit rule(const std::string& words) {
  const auto command =
      parse_rule_command(*split_words(words), {{}, shipped_catalogue().service_ids()});
  if (!command)
    ADD_FAILURE() << command.error().text();
  return *command;
}

std::string text_of(const std::string& policy) {
  return to_text(read_policy(policy));
}

const std::string kTwoRules =
    "[[rules]]\nrule = \"allow 80/tcp\"\n[[rules]]\nrule = \"deny 81/tcp\"\n";

TEST(Edit, OpeningsAreMadeExtendedAndClosed) {
  const auto opening = [](const std::string& rule, int year, const std::string& more = {}) {
    return fmt::format("[[openings]]\nrule = \"{}\"\nuntil = {}-01-01T00:00:00Z\n{}", rule, year,
                       more);
  };
  const std::string ssh = opening("allow 22/tcp", 2030, "reason = \"a visit\"\n");
  const std::string web = opening("allow 80/tcp", 2031);
  const std::vector<Opening> known = read_policy(ssh + web).openings;
  const OpeningEdit another{0, known[1].rule, known[1].until, {}};
  EXPECT_EQ(after(ssh, another), text_of(ssh + web));
  EXPECT_EQ(after(ssh + web, OpeningEdit{1, {}, known[1].until, {}}),
            text_of(opening("allow 22/tcp", 2031, "reason = \"a visit\"\n") + web));
  EXPECT_EQ(after(ssh + web, OpeningEdit{1, {}, known[0].until, "longer"}),
            text_of(opening("allow 22/tcp", 2030, "reason = \"longer\"\n") + web));
  EXPECT_EQ(after(ssh + web, OpeningEdit{.number = 1}), text_of(web));
  EXPECT_EQ(after("", OpeningEdit{.number = 1}), "there is no opening 1");
  EXPECT_EQ(after(ssh + web, OpeningEdit{.number = 3}),
            "there is no opening 3: they are numbered 1 to 2");
  EXPECT_EQ(after(ssh, OpeningEdit{0, known[0].rule, {}, {}}), "an opening has a rule and an end");
  EXPECT_EQ(after(ssh, OpeningEdit{.number = 1, .until = kLastTime}),
            "the kernel counts time up to the year 2262");
  EXPECT_EQ(after(ssh, OpeningEdit{1, known[1].rule, known[1].until, {}}),
            "an opening keeps its rule: close it and open another");
}

TEST(Edit, RulesAreAddedInsertedAndDeletedAsWithUfw) {
  const struct {
    const char* words;
    std::string expect;
  } rows[] = {
      {"allow 82/tcp", kTwoRules + "[[rules]]\nrule = \"allow 82/tcp\"\n"},
      {"prepend allow 82/tcp", "[[rules]]\nrule = \"allow 82/tcp\"\n" + kTwoRules},
      {"insert 2 allow 82/tcp",
       "[[rules]]\nrule = \"allow 80/tcp\"\n[[rules]]\nrule = \"allow 82/tcp\"\n"
       "[[rules]]\nrule = \"deny 81/tcp\"\n"},
      {"allow 80/tcp", kTwoRules},
      {"deny 80/tcp", "[[rules]]\nrule = \"deny 80/tcp\"\n[[rules]]\nrule = \"deny 81/tcp\"\n"},
      {"delete allow 80/tcp", "[[rules]]\nrule = \"deny 81/tcp\"\n"},
      {"delete 2", "[[rules]]\nrule = \"allow 80/tcp\"\n"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(after(kTwoRules, rule(row.words)), text_of(row.expect)) << row.words;
}

TEST(Edit, ARuleThatIsNotThereIsNotDeleted) {
  EXPECT_EQ(after(kTwoRules, rule("delete allow 82/tcp")), "there is no own rule `allow 82/tcp`");
  EXPECT_EQ(after("", rule("delete allow 22/tcp")),
            "there is no own rule `allow 22/tcp`; service ssh opens 22/tcp: "
            "`quaymaster service hide ssh`");
  EXPECT_EQ(after(kTwoRules, rule("insert 3 allow 82/tcp")),
            "there is no position 3: own rules are numbered 1 to 2");
  EXPECT_TRUE(after(kTwoRules, rule("delete 1000")).starts_with("there is no rule 1000"));
}

TEST(Edit, DeletingAServicesLineWritesTheKeyThatClosesIt) {
  const Policy policy = read_policy(kInterfaces);
  const Compiled compiled = compile(policy, shipped_catalogue(), kNow);
  const auto close = [&](const std::string& id) -> std::string {
    for (const NumberedRule& line : numbered(policy, compiled))
      if (line.id == id)
        return after(kInterfaces, rule("delete " + std::to_string(line.number)));
    return "no line " + id;
  };
  EXPECT_EQ(close("ssh:in:22/tcp"),
            text_of(std::string(kInterfaces) + "[services.ssh]\nexposed = false\n"));
  EXPECT_EQ(close("ntp:out:123/udp"),
            text_of(std::string(kInterfaces) + "[services.ntp]\nenabled = false\n"));
  EXPECT_EQ(close("lon-ip70:in:2541/tcp"), "lon-ip70 is always open; it has no switch");
}

TEST(Edit, AnOptionalServiceIsToldWhere) {
  EXPECT_EQ(after(kInterfaces, ServiceEdit{.id = "mqtt", .enabled = true}),
            "mqtt is optional: say where it is exposed, with --on lan, --on wan or --on all");
  EXPECT_EQ(after(kInterfaces, ServiceEdit{.id = "mqtt", .enabled = true, .everywhere = true}),
            text_of(std::string(kInterfaces) + "[services.mqtt]\nenabled = true\n"));
  EXPECT_EQ(
      after(kInterfaces,
            ServiceEdit{.id = "mqtt", .exposed = true, .on = std::vector<std::string>{"lan"}}),
      text_of(std::string(kInterfaces) +
              "[services.mqtt]\nenabled = true\nexposed = true\non = [\"lan\"]\n"));
  EXPECT_EQ(after("[interfaces]\nlan = \"eth0\"\n", ServiceEdit{.id = "mqtt", .enabled = true}),
            text_of("[interfaces]\nlan = \"eth0\"\n[services.mqtt]\nenabled = true\n"));
}

TEST(Edit, WhatHasNoSwitchIsNotSwitched) {
  EXPECT_EQ(after("", ServiceEdit{.id = "mqt", .enabled = true}),
            "there is no service `mqt` (did you mean `mqtt`?)");
  EXPECT_EQ(after("", ServiceEdit{.id = "lon-ip70", .enabled = false}),
            "lon-ip70 is always open; it has no switch");
  EXPECT_EQ(after("", ServiceEdit{.id = "node-red", .exposed = true}),
            "node-red is reached from the gateway alone");
  EXPECT_EQ(after("", ServiceEdit{.id = "lon.rni", .exposed = true}),
            "lon.rni is a function: it has a switch and a port, the rest is lon's");
  EXPECT_EQ(after("", ServiceEdit{.id = "lon.rni", .enabled = true, .port = Port{1630}}),
            text_of("[services.lon.functions.rni]\nenabled = true\nport = 1630\n"));
}

TEST(Edit, AFunctionOfAServiceThatIsOffSaysSo) {
  std::string notes;
  after("", ServiceEdit{.id = "lon.rni", .enabled = true}, &notes);
  EXPECT_EQ(notes, "lon is off, and its functions with it: `quaymaster service enable lon`");
  after("[services.lon]\nenabled = true\n", ServiceEdit{.id = "lon.rni", .enabled = true}, &notes);
  EXPECT_EQ(notes, "");
}

// S3, row by row.
TEST(Edit, SwitchingEnhancedOnSetsItsDefaultsAgain) {
  const std::string standard =
      "profile = \"standard\"\n[services.mqtt]\nenabled = true\n[services.mqtts]\nenabled = true\n"
      "[services.bacnet]\nenabled = true\nport = 47809\n[services.opcua]\nenabled = true\n"
      "[services.ssh]\nexposed = false\n[services.lon]\nenabled = true\n"
      "[services.lon.functions.ip852]\nenabled = true\n";
  EXPECT_EQ(after(standard, ProfileEdit{"enhanced", {}}),
            text_of("[services.mqtt]\nenabled = false\n[services.mqtts]\nenabled = false\n"
                    "[services.bacnet]\nenabled = false\nport = 47809\n"
                    "[services.opcua]\nenabled = true\n[services.lon]\nenabled = true\n"
                    "[services.lon.functions.ip852]\nenabled = false\n"));
  EXPECT_EQ(after(standard, ProfileEdit{"enhanced", {"mqtt", "ssh"}}),
            text_of("[services.mqtt]\nenabled = true\n[services.mqtts]\nenabled = false\n"
                    "[services.bacnet]\nenabled = false\nport = 47809\n"
                    "[services.opcua]\nenabled = true\n[services.lon]\nenabled = true\n"
                    "[services.ssh]\nexposed = false\n"
                    "[services.lon.functions.ip852]\nenabled = false\n"));
  EXPECT_EQ(after("[services.ssh]\nexposed = false\n", ProfileEdit{"standard", {}}),
            text_of("profile = \"standard\"\n[services.ssh]\nexposed = false\n"));
  std::string notes;
  EXPECT_EQ(after("[services.ssh]\nexposed = false\n", ProfileEdit{"enhanced", {}}, &notes),
            text_of("[services.ssh]\nexposed = false\n"));
  EXPECT_EQ(notes, "the profile is enhanced already");
  EXPECT_EQ(after("", ProfileEdit{"enhanced", {"sssh"}}),
            "there is no service `sssh` (did you mean `ssh`?)");
}

TEST(Edit, InterfacesAreNamedAndForgotten) {
  EXPECT_EQ(after(kInterfaces, InterfaceEdit{{{"vpn", {"tun0"}}}, {"wan"}}),
            text_of("[interfaces]\nlan = \"eth0\"\nvpn = \"tun0\"\n"));
  EXPECT_EQ(after("[interfaces]\nlan = \"eth0\"\n", InterfaceEdit{{}, {"lan"}}),
            "the last name stays: without one, services are open on every interface");
  EXPECT_EQ(after(std::string(kInterfaces) + "[[rules]]\nrule = \"allow in on wan\"\n",
                  InterfaceEdit{{}, {"wan"}}),
            "rule 1 is about wan: delete it first");
  EXPECT_EQ(after(std::string(kInterfaces) +
                      "[[openings]]\nrule = \"allow in on wan to any port 22 proto tcp\"\n"
                      "until = 2030-01-01T00:00:00Z\nreason = \"visit\"\n",
                  InterfaceEdit{{}, {"wan"}}),
            "opening 1 is about wan: delete it first");
  EXPECT_EQ(after(std::string(kInterfaces) +
                      "[[tests]]\npacket = \"in on wan 22/tcp\"\nexpect = \"drop\"\n",
                  InterfaceEdit{{}, {"wan"}}),
            "test 1 is about wan: delete it first");
  EXPECT_EQ(after(kInterfaces, InterfaceEdit{{}, {"dmz"}}), "no interface is called `dmz`");
  EXPECT_EQ(after(std::string(kInterfaces) + "[services.ssh]\non = [\"lan\"]\n",
                  InterfaceEdit{{}, {"lan"}}),
            "service ssh is exposed on lan: `quaymaster service expose ssh --on ...` first");
}

TEST(Edit, NothingMuchLeavesNoTrace) {
  EXPECT_EQ(after(kInterfaces, ServiceEdit{.id = "ssh", .everywhere = true}), text_of(kInterfaces));
}

}  // namespace
}  // namespace quay
