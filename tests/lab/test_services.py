"""Every daemon of the lab, open and closed, in both profiles, from LAN and WAN, over both
families, by real protocol requests, held against the policy's own verdict."""

import json

import pytest

from conftest import LAN_GATEWAY, WAN_GATEWAY, Lab

INTERFACES = """
[interfaces]
lan = "eth0"
wan = "eth1"
"""

SWITCHES = {  # probe: how a policy opens it on some interfaces, and how it closes it
    "ssh": ("[services.ssh]\nenabled = true\non = {on}", "[services.ssh]\nexposed = false"),
    "https": ("[services.web]\nenabled = true\non = {on}\n"
              "[services.web.functions.http]\nenabled = true", "[services.web]\nenabled = false"),
    "mqtt": ("[services.mqtt]\nenabled = true\non = {on}", ""),
    "mqtts": ("[services.mqtts]\nenabled = true\non = {on}", "[services.mqtts]\nenabled = false"),
    "mdns": ("[services.mdns]\nenabled = true\non = {on}", "[services.mdns]\nenabled = false"),
}
PORTS = {"ssh": "22/tcp", "https": "443/tcp", "http": "80/tcp", "mqtt": "1883/tcp",
         "mqtts": "8883/tcp", "dns": "53/udp", "dns_tcp": "53/tcp", "ntp": "123/udp",
         "mdns": "5353/udp", "mdns6": "5353/udp"}


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
    return text


def expected(host, is_open):
    addresses = LAN_GATEWAY if host == "lan" else WAN_GATEWAY
    names = [n for n in PORTS if not n.startswith("mdns")]
    probes = {f"{name}={address}": is_open for name in names for address in addresses}
    probes |= {"mdns=eth0": is_open, "mdns6=eth0": is_open}
    return probes


def enforce(lab, text):
    """Puts a policy in force, and nothing that the one before let in counts as known."""
    lab.policy(text)
    lab.gateway("conntrack -F 2> /dev/null")


@pytest.fixture(scope="module")
def lab(layer):
    """One gateway for all of this file, with all its daemons awake: what is silent later is silent
    because it is closed."""
    instance = Lab(layer)
    try:
        instance.up()
        instance.probe("gateway", {f"{name}=127.0.0.1": True
                                   for name in PORTS if not name.startswith("mdns")})
        yield instance
    finally:
        instance.down()


@pytest.mark.parametrize("profile", ["enhanced", "standard"])
@pytest.mark.parametrize("where", [[], ["lan"], ["lan", "wan"]], ids=["closed", "lan", "both"])
def test_from_outside(lab, profile, where):
    enforce(lab, policy(profile, where))
    for host in ("lan", "wan"):
        lab.probe(host, expected(host, host in where))
        # The policy says of itself what was seen.
        for port in set(PORTS.values()):
            answer = json.loads(lab.gateway(f"quaymaster explain --json in on {host} {port}"))
            assert answer["verdict"] == ("accept" if host in where else "drop"), answer


OUTSIDE = {"dns=198.51.100.53": "53/udp", "dns_tcp=198.51.100.53": "53/tcp",
           "dns=fd00:99::1": "53/udp", "ntp=198.51.100.123": "123/udp",
           "ntp=fd00:99::1": "123/udp", "http=198.51.100.53": "80/tcp",
           "https=198.51.100.53": "443/tcp", "https=fd00:99::1": "443/tcp",
           "mqtts=198.51.100.53": "8883/tcp", "mqtts=fd00:99::1": "8883/tcp",
           "mqtt=198.51.100.53": "1883/tcp", "ssh=198.51.100.25": "22/tcp",
           "ssh=fd00:99::1": "22/tcp"}


@pytest.mark.parametrize("profile", ["enhanced", "standard"])
@pytest.mark.parametrize("wanted", [True, False], ids=["on", "off"])
def test_outgoing(lab, profile, wanted):
    switch = str(wanted).lower()
    text = f'profile = "{profile}"\n' + INTERFACES
    for service in ("dns", "ntp", "cms-update", "licensing", "remote-cms"):
        text += f"[services.{service}]\nenabled = {switch}\n"
    enforce(lab, text)
    needed = {"53/udp", "53/tcp", "123/udp", "80/tcp", "443/tcp", "8883/tcp"}
    lab.probe("gateway", {probe: profile == "standard" or (wanted and port in needed)
                          for probe, port in OUTSIDE.items()})


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
