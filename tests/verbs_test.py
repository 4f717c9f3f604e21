#!/usr/bin/python3
"""The command line in front of a real daemon: every example of every --help, every reader's JSON,
the completion, and wrong words. The daemon runs in a network namespace of its own.

    tests/verbs_test.py BUILD"""

import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import unittest

from support.quaymasterd import SOURCE, Quaymasterd

BUILD = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else SOURCE / "build/release"
PROGRAM = BUILD / "src/quaymaster"
POLICY = '[interfaces]\nlan = "eth0"\nwan = "eth1"\n'
DONE, FAILED, USAGE, REPORT = 0, 1, 2, 3

# Verbs that ask no daemon.
OFFLINE = ("compile", "check", "diff", "analyze", "explain", "services")
FILES = {
    "policy.toml": POLICY + '[services.mqtt]\nenabled = true\non = ["lan"]\n',
    "old.toml": POLICY,
    "rules.v4": "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n",
    "before.v4": "*filter\n:INPUT DROP [0:0]\nCOMMIT\n",
    "rules.v6": "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n",
}
# What leaves a state that the next one needs.
ORDER = ("init", "status", "interface", "service enable", "service set", "service hide",
         "service expose", "profile", "allow", "deny", "reject", "limit", "insert", "prepend")


def help_of(*words):
    return subprocess.run([PROGRAM, *words, "--help"], capture_output=True, text=True,
                          check=True).stdout


def all_verbs():
    """Every verb as it is typed."""
    def below(text):
        return re.findall(r"^  ([a-z]+) ", text[text.index("Verbs:"):], re.M)
    verbs = []
    for verb in below(help_of()):
        text = help_of(verb)
        verbs += [f"{verb} {one}" for one in below(text)] if "Verbs:" in text else [verb]
    return verbs


def examples(verb):
    text = help_of(*verb.split())
    return re.findall(r"^  quaymaster (.*)$", text[text.index("Examples:"):], re.M)


class Verbs(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            raise unittest.SkipTest("SKIPPED: needs root: it makes a network namespace")
        self.daemon = Quaymasterd(BUILD, "verbs")
        self.addCleanup(self.daemon.close)
        for peer in ("eth0", "eth1"):
            self.daemon.inside("ip", "link", "add", peer, "type", "veth", "peer", "name", peer + "p")
        for name, text in FILES.items():
            (self.daemon.folder / name).write_text(text)

    def begin(self, policy=POLICY):
        self.daemon.policy.write_text(policy)
        self.daemon.start()

    def run_verb(self, line, answer="y\n"):
        words = shlex.split(line)
        options = []
        if words[0] in OFFLINE:
            options = ["--catalogue", SOURCE / "catalogue"]
            if words[0] == "explain":
                options += ["--policy", self.daemon.folder / "old.toml"]
        else:
            options = ["--socket", self.daemon.socket]
        return subprocess.run(["ip", "netns", "exec", self.daemon.netns, PROGRAM, *words, *options],
                              input=answer, capture_output=True, text=True,
                              cwd=self.daemon.folder / "..", env={**os.environ, "NO_COLOR": "1"})

    def test_every_example_works(self):
        policy = self.daemon.policy.read_text()
        self.daemon.policy.unlink()  # init makes the first one
        self.daemon.start()
        verbs = all_verbs()
        self.assertGreater(len(verbs), 30)
        rank = {verb: i for i, verb in enumerate(verbs)}
        verbs.sort(key=lambda verb: (next((i for i, one in enumerate(ORDER)
                                           if verb.startswith(one)), len(ORDER)), rank[verb]))
        ran = 0
        for verb in verbs:
            self.assertTrue(examples(verb), f"{verb} has no example")
            for example in examples(verb):
                if example == "apply":  # of an edit by hand
                    self.daemon.policy.write_text(self.daemon.policy.read_text() + "\n# by hand\n")
                words = re.sub(r"\b(policy\.toml|old\.toml|rules\.v[46]|before\.v4)\b",
                               lambda m: str(self.daemon.folder / ("new.toml" if m[1] == "policy.toml"
                                                                   else m[1])), example)
                (self.daemon.folder / "new.toml").write_text(policy)
                done = self.run_verb(words)
                self.assertIn(done.returncode, (DONE, REPORT), f"{example}: {done.stdout}{done.stderr}")
                self.assertEqual(done.stderr, "", example)
                self.assertTrue(done.stdout, f"{example} says nothing")
                ran += 1
        print(f"{ran} examples of {len(verbs)} verbs ran")

    def test_every_reader_speaks_json(self):
        self.begin()
        for line in ("status", "status numbered", "listening", "ports", "ports --external",
                     "ports --internal", "verify", "profile", "interface list", "interface",
                     "service list", "service", "service show ssh", "plan", "services",
                     "services ssh", "explain in 22/tcp", f"check {self.daemon.policy}",
                     f"compile {self.daemon.policy}", f"analyze {self.daemon.folder}/rules.v4",
                     "analyze --live"):
            done = self.run_verb(line + " --json")
            self.assertIn(done.returncode, (DONE, REPORT), f"{line}: {done.stderr}")
            json.loads(done.stdout)
        for line in ("allow 8080/tcp", "service enable mqtt --on lan", "profile standard",
                     "interface set vpn=tun0", "disable", "enable"):
            done = self.run_verb(line + " --json")
            self.assertEqual(done.returncode, DONE, f"{line}: {done.stdout}{done.stderr}")
            self.assertTrue(json.loads(done.stdout)["applied"], line)

    def test_a_reader_that_has_seen_enough(self):
        # Below systemd the signal is ignored, and whoever asks for it ends by it all the same.
        process = subprocess.Popen([PROGRAM, "services", "--catalogue", SOURCE / "catalogue"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   restore_signals=False,
                                   preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN))
        process.stdout.close()
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
        self.assertEqual(process.wait(), -signal.SIGPIPE)
        with open("/dev/full", "w") as full:
            done = subprocess.run([PROGRAM, "services", "--catalogue", SOURCE / "catalogue"],
                                  stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (FAILED, "quaymaster: cannot write the output\n"))

    def test_wrong_words(self):
        self.begin()
        for line, status, said in (
                ("nonsense", USAGE, "nonsense"),
                ("alow 22", USAGE, "allow"),
                ("status now", USAGE, "status --help"),
                ("allow 70000/tcp", USAGE, "70000"),
                ("service show mqt", FAILED, "mqtt"),
                ("service enable mqt", FAILED, "mqtt"),
                ("service enable mqtt", FAILED, "--on"),
                ("service enable mqtt --on dmz", FAILED, "dmz"),
                ("service set bacnet port=0", USAGE, "port"),
                ("interface set lan", USAGE, "NAME=INTERFACE"),
                ("interface remove dmz", FAILED, "dmz"),
                ("profile enhnced", FAILED, "enhanced"),
                ("delete 999", FAILED, "999"),
                ("init", FAILED, "--factory"),
                ("apply /nowhere.toml", FAILED, "/nowhere.toml"),
                ("ports --external --internal", USAGE, "--internal"),
                ("disable ssh", USAGE, "service"),
                ("stop", USAGE, "systemctl")):
            done = self.run_verb(line)
            self.assertEqual(done.returncode, status, f"{line}: {done.stdout}{done.stderr}")
            self.assertIn(said, done.stderr, line)
            self.assertEqual(done.stdout, "", line)

    def test_a_rule_is_shown_before_it_is_deleted(self):
        self.begin(POLICY + '[[rules]]\nrule = "allow 8080/tcp"\n')
        number = re.search(r"^\[ *(\d+)\] +8080/tcp", self.run_verb("status numbered").stdout, re.M)[1]
        left = self.run_verb(f"delete {number}", "n\n")
        self.assertIn("allow 8080/tcp", left.stdout)
        self.assertIn("(y|n)", left.stdout)
        self.assertIn("8080", self.daemon.policy.read_text())
        self.assertEqual(self.run_verb(f"delete {number}", "y\n").returncode, DONE)
        self.assertNotIn("8080", self.daemon.policy.read_text())

    def complete(self, *words):
        """What the shell offers after these words, in front of this daemon."""
        wrapper = self.daemon.folder / "quaymaster"
        wrapper.write_text(f'#!/bin/sh\nexec {PROGRAM} "$@" --socket {self.daemon.socket}\n')
        wrapper.chmod(0o755)
        script = (f"PATH={self.daemon.folder}:$PATH; . {SOURCE}/completion/quaymaster;"
                  "COMP_WORDS=(\"$@\"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _quaymaster;"
                  "printf '%s\\n' \"${COMPREPLY[@]}\"")
        return self.daemon.inside("bash", "-c", script, "bash", "quaymaster", *words).split()

    def test_the_completion_knows_this_gateway(self):
        self.begin(POLICY + '[[rules]]\nrule = "allow 8080/tcp"\n[[rules]]\nrule = "deny 9/udp"\n')
        self.assertEqual(self.complete("service", "enable", "mqtts"), ["mqtts"])
        self.assertIn("lon.rni", self.complete("service", "enable", "lon"))
        self.assertEqual(self.complete("service", "hide", "ssh", "--on", ""), ["lan", "wan", "all"])
        self.assertEqual(self.complete("interface", "remove", ""), ["lan", "wan"])
        self.assertEqual(self.complete("interface", "set", "l"), ["lan="])
        self.assertIn("wan", self.complete("allow", "in", "on", ""))
        self.assertIn("eth0", self.complete("allow", "in", "on", "eth"))
        self.assertEqual(self.complete("profile", "enhanced", "--keep", "mqtts"), ["mqtts"])
        self.assertEqual(self.complete("profile", "s"), ["standard"])
        numbers = re.findall(r"^\[ *(\d+)\]", self.run_verb("status numbered").stdout, re.M)
        self.assertEqual([word for word in self.complete("delete", "") if word.isdigit()], numbers)
        self.assertEqual(self.complete("insert", ""), ["1", "2"])
        self.assertEqual(self.complete("insert", "1", "d"), ["deny"])


if __name__ == "__main__":
    unittest.main()
