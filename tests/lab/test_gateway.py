"""The gateway as a whole: installing, booting, rebooting, routing, multicast, accidents."""

import json
import pathlib
import subprocess
import time

import pytest

from conftest import LAN_GATEWAY

INTERFACES = """
[interfaces]
lan = "eth0"
wan = "eth1"
"""
HERE = pathlib.Path(__file__).resolve().parent

# Counts, around our table, what arrives for denied ports and what gets past us.
JUDGE = """nft -f - <<'END'
table inet judge {
  counter seen { }
  counter passed { }
  chain before { type filter hook input priority -10; policy accept;
    tcp dport 1883 counter name seen
    udp dport 53 iifname "eth*" counter name seen
  }
  chain after { type filter hook input priority 10; policy accept;
    tcp dport 1883 counter name passed
    udp dport 53 iifname "eth*" counter name passed
  }
}
END"""

# Sends to both denied ports from the first moment until it is killed, as fast as it can.
HAMMER = """
import socket, time
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    for _ in range(20):
        try:
            udp.sendto(bytes(30), ("192.168.10.1", 53))
        except OSError:
            time.sleep(0.001)
    tcp = socket.socket()
    tcp.setblocking(False)
    tcp.connect_ex(("192.168.10.1", 1883))
    tcp.close()
"""


def test_installing_changes_no_firewall(lab):
    lab.up()
    assert lab.gateway("nft list ruleset").strip() == ""
    assert lab.gateway("systemctl is-enabled quaymaster-restore", check=False).strip() == "disabled"
    assert lab.gateway("quaymaster --version").startswith("quaymaster 0.")
    lab.gateway("man -w quaymaster > /dev/null 2>&1 || "
                "test -f /usr/share/doc/quaymaster/copyright")
    # Without a policy the boot unit has nothing to do.
    lab.gateway("systemctl start quaymaster-restore quaymasterd")
    assert lab.gateway("nft list ruleset").strip() == ""
    assert "no policy yet" in lab.gateway("quaymaster status")


def test_a_reboot_under_traffic_lets_nothing_denied_pass(lab):
    lab.up(INTERFACES)
    # Debian's own unit flushes everything when it starts; ours comes after it.
    lab.gateway("systemctl enable nftables")
    hammer = lab.start("lan", "python3", "-c", HAMMER)
    try:
        for _ in range(2):
            lab.pull_the_plug()
            lab.up(keep=True, before_boot=JUDGE)
            time.sleep(1)
            # nftables.service flushes the judge's table too, so here only our table is judged by
            # what it lets through; the boot below has the judge from the first moment.
            lab.probe("lan", {"ssh=192.168.10.1": True, "mqtt=192.168.10.1": False,
                              "dns=192.168.10.1": False})
        lab.gateway("systemctl disable nftables")
        lab.pull_the_plug()
        lab.up(keep=True, before_boot=JUDGE)
        time.sleep(1)
        assert lab.counter("seen") > 1000
        assert lab.counter("passed") == 0
        assert "table inet quaymaster" in lab.gateway("nft list tables")
    finally:
        hammer.kill()


def test_routed_packets(lab):
    lab.up(INTERFACES)
    lab.probe("lan", {"https=198.51.100.53": False, "https=fd00:99::1": False,
                      "dns=198.51.100.53": False})
    lab.policy('forward = "leave"\n' + INTERFACES)
    lab.probe("lan", {"https=198.51.100.53": True, "https=fd00:99::1": True,
                      "dns=198.51.100.53": True})


@pytest.mark.parametrize("profile", ["enhanced", "standard"])
def test_multicast_is_still_joined_after_the_querier_asked(lab, profile):
    lab.up(f'profile = "{profile}"\n' + INTERFACES)
    lab.probe("lan", {"mdns=eth0": True, "mdns6=eth0": True})
    for _ in range(2):
        assert lab.host("lan", "python3", str(HERE / "multicast.py")).stdout.split() == [
            "224.0.0.251", "ff02::fb"]
    lab.probe("lan", {"mdns=eth0": True, "mdns6=eth0": True})


def test_host_needs(lab):
    lab.up('profile = "enhanced"\n' + INTERFACES + '[services.ssh]\nexposed = false\n')
    for address in LAN_GATEWAY:
        lab.host("lan", "ping", "-c", "1", "-W", "2", address)
    lab.gateway("ping -c 1 -W 2 192.168.10.10 && ping -c 1 -W 2 fd00:10::10")
    # An ICMP error for an outgoing request comes back at once, not after a time-out.
    out = lab.gateway("time -p timeout 5 bash -c 'echo > /dev/udp/203.0.113.1/123; "
                      "exec 3<>/dev/tcp/203.0.113.1/25' 2>&1", check=False)
    assert "Connection refused" in out


def test_a_wrong_policy_is_refused_and_changes_nothing(lab):
    lab.up(INTERFACES)
    before = lab.gateway("nft -s list ruleset")
    out = lab.gateway("echo 'profil = 3' >> /etc/quaymaster/policy.toml; quaymaster-restore 2>&1",
                      check=False)
    assert "/etc/quaymaster/policy.toml:5: `profil` must be a text in quotes" in out
    assert "the policy is refused; the rules that were in force stay" in out
    assert lab.gateway("nft -s list ruleset") == before
    # The next boot has no rules to keep: those that loaded last come back.
    lab.pull_the_plug()
    lab.up(keep=True)
    lab.probe("lan", {"ssh=192.168.10.1": True, "mqtt=192.168.10.1": False})
    assert "the rules that loaded last are in force" in lab.gateway(
        "journalctl -b -u quaymaster-restore --no-pager")


def test_without_policy_and_last_rules_the_fail_safe_ones_come(lab):
    lab.up(INTERFACES)
    lab.gateway("rm /var/lib/quaymaster/last-good.nft; echo nonsense > /etc/quaymaster/policy.toml")
    lab.pull_the_plug()
    lab.up(keep=True)
    lab.probe("lan", {"ssh=192.168.10.1": True, "mqtt=192.168.10.1": False})
    assert "the fail-safe rules are in force" in lab.gateway(
        "journalctl -b -u quaymaster-restore --no-pager")


def test_a_killed_restore_leaves_the_old_rules_or_the_new(lab):
    lab.up(INTERFACES)
    lab.gateway("systemctl stop quaymasterd; cp /etc/quaymaster/policy.toml /tmp/a; cp /tmp/a /tmp/b;"
                "printf '[services.mqtt]\\nenabled = true\\n' >> /tmp/b")
    listing = "nft -s list table inet quaymaster | grep -c 'jump in_mqtt'"
    for i in range(40):
        lab.gateway(f"cp /tmp/{'ab'[i % 2]} /etc/quaymaster/policy.toml;"
                    f"timeout -s KILL 0.{i % 20 + 1:03d} quaymaster-restore > /dev/null 2>&1", check=False)
        assert lab.gateway(listing, check=False).strip() in ("0", "2", "4")
    lab.gateway("cp /tmp/a /etc/quaymaster/policy.toml; quaymaster-restore")
    lab.probe("lan", {"ssh=192.168.10.1": True, "mqtt=192.168.10.1": False})


def test_denied_packets_reach_the_log_group(lab):
    lab.up(INTERFACES)
    netns = lab.env["QUAY_LAB_NAME"] + "-gw"
    ear = subprocess.Popen(["ip", "netns", "exec", netns, "tcpdump", "-c", "1", "-n", "-i",
                            "nflog:86"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.7)
    lab.probe("lan", {"mqtt=192.168.10.1": False})
    out, _ = ear.communicate(timeout=10)
    assert "192.168.10.1.1883" in out
    assert int(lab.gateway("nft list counter inet quaymaster in_denied | "
                           "sed -n 's/.*packets \\([0-9]*\\).*/\\1/p'")) > 0


def test_a_local_service_file_adds_and_a_wrong_one_is_refused_alone(lab):
    lab.up(INTERFACES)
    lab.gateway("""cat > /etc/quaymaster/services/chrony-server.toml <<'END'
id = "chrony-server"
title = "Time server"
description = "Gives the site the time."
closing = "Devices of the site lose their clock."
[[endpoints]]
direction = "in"
protocol = "udp"
local = "123"
END
echo 'id = "broken"' > /etc/quaymaster/services/broken.toml
""")
    out = lab.gateway("quaymaster-restore 2>&1")
    assert "/etc/quaymaster/services/broken.toml" in out and "the policy is in force" in out
    lab.probe("lan", {"ntp=192.168.10.1": True, "ssh=192.168.10.1": True})


def test_the_first_policy(lab):
    lab.up()
    lab.gateway("systemctl enable --now quaymasterd 2> /dev/null")
    assert lab.gateway("nft list ruleset").strip() == ""
    out = lab.gateway("quaymaster allow 22/tcp 2>&1", check=False)
    assert "there is no policy yet; `quaymaster init` makes the first one" in out
    lab.gateway("quaymaster init")
    now = json.loads(lab.gateway("quaymaster status --json"))
    assert (now["profile"], now["interfaces"]) == ("enhanced", {"lan": "eth0", "wan": "eth1"})
    lab.probe("lan", {"ssh=192.168.10.1": True, "mqtt=192.168.10.1": False})
    # It stays so over a reboot, and a factory reset opens what was closed.
    lab.gateway("quaymaster service hide ssh")
    lab.pull_the_plug()
    lab.up(keep=True)
    lab.probe("lan", {"ssh=192.168.10.1": False})
    lab.gateway("quaymaster init --factory")
    lab.probe("lan", {"ssh=192.168.10.1": True})
    # One that ufw has guarded so far becomes standard.
    lab.gateway("systemctl stop quaymasterd; nft delete table inet quaymaster;"
                "rm /etc/quaymaster/policy.toml /var/lib/quaymaster/last-good.nft;"
                "mkdir -p /etc/ufw; echo ENABLED=yes > /etc/ufw/ufw.conf;"
                "systemctl start quaymasterd; quaymaster init")
    assert lab.gateway("quaymaster profile").strip() == "standard"
