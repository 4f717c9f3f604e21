"""Every daemon of the lab, open and closed, in both profiles, from LAN and WAN, over both
families, by real protocol requests, held against the policy's own verdict.

All daemons are bound to every interface, the internal ones too: only the firewall keeps them in."""

import json
import pathlib
import re
import subprocess
import time
import tomllib

import pytest

from conftest import LAN_GATEWAY, SOURCE, WAN_GATEWAY, Lab

HERE = pathlib.Path(__file__).resolve().parent

INTERFACES = """
[interfaces]
lan = "eth0"
wan = "eth1"
"""

SWITCHES = {  # service: how a policy opens it on some interfaces, and how it closes it
    "ssh": ("[services.ssh]\nenabled = true\non = {on}", "[services.ssh]\nexposed = false"),
    "web": ("[services.web]\nenabled = true\non = {on}\n"
            "[services.web.functions.http]\nenabled = true", "[services.web]\nenabled = false"),
    "mqtt": ("[services.mqtt]\nenabled = true\non = {on}", ""),
    "mqtts": ("[services.mqtts]\nenabled = true\non = {on}", "[services.mqtts]\nenabled = false"),
    "mdns": ("[services.mdns]\nenabled = true\non = {on}", "[services.mdns]\nenabled = false"),
    "opcua": ("[services.opcua]\nenabled = true\non = {on}", ""),
    "bacnet": ("[services.bacnet]\nenabled = true\non = {on}", ""),
    "lon": ("[services.lon]\nenabled = true\non = {on}\n"
            "[services.lon.functions.ip852]\nenabled = true\n"
            "[services.lon.functions.rni]\nenabled = true\n"
            "[services.lon.functions.analyzer]\nenabled = true", ""),
}

# What is asked: the packet that carries the question, and the service that it belongs to. `{}` is
# the gateway's address, of both families; `{v4}` where a protocol or its daemon has IPv4 alone.
OFFERED = {
    "ssh={}": ("22/tcp", "ssh"),
    "https={}": ("443/tcp", "web"),
    "http={}": ("80/tcp", "web.http"),
    "mqtt={}": ("1883/tcp", "mqtt"),
    "mqtts={}": ("8883/tcp", "mqtts"),
    "mdns=eth0": ("5353/udp", "mdns"),
    "mdns6=eth0": ("5353/udp", "mdns"),
    "opcua={}": ("55000/tcp", "opcua"),
    "bacnet={v4}": ("47808/udp", "bacnet"),
    "bacnet_read={v4}": ("47808/udp", "bacnet"),
    "bacnet_all={everybody}": ("47808/udp", "bacnet"),
    "bacnet_second={v4}": ("41797/udp", "bacnet"),
    "standin={}/tcp/1628": ("1628/tcp", "lon.ip852"),
    "standin={}/udp/1628": ("1628/udp", "lon.ip852"),
    "standin={}/tcp/1630": ("1630/tcp", "lon.rni"),
    "standin={}/udp/1630": ("1630/udp", "lon.rni"),
    "standin_all={everybody}/1630": ("1630/udp", "lon.rni"),
    "standin={}/tcp/1631": ("1631/tcp", "lon.analyzer"),
    "standin={}/udp/1631": ("1631/udp", "lon.analyzer"),
    "standin={}/tcp/2541": ("2541/tcp", "lon-ip70"),
    "standin={}/udp/2541": ("2541/udp", "lon-ip70"),
    "standin_all={everybody}/2541": ("2541/udp", "lon-ip70"),
}
OWN = {  # opened by rules of one's own
    "dns={}": ("53/udp", "dns-local"),
    "dns_tcp={}": ("53/tcp", "dns-local"),
    "ntp={}": ("123/udp", None),
    "modbus={}": ("502/tcp", None),
}
INTERNAL = {
    "standin={}/udp/1629": ("1629/udp", "lon-ip70"),
    "standin={}/tcp/1099": ("1099/tcp", "cms"),
    "standin={}/tcp/3200": ("3200/tcp", "cms"),
    "pgsql={}": ("5432/tcp", "cms"),
    "redis={}": ("6379/tcp", "cms"),
    "standin={}/tcp/8101": ("8101/tcp", "cms"),
    "standin={}/tcp/8181": ("8181/tcp", "cms"),
    "standin={}/tcp/44444": ("44444/tcp", "cms"),
    "node_red={}": ("1880/tcp", "node-red"),
    "supervisor={v4}": ("9001/tcp", "supervisor"),
    "standin={}/tcp/9090": ("9090/tcp", "reboot-manager"),
}
EVERYTHING = OFFERED | OWN | INTERNAL
ADDRESSES = {"lan": LAN_GATEWAY, "wan": WAN_GATEWAY, "gateway": ("127.0.0.1", "::1")}
EVERYBODY = {"lan": "192.168.10.255", "wan": "203.0.113.255"}


def questions(host, table):
    """The table's questions as a host puts them to the gateway."""
    asked = {}
    for question, about in table.items():
        if "{}" in question:
            asked |= {question.format(address): about for address in ADDRESSES[host]}
        elif host in EVERYBODY:
            asked[question.format(v4=ADDRESSES[host][0], everybody=EVERYBODY[host])] = about
        elif "{v4}" in question:
            asked[question.format(v4=ADDRESSES[host][0])] = about
    return asked


def policy(profile, where):
    """`where`: the interfaces on which everything is open."""
    text = f'profile = "{profile}"\n' + INTERFACES
    on = json.dumps(where)
    for opened, closed in SWITCHES.values():
        text += (opened.format(on=on) if where else closed) + "\n"
    for name in where:
        way = {"lan": "in on eth0", "wan": "in on eth1"}[name]
        text += f'[[rules]]\nrule = "allow {way} to any port 53"\n'
        text += f'[[rules]]\nrule = "allow {way} proto udp to any port 123"\n'
        text += f'[[rules]]\nrule = "allow {way} proto tcp to any port 502"\n'
    return text


def enforce(lab, text):
    """Puts a policy in force, and nothing that the one before let in counts as known."""
    lab.policy(text)
    lab.gateway("conntrack -F 2> /dev/null")


def verdicts(lab, sentences):
    """What the policy says of packets."""
    lines = "\n".join(sorted(sentences))
    out = lab.gateway(f"while read -r packet; do quaymaster explain --json $packet; done <<'END'\n"
                      f"{lines}\nEND")
    answers, decoder = [], json.JSONDecoder()
    while out := out.lstrip():
        answer, end = decoder.raw_decode(out)
        answers.append(answer["verdict"])
        out = out[end:]
    return dict(zip(sorted(sentences), answers, strict=True))


@pytest.fixture(scope="module")
def lab(layer):
    """One gateway for all of this file, with all its daemons awake: what is silent later is silent
    because it is closed."""
    instance = Lab(layer)
    try:
        instance.up()
        instance.probe("gateway", dict.fromkeys(questions("gateway", EVERYTHING), True))
        yield instance
    finally:
        instance.down()


@pytest.fixture(scope="module")
def dynamic(lab):
    """Questions to the ports that the kernel chose for stand-ins at this boot."""
    out = lab.gateway("ss -Hlntup 'sport > :32767' | grep python3")
    ports = [(line.split()[0], line.split()[4].rpartition(":")[2]) for line in out.splitlines()]
    table = {f"standin={{}}/{protocol}/{port}": (f"{port}/{protocol}", None)
             for protocol, port in ports if port != "44444"}
    assert len(table) == 3, out  # two of the CMS, one of the reboot manager
    return table


def catalogue():
    """The services that are shipped, by id."""
    texts = (path.read_text() for path in (SOURCE / "catalogue/services").glob("*.toml"))
    return {service["id"]: service for service in map(tomllib.loads, texts)}


def test_every_service_that_listens_is_asked():
    listening = set()
    for service in catalogue().values():
        if service.get("switch") == "host":  # its answers come to requests of the host itself
            continue
        parts = [(service["id"], service)]
        parts += [(f"{service['id']}.{f['id']}", f) for f in service.get("functions", [])]
        for name, part in parts:
            for endpoint in part.get("endpoints", []):
                port = endpoint.get("local")
                if endpoint["direction"] != "in" or port == "dynamic":
                    continue
                port = part["port"]["default"] if port == "port" else port
                listening |= {(name, f"{port}/{p}") for p in endpoint["protocol"].split("+")}
    asked = {(service, packet) for packet, service in EVERYTHING.values() if service}
    assert asked == listening


def test_the_catalogue_names_the_units_that_listen(lab):
    units = dict(line.split() for line in lab.gateway("ps -eo pid=,unit=").splitlines())
    owners = {}
    for line in lab.gateway("ss -Hlntup").splitlines():
        protocol, _, _, _, local = line.split()[:5]
        owners.setdefault(f"{local.rpartition(':')[2]}/{protocol}", set()).update(
            units[pid] for pid in re.findall(r"pid=(\d+)", line))
    services = catalogue()
    for packet, name in EVERYTHING.values():
        if name:
            named = " ".join(services[name.partition(".")[0]]["units"])
            # A unit may have several names; Id is the one that its processes bear.
            ids = lab.gateway(f"systemctl show --property Id --value {named}").split()
            assert owners[packet] <= set(ids), packet


def test_without_rules_everything_answers(lab, dynamic):
    """So it is the firewall that keeps the rest of this file silent."""
    lab.policy("enforcing = false\n")
    for host in ("lan", "wan"):
        lab.probe(host, dict.fromkeys(questions(host, EVERYTHING | dynamic), True))


@pytest.mark.parametrize("profile", ["enhanced", "standard"])
@pytest.mark.parametrize("where", [[], ["lan"], ["wan"], ["lan", "wan"]],
                         ids=["closed", "lan", "wan", "both"])
def test_from_outside(lab, dynamic, profile, where):
    def is_open(host, question, service):
        if question in questions(host, INTERNAL | dynamic):
            return False
        if service == "lon-ip70":  # always open
            return True
        if service == "lon.ip852" and profile == "enhanced":  # kept off by the profile
            return False
        return host in where

    enforce(lab, policy(profile, where))
    for host in ("lan", "wan"):
        asked = questions(host, EVERYTHING | dynamic)
        expected = {q: is_open(host, q, service) for q, (_, service) in asked.items()}
        lab.probe(host, expected)
        # The policy says of itself what was seen.
        said = verdicts(lab, {f"in on {host} {packet}" for packet, _ in asked.values()})
        for question, (packet, _) in asked.items():
            verdict = "accept" if expected[question] else "drop"
            assert said[f"in on {host} {packet}"] == verdict, question
    # The gateway's own programs reach all of it at any time.
    lab.probe("gateway", dict.fromkeys(questions("gateway", EVERYTHING | dynamic), True))


@pytest.mark.parametrize("profile", ["enhanced", "standard"])
def test_hidden_services(lab, profile):
    """Wanted and not exposed: nobody outside reaches them, and what they send leaves."""
    text = f'profile = "{profile}"\n' + INTERFACES + "".join(
        f"[services.{service}]\nenabled = true\nexposed = false\n" for service in SWITCHES
        if service != "ssh") + "[services.ssh]\nexposed = false\n"
    enforce(lab, text)
    for host in ("lan", "wan"):
        asked = questions(host, OFFERED)
        lab.probe(host, {q: service == "lon-ip70" for q, (_, service) in asked.items()})
    # A device's answer to a broadcast is a new flow, and comes in no more.
    lab.probe("gateway", {"bacnet=192.168.10.11": True, "bacnet_all=192.168.10.255": False})


def test_chosen_ports_are_answered(lab):
    """A port of the operator's choice opens in the place of the usual one. The stand-in of the
    analyzer, which is off, stands for an RNI that was moved to its port."""
    enforce(lab, INTERFACES + '[services.lon.functions.rni]\nenabled = true\nport = 1631\n'
            '[services.lon]\nenabled = true\non = ["lan"]\n')
    lab.probe("lan", {f"standin={address}/{protocol}/{port}": port == 1631
                      for address in LAN_GATEWAY for protocol in ("tcp", "udp")
                      for port in (1630, 1631)})
    lab.probe("wan", {f"standin={WAN_GATEWAY[0]}/tcp/1631": False})


@pytest.mark.parametrize("port", ["47808", "41797"])
@pytest.mark.parametrize("profile", ["enhanced", "standard"])
def test_bacnet_notices_of_a_forgotten_subscription(lab, profile, port):
    """A change of value long after the subscription is a new flow for conntrack: it leaves because
    the policy says so, not because it answers."""
    on = f'profile = "{profile}"\n' + INTERFACES + "[services.bacnet]\nenabled = true\n"

    def change_after(what):
        enforce(lab, on)
        with lab.start("lan", "python3", str(HERE / "bacnet_subscriber.py"), LAN_GATEWAY[0], port,
                       stdout=subprocess.PIPE) as subscriber:
            assert subscriber.stdout.readline() == "subscribed\n"
            what()
            assert "dport=40000" not in lab.gateway("conntrack -L -p udp 2> /dev/null")
            lab.probe("gateway", {"bacnet_write=127.0.0.1": True})
            return subscriber.stdout.readline().strip()

    assert change_after(lambda: lab.gateway("conntrack -F 2> /dev/null")) == "notice"
    off = on.replace("enabled = true", "enabled = false")
    silent = "silence" if profile == "enhanced" else "notice"  # standard lets everything leave
    assert change_after(lambda: enforce(lab, off)) == silent


OUTSIDE = {"dns=198.51.100.53": "53/udp", "dns_tcp=198.51.100.53": "53/tcp",
           "dns=fd00:99::1": "53/udp", "ntp=198.51.100.123": "123/udp",
           "ntp=fd00:99::1": "123/udp", "http=198.51.100.53": "80/tcp",
           "https=198.51.100.53": "443/tcp", "https=fd00:99::1": "443/tcp",
           "mqtts=198.51.100.53": "8883/tcp", "mqtts=fd00:99::1": "8883/tcp",
           "mqtt=198.51.100.53": "1883/tcp", "ssh=198.51.100.25": "22/tcp",
           "ssh=fd00:99::1": "22/tcp", "smtp=198.51.100.25": "25/tcp", "smtp=fd00:99::1": "25/tcp",
           "modbus=192.168.10.10": "502/tcp", "modbus=fd00:10::10": "502/tcp",
           "bacnet=192.168.10.11": "47808/udp",
           "ddns=gateway4.example": "443/tcp", "ddns=gateway6.example": "443/tcp"}
OUTSIDE |= {f"standin={device}/{protocol}/{port}": f"{port}/{protocol}"
            for device in ("192.168.10.10", "fd00:10::10") for protocol in ("tcp", "udp")
            for port in (1628, 2541)}


@pytest.mark.parametrize("profile", ["enhanced", "standard"])
@pytest.mark.parametrize("wanted", [True, False], ids=["on", "off"])
def test_outgoing(lab, profile, wanted):
    switch = str(wanted).lower()
    text = f'profile = "{profile}"\n' + INTERFACES
    for service in ("dns", "ntp", "cms-update", "licensing", "ddns", "remote-cms", "smtp", "modbus",
                    "bacnet", "lon", "lon.functions.ip852"):
        text += f"[services.{service}]\nenabled = {switch}\n"
    enforce(lab, text)
    # IP-70's 2541 has no switch; enhanced keeps IP-852's 1628 off.
    always = {"2541/tcp", "2541/udp"}
    needed = {"53/udp", "53/tcp", "123/udp", "80/tcp", "443/tcp", "8883/tcp", "25/tcp", "502/tcp",
              "47808/udp"}
    expected = {probe: profile == "standard" or port in always or (wanted and port in needed)
                for probe, port in OUTSIDE.items()}
    # A device's answer to a broadcast is a new flow, to a port that BACnet or LON alone opens.
    lab.probe("gateway", expected | {"bacnet_all=192.168.10.255": wanted,
                                     "standin_all=192.168.10.255/2541": True})
    # From a client's port: from some servers' ports, answers may leave to anywhere.
    said = verdicts(lab, {f"out on wan {port} sport 40000" for port in OUTSIDE.values()})
    for probe, port in OUTSIDE.items():
        verdict = "accept" if expected[probe] else "drop"
        assert said[f"out on wan {port} sport 40000"] == verdict, probe


@pytest.mark.parametrize("open_by", ["ddns", "licensing", None])
def test_either_of_two_services_keeps_https_open(lab, open_by):
    enforce(lab, 'profile = "enhanced"\n' + INTERFACES + "".join(
        f"[services.{service}]\nenabled = {str(service == open_by).lower()}\n"
        for service in ("ddns", "licensing")))
    lab.probe("gateway", dict.fromkeys((p for p, port in OUTSIDE.items() if port == "443/tcp"),
                                       open_by is not None))


LEASES = {"inet": "192.168.30.", "inet6": "fd00:30::"}
NO_DHCP = """nft -f - <<'END'
table inet judge {
  chain before { type filter hook input priority -10; policy accept; udp dport { 68, 546 } drop; }
  chain after { type filter hook output priority 10; policy accept; udp dport { 67, 547 } drop; }
}
END"""


def leases(lab):
    """What the gateway's client of DHCP holds: family to the seconds that its address has left."""
    link, = json.loads(lab.gateway("ip -j address show dev eth2"))
    return {a["family"]: a["valid_life_time"] for a in link["addr_info"]
            if a["local"].startswith(LEASES[a["family"]])}


def within(seconds, condition):
    """Whether it comes true before the seconds are over."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.3)
    return condition()


def renews(lab):
    """Whether the client, asked to renew its IPv4 lease, gets an answer. It asks the server alone,
    through a UDP socket, and conntrack knows of no flow between them."""
    assert within(10, lambda: leases(lab)["inet"] < 118)
    lab.gateway("conntrack -F 2> /dev/null; networkctl renew eth2")
    return within(2, lambda: leases(lab)["inet"] >= 118)


@pytest.mark.parametrize("profile", ["enhanced", "standard"])
def test_dhcp_client(lab, profile):
    enforce(lab, policy(profile, []))
    with lab.plugged():
        assert within(10, lambda: leases(lab).keys() == LEASES.keys())
        assert renews(lab)
        listening = json.loads(lab.gateway("quaymaster listening --json"))["listening"]
        assert {(s["port"], s["unit"]) for s in listening if s["service"] == "dhcp-client"} == {
            (68, "systemd-networkd.service"), (546, "systemd-networkd.service")}


def test_what_a_filter_can_keep_from_the_dhcp_client(lab):
    """A new IPv4 lease comes through a packet socket, past every filter. To renew it, and for all
    of DHCPv6, the client has UDP sockets, and needs the rules that let it."""
    enforce(lab, policy("enhanced", []))
    lab.gateway(NO_DHCP)
    try:
        with lab.plugged():
            assert within(10, lambda: "inet" in leases(lab))
            assert not renews(lab)
            assert "inet6" not in leases(lab)
    finally:
        lab.gateway("nft delete table inet judge")


def test_the_ports_of_dhcp_servers_open_the_client_alone(lab):
    asked = {f"standin={WAN_GATEWAY[0]}/udp/1629/67", f"standin={WAN_GATEWAY[1]}/udp/1629/547"}
    lab.policy("enforcing = false\n")
    lab.probe("wan", dict.fromkeys(asked, True))
    for profile in ("enhanced", "standard"):
        enforce(lab, policy(profile, []))
        lab.probe("wan", dict.fromkeys(asked, False))
        for client, server, ends in ((68, 67, "from 192.0.2.1 to 203.0.113.2"),
                                     (546, 547, "from fe80::1 to fe80::2")):
            said = {f"in on wan {client}/udp sport {server} {ends}": "accept",
                    f"in on wan {client}/udp sport 40000 {ends}": "drop",
                    f"in on wan 1629/udp sport {server} {ends}": "drop"}
            assert verdicts(lab, set(said)) == said
        # A DHCPv6 client is answered where it spoke from: on its link-local address.
        said = {f"in on wan 546/udp sport 547 to {WAN_GATEWAY[1]}": "drop"}
        assert verdicts(lab, set(said)) == said


def test_sources(lab):
    """`from` lets one host of the LAN in and not the other."""
    enforce(lab, INTERFACES + '[services.ssh]\nfrom = ["192.168.10.11", "fd00:10::10"]\n')
    lab.probe("lan", {"ssh=192.168.10.1": False, "ssh=fd00:10::1": True})
    ask = ("import socket; s = socket.create_connection(('192.168.10.1', 22), 3, "
           "('192.168.10.11', 0)); print(s.recv(8))")
    assert "SSH-2.0" in lab.host("lan", "python3", "-c", ask).stdout


def test_own_web_port(lab):
    """A chosen port alone opens; the redirect has a switch of its own."""
    enforce(lab, INTERFACES + "[services.web.functions.http]\nenabled = true\n")
    lab.probe("lan", {"https=192.168.10.1": True, "http=192.168.10.1": True})
    enforce(lab, INTERFACES + "[services.web]\nport = 1443\n")
    lab.probe("lan", {"https=192.168.10.1": False, "http=192.168.10.1": False})
