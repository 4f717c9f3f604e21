#include "language/catalogue_file.h"

#include <gtest/gtest.h>

#include "tests/fakes/fake_host.h"
#include "tests/support/shipped.h"

namespace quay {
namespace {

constexpr const char* kGood = R"(id = "probe"
title = "Probe"
description = "A probe."
closing = "Nothing."
[[endpoints]]
direction = "in"
protocol = "tcp"
local = "9100"
)";

std::vector<std::string> faults(const std::string& text) {
  std::vector<std::string> lines;
  for (const Error& error : parse_service(text, "services/probe.toml").errors)
    lines.push_back(error.text());
  return lines;
}

TEST(CatalogueFile, TellsWhatIsWrong) {
  EXPECT_EQ(faults(kGood), std::vector<std::string>{});
  const auto with = [](const std::string& from, const std::string& to) {
    std::string text = kGood;
    return text.replace(text.find(from), from.size(), to);
  };
  const std::vector<std::pair<std::string, std::string>> cases{
      {with("\"probe\"", "\"Probe\""),
       "services/probe.toml:1: `Probe` is not an id: small letters, digits and hyphens"},
      {with("\"probe\"", "\"other\""),
       "services/probe.toml:1: the file of `other` must be called other.toml"},
      {with("\"9100\"", "\"9100-9000\""),
       "services/probe.toml:8: port range 9100-9000 is reversed"},
      {with("\"9100\"", "\"port\""),
       "services/probe.toml:8: `port` is chosen here, but there is no [port] table"},
      {with("\"tcp\"", "\"sctp\""), "services/probe.toml:7: `sctp` is not tcp, udp or tcp+udp"},
      {with("direction", "directoin"), "services/probe.toml:5: `direction` is missing"},
      {with("closing = \"Nothing.\"\n", ""), "services/probe.toml:1: `closing` is missing"}};
  for (const auto& [text, expected] : cases) {
    const auto lines = faults(text);
    ASSERT_FALSE(lines.empty()) << text;
    EXPECT_EQ(lines.front(), expected);
  }
}

TEST(CatalogueFile, ALocalFileAddsOrOverridesAndAWrongOneIsRefusedAlone) {
  FakeFiles files;
  files.content["/shipped/profiles/enhanced.toml"] =
      "id = \"enhanced\"\ntitle = \"E\"\ndescription = \"D\"\noutgoing = \"deny\"\n";
  files.content["/shipped/services/probe.toml"] = kGood;
  files.content["/local/services/probe.toml"] = kGood;
  std::string& local = files.content["/local/services/probe.toml"];
  local.replace(local.find("9100"), 4, "9200");
  Parsed<Catalogue> catalogue = load_catalogue(files, {"/shipped", "/local"});
  EXPECT_TRUE(catalogue.ok());
  EXPECT_EQ(std::get<PortSet>(*catalogue.value.service("probe")->endpoints[0].local),
            one_port(9200));

  local.replace(local.find("9200"), 4, "none");
  files.content["/local/services/more.toml"] = local;
  std::string& more = files.content["/local/services/more.toml"];
  more.replace(more.find("probe"), 5, "more");
  more.replace(more.find("none"), 4, "9300");
  catalogue = load_catalogue(files, {"/shipped", "/local"});
  ASSERT_EQ(catalogue.errors.size(), 1U);
  EXPECT_EQ(catalogue.errors[0].text(),
            "/local/services/probe.toml:8: `none` is not a port from 1 to 65535");
  EXPECT_EQ(std::get<PortSet>(*catalogue.value.service("probe")->endpoints[0].local),
            one_port(9100));
  EXPECT_NE(catalogue.value.service("more"), nullptr);
}

TEST(Catalogue, HasTheServicesOfTheSystem) {
  EXPECT_EQ(shipped_catalogue().service_ids(),
            (std::vector<std::string>{
                "bacnet",     "cms",       "cms-update", "ddns",       "dhcp-client",
                "dns",        "dns-local", "flows",      "licensing",  "lon",
                "lon-ip70",   "maps",      "mdns",       "modbus",     "mqtt",
                "mqtts",      "node-red",  "ntp",        "opcua",      "reboot-manager",
                "remote-cms", "smtp",      "ssh",        "supervisor", "web"}));
}

}  // namespace
}  // namespace quay
