"""The lab as a fixture: every test gets a gateway that has just booted."""

import contextlib
import json
import os
import pathlib
import subprocess
import time

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LAN_GATEWAY = ("192.168.10.1", "fd00:10::1")
WAN_GATEWAY = ("203.0.113.2", "fd00:20::2")


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        print("\nSKIPPED: the lab needs root")


class Lab:
    """One running lab. Policies are TOML texts."""

    def __init__(self, layer):
        self.layer = layer
        self.env = dict(os.environ, QUAY_LAB_NAME=f"quaytest{os.getpid()}")

    def command(self, name, *words, check=True, before_boot=None):
        env = dict(self.env, QUAY_LAB_BEFORE_BOOT=before_boot) if before_boot else self.env
        done = subprocess.run([SOURCE / "lab" / name, *words], env=env, text=True, timeout=120,
                              capture_output=True, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"lab/{name} {words}: {done.stdout}{done.stderr}")
        return done

    def up(self, policy="", keep=False, before_boot=None):
        path = ""
        if policy:
            path = f"/tmp/{self.env['QUAY_LAB_NAME']}.toml"
            pathlib.Path(path).write_text(policy)
        self.command("up", self.layer, path, *(["keep"] if keep else []), before_boot=before_boot)

    def down(self):
        self.command("down")

    def pull_the_plug(self):
        self.command("down", "pull")

    def gateway(self, script, check=True):
        """Runs a script on the gateway, as a unit; its output."""
        return self.command("exec", script, check=check).stdout

    def host(self, name, *words, check=True):
        return self.command(name, *words, check=check)

    def start(self, name, *words, **options):
        """A command on a host that goes on by itself."""
        return subprocess.Popen([SOURCE / "lab" / name, *words], env=self.env, text=True, **options)

    @contextlib.contextmanager
    def plugged(self):
        """For a while the gateway has an eth2, on the network with the DHCP server."""
        netns = [f"{self.env['QUAY_LAB_NAME']}-{name}" for name in ("lan", "gw")]
        move = "ip -n {} link set eth2 netns {}"
        subprocess.run(move.format(*netns).split(), check=True)
        try:
            yield
        finally:
            subprocess.run(move.format(*reversed(netns)).split(), check=True)

    def policy(self, text):
        """Puts a policy in force the way a person does."""
        self.gateway(f"cat > /etc/quaymaster/policy.toml <<'END'\n{text}\nEND\n"
                     "systemctl start quaymasterd; quaymaster apply")

    def counter(self, name):
        """A counter of the judge's table, which stands around ours."""
        netns = self.env["QUAY_LAB_NAME"] + "-gw"
        out = subprocess.run(["ip", "netns", "exec", netns, "nft", "-j", "list", "counter", "inet",
                              "judge", name], capture_output=True, text=True, check=True).stdout
        return next(item["counter"]["packets"] for item in json.loads(out)["nftables"]
                    if "counter" in item)

    def probe(self, host, expected):
        """Asks real questions from a host ("lan", "wan", "gateway") and compares the answers with
        what is expected: True, False for silence, "refused". A daemon that has just booted may need
        a while to speak (Node's take seconds of a processor that others use too), so what should
        answer is asked again for a minute; what should be silent gets no second chance."""
        answers = {}
        deadline = time.monotonic() + 60
        while True:
            asked = [p for p in expected if answers.get(p) != expected[p]]
            if host == "gateway":
                out = self.gateway("python3 /usr/local/lib/lab/probes.py " + " ".join(asked))
            else:
                out = self.host(host, "python3", str(SOURCE / "lab/probes.py"), *asked).stdout
            answers.update(json.loads(out))
            wrong = {p for p in expected if answers[p] != expected[p]}
            if (not wrong or any(answers[p] is True for p in wrong)
                    or time.monotonic() > deadline):
                break
            time.sleep(1)
        assert answers == expected


@pytest.fixture(scope="session")
def layer():
    if os.geteuid() != 0:
        pytest.skip("SKIPPED: the lab needs root")
    deb = subprocess.run([SOURCE / "scripts/build-deb"], check=True, capture_output=True,
                         text=True).stdout.strip()
    return subprocess.run([SOURCE / "lab/build", deb], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


@pytest.fixture(scope="module")
def module_lab(layer):
    """One gateway for all tests of a file that asks for it."""
    instance = Lab(layer)
    try:
        yield instance
    finally:
        instance.down()


@pytest.fixture
def lab(layer):
    instance = Lab(layer)
    yield instance
    instance.down()
