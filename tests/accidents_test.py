#!/usr/bin/python3
"""What accidents do to a change: the real daemon is killed, and its disk and its kernel say no, at
every step of every kind of change. The steps are system calls, and strace is the accident.

    tests/accidents_test.py BUILD"""

import os
import pathlib
import subprocess
import sys
import time
import unittest

from support.quaymasterd import SOURCE, Quaymasterd

BUILD = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else SOURCE / "build/release"
POLICY = '[interfaces]\nlan = "eth0"\nwan = "eth1"\n'
RULE = '[[rules]]\nrule = "allow 8080/tcp"\n'
OFF = "enforcing = false\n"

CHANGES = {  # the policy before, and the change
    "init": (None, {"init": "new"}),
    "allow": (POLICY, {"rule": ["allow", "8080/tcp"]}),
    "delete": (POLICY + RULE, {"rule": ["delete", "1"]}),
    "profile": (POLICY, {"profile": {"id": "standard"}}),
    "apply": (POLICY, {"policy": POLICY + RULE + "[services.ssh]\nexposed = false\n"}),
    "disable": (POLICY, {"enforcing": False}),
    "enable": (OFF + POLICY, {"enforcing": True}),
}
# How a step fails when it is refused. What only looks or clears away has no need to fail.
REFUSALS = {"fsync": "EIO", "rename": "EIO", "sendmsg": "ENOMEM"}
STEPS = [*REFUSALS, "link", "unlink"]
MOST = 40  # of one kind in a change


class Accidents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("SKIPPED: needs root: it makes a network namespace")
        cls.daemon = Quaymasterd(BUILD, "accidents")
        subprocess.run(["ip", "-n", cls.daemon.netns, "link", "add", "eth0", "type", "veth", "peer",
                        "name", "eth1"], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def begin(self, policy):
        """A gateway with that policy in force."""
        self.daemon.stop()
        self.daemon.inside("nft", "flush", "ruleset")
        for file in self.daemon.folder.iterdir():
            file.unlink()
        if policy:
            self.daemon.policy.write_text(policy)
        self.daemon.start()
        if policy:  # in the canonical form, as every change writes it
            self.daemon.ask("POST", "/v1/changes", {"rule": ["allow", "9999/tcp"]})
            self.daemon.ask("POST", "/v1/changes", {"rule": ["delete", "allow", "9999/tcp"]})

    def state(self):
        """The policy file, and what the daemon says is in force."""
        status = self.daemon.ask("GET", "/v1/status")[1]
        text = self.daemon.policy.read_text() if self.daemon.policy.exists() else None
        return text, status["enforcement"], status["revision"]

    def change(self, body, accident):
        """Makes the change while the accident waits for its step; the answer, None without one."""
        strace = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-p",
                                   str(self.daemon.process.pid), "-e",
                                   "trace=" + accident.partition(":")[0], "-e",
                                   "inject=" + accident])
        try:
            status = pathlib.Path(f"/proc/{self.daemon.process.pid}/status")
            end = time.monotonic() + 5
            while "TracerPid:\t0" in status.read_text():
                if self.daemon.process.poll() is not None:
                    return None  # what it did by itself was such a step too
                assert time.monotonic() < end, "strace does not trace"
                time.sleep(0.01)
            time.sleep(0.02)  # it attaches first, and then continues
            try:
                return self.daemon.ask("POST", "/v1/changes", body)[0]
            except (OSError, ValueError):
                return None
        finally:
            strace.terminate()
            strace.wait(timeout=10)

    def assert_sound(self, what):
        """The kernel does what the daemon says, and nothing is left lying about."""
        status = self.daemon.ask("GET", "/v1/status")[1]
        self.assertEqual(status["drift"], [], what)
        self.assertEqual(status["errors"], [], what)
        if status["enforcement"] == "on":
            self.assertTrue(self.daemon.ask("GET", "/v1/proof")[1]["equal"], what)
        else:
            self.assertNotIn("quaymaster", self.daemon.inside("nft", "list", "ruleset"), what)
        left = [file.name for file in self.daemon.folder.iterdir()
                if file.suffix in (".new", ".old")]
        self.assertEqual(left, [], what)

    def outcomes(self, name):
        """The states before and after a change."""
        policy, body = CHANGES[name]
        self.begin(policy)
        before = self.state()
        self.assertEqual(self.daemon.ask("POST", "/v1/changes", body)[0], 200, name)
        after = self.state()
        self.assertNotEqual(before, after)
        return before, after

    def test_killed_at_every_step_it_is_right_after_the_restart(self):
        for name, (policy, body) in CHANGES.items():
            before, after = self.outcomes(name)
            killed = {before: 0, after: 0}
            for step in STEPS:
                for number in range(1, MOST):
                    what = f"{name}, killed at {step} {number}"
                    self.begin(policy)
                    if self.change(body, f"{step}:signal=KILL:when={number}") is not None:
                        break
                    self.daemon.process.wait(timeout=10)
                    self.daemon.start()
                    found = self.state()
                    self.assertIn(found, killed, what)
                    killed[found] += 1
                    self.assert_sound(what)
            print(f"{name}: killed {killed[before]} times before it was done, "
                  f"{killed[after]} after", flush=True)
            self.assertGreaterEqual(killed[before], 3, name)
            self.assertGreaterEqual(killed[after], 1, name)

    def test_refused_at_every_step_everything_is_as_it_was(self):
        for name, (policy, body) in CHANGES.items():
            before, after = self.outcomes(name)
            refused = 0
            for step, error in REFUSALS.items():
                for number in range(1, MOST):
                    what = f"{name}, {step} {number} says {error}"
                    self.begin(policy)
                    strange = self.change(body, f"{step}:error={error}:when={number}")
                    # Its answer is a message too, and may be lost.
                    whole = self.state() == after and strange in (200, None)
                    if not whole:
                        refused += 1
                        self.assertEqual(strange, 500, what)
                        self.assertEqual(self.state(), before, what)
                    self.assert_sound(what)
                    if not whole:  # and it goes on
                        self.assertEqual(self.daemon.ask("POST", "/v1/changes", body)[0], 200, what)
                        self.assert_sound(what)
                    elif number > 6:
                        break
            print(f"{name}: refused at {refused} steps", flush=True)
            self.assertGreaterEqual(refused, 3, name)


if __name__ == "__main__":
    unittest.main()
