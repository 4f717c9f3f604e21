#!/usr/bin/python3
"""Asks a real daemon everything that docs/openapi.yaml knows, and much that it refuses, and holds
every answer against it. The daemon runs in a network namespace of its own.

    tests/api_test.py BUILD"""

import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import time
import unittest

import jsonschema
import yaml

from support.quaymasterd import SOURCE, Quaymasterd, Wire

BUILD = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else SOURCE / "build/release"
OPENAPI = yaml.safe_load((SOURCE / "docs/openapi.yaml").read_text())
PYTHON = "/usr/bin/python3"  # one that everybody may run
POLICY = '[interfaces]\nlan = "eth0"\nwan = "eth1"\n'


def template_of(path):
    """The documented path that a real one belongs to."""
    if path in OPENAPI["paths"]:
        return path
    for template in OPENAPI["paths"]:
        if re.fullmatch(re.sub(r"\{[a-z]+\}", "[^/]+", template), path):
            return template
    return None


def every_question():
    """Every documented GET, with examples in the place of its parameters."""
    examples = {"id": "ssh", "scope": "internal"}
    return [re.sub(r"\{([a-z]+)\}", lambda m: examples[m[1]], path)
            for path, item in OPENAPI["paths"].items() if "get" in item]


def check(method, path, status, body):
    """Fails when an answer is not what the document promises."""
    template = template_of(path)
    operation = OPENAPI["paths"].get(template, {}).get(method.lower()) if template else None
    if operation is None:
        assert status in (403, 404, 405), (method, path, status)
        schema = {"$ref": "#/components/schemas/Errors"}
    else:
        assert str(status) in operation["responses"], (method, path, status, body)
        response = operation["responses"][str(status)]
        if "$ref" in response:
            response = OPENAPI["components"]["responses"][response["$ref"].rpartition("/")[2]]
        schema = response["content"]["application/json"]["schema"]
    jsonschema.Draft202012Validator({**schema, "components": OPENAPI["components"]}).validate(body)


def processor_time(pid):
    """Seconds that a process has used (proc_pid_stat(5))."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("SKIPPED: needs root: it makes a network namespace")
        cls.daemon = Quaymasterd(BUILD, "api")
        cls.policy, cls.socket = cls.daemon.policy, cls.daemon.socket
        cls.policy.write_text(POLICY)
        cls.daemon.start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def ask(self, method, path, body=None):
        status, value = self.daemon.ask(method, path, body)
        check(method, path, status, value)
        return status, value

    def change(self, **body):
        return self.ask("POST", "/v1/changes", body)

    def setUp(self):
        self.policy.write_text(POLICY)
        self.assertEqual(self.change(file=True)[0], 200)

    def test_every_documented_question_is_answered(self):
        for path in every_question():
            self.assertEqual(self.ask("GET", path)[0], 200, path)
        self.assertEqual(self.ask("GET", "/v1/ports/external")[0], 200)

    def test_every_kind_of_change(self):
        for body in ({"rule": ["allow", "8080/tcp", "comment", "a tool"]},
                     {"rule": ["insert", "1", "deny", "from", "203.0.113.7"]},
                     {"rule": ["delete", "1"]},
                     {"service": {"id": "mqtt", "enabled": True, "on": ["lan"],
                                  "from": ["10.0.0.0/8"], "reason": "r", "owner": "o"}},
                     {"service": {"id": "bacnet", "enabled": True, "everywhere": True,
                                  "port": 47809, "clients": "49152-65535"}},
                     {"service": {"id": "lon.rni", "enabled": True, "port": 1632}},
                     {"service": {"id": "ssh", "exposed": False}},
                     {"profile": {"id": "standard"}},
                     {"profile": {"id": "enhanced", "keep": ["mqtt"]}},
                     {"interfaces": {"set": {"vpn": "tun0"}}},
                     {"interfaces": {"remove": ["vpn"]}},
                     {"opening": {"rule": "allow in on wan to any port 8081 proto tcp".split(),
                                  "until": "2126-11-23T18:00:00Z", "reason": "a visit"}},
                     {"opening": {"number": 1, "until": "2127-01-01T00:00:00Z"}},
                     {"opening": {"number": 1, "close": True}},
                     {"enforcing": False}, {"enforcing": True}, {"file": True},
                     {"policy": POLICY + "[services.ssh]\nexposed = false\n"}):
            jsonschema.Draft202012Validator({"$ref": "#/components/schemas/Change",
                                             "components": OPENAPI["components"]}).validate(body)
            before = self.policy.read_text()
            status, planned = self.change(**body, dry_run=True)
            self.assertEqual(status, 200, body)
            self.assertFalse(planned["applied"])
            self.assertEqual(self.policy.read_text(), before, "a dry run changes nothing")
            status, done = self.change(**body, base=planned["base"])
            self.assertEqual(status, 200, body)
            self.assertEqual(done["applied"], planned["changes"], body)
            self.assertEqual(done["revision"], planned["revision"])
            self.assertEqual(self.ask("GET", "/v1/status")[1]["revision"], done["revision"])

    def test_openings_are_listed_and_end(self):
        self.change(opening={"rule": ["limit", "8081/tcp"], "until": "2126-11-23T18:00:00Z",
                             "reason": "a visit"})
        status, ended = self.change(opening={"rule": ["allow", "8082/tcp"],
                                             "until": "2001-01-01T00:00:00Z"})
        self.assertEqual((status, ended["opens"]), (200, []))
        self.assertEqual(ended["warnings"], ["opening 2 ended at 2001-01-01 00:00:00 UTC"])
        self.assertEqual(self.ask("GET", "/v1/openings")[1]["openings"],
                         [{"number": 1, "rule": "limit 8081/tcp", "until": "2126-11-23T18:00:00Z",
                           "reason": "a visit", "ended": False},
                          {"number": 2, "rule": "allow 8082/tcp", "until": "2001-01-01T00:00:00Z",
                           "reason": "", "ended": True}])

    def test_what_closes_waits_where_only_opening_was_wanted(self):
        status, opened = self.change(rule=["allow", "8080/tcp"], only_opening=True)
        self.assertEqual((status, opened["applied"], opened["closes"]), (200, True, []))
        before = self.policy.read_text()
        status, waits = self.change(rule=["delete", "allow", "8080/tcp"], only_opening=True)
        self.assertEqual((status, waits["applied"]), (200, False))
        self.assertTrue(waits["changes"] and waits["closes"])
        self.assertEqual(self.policy.read_text(), before)
        status, done = self.change(rule=["delete", "allow", "8080/tcp"], base=waits["base"])
        self.assertEqual((status, done["applied"]), (200, True))

    def test_what_is_not_understood(self):
        for body in ("{", "[]", {"rul": ["allow", "22"]}, {}, {"rule": ["allow", "70000/tcp"]},
                     {"rule": "allow 22"}, {"opening": {"rule": ["allow", "22"]}},
                     {"opening": {"rule": ["delete", "1"], "until": "2126-11-23T18:00:00Z"}},
                     {"opening": {"rule": ["allow", "22"], "until": "tomorrow"}},
                     {"opening": {"close": True}}, {"opening": {"number": 0, "close": True}},
                     {"opening": {"number": 1, "close": True, "reason": "r"}}, {"enforcing": 1}, {"service": {"enabled": True}},
                     {"service": {"id": "ssh", "port": 0}}, {"service": {"id": "ssh", "from": ["x"]}},
                     {"init": "again"}, {"policy": "nonsense"},
                     {"enforcing": True, "profile": {"id": "standard"}}):
            self.assertEqual(self.ask("POST", "/v1/changes", body)[0], 400, body)
        self.assertEqual(self.ask("GET", "/v1/services/mqt")[0], 404)
        self.assertEqual(self.ask("GET", "/v1/nothing")[0], 404)
        self.assertEqual(self.ask("DELETE", "/v1/status")[0], 405)
        self.assertEqual(self.ask("POST", "/v1/changes", {"policy": "#" * 1_100_000})[0], 413)

    def test_sockets_are_told_whatever_their_interface_is_called(self):
        name = 'a"\\b'
        self.daemon.inside("ip", "link", "add", name, "type", "veth", "peer", "name", "peer0")
        listen = ("import socket, sys; one = socket.socket(); "
                  "one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[1].encode()); "
                  "one.bind(('', 4711)); one.listen(); print(flush=True); sys.stdin.read()")
        with subprocess.Popen(["ip", "netns", "exec", self.daemon.netns, PYTHON, "-c", listen, name],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            server.stdout.readline()
            sockets = self.ask("GET", "/v1/listening")[1]["listening"]
        self.daemon.inside("ip", "link", "del", name)
        self.assertEqual([one["interface"] for one in sockets if one["port"] == 4711], [name])

    def test_a_head_has_no_body(self):
        wire = Wire(self.socket)
        for method, expected in (("HEAD", 405), ("GET", 200)):  # on one connection
            wire.request(method, "/v1/status")
            answer = wire.getresponse()
            self.assertEqual((method, answer.status), (method, expected))
            self.assertEqual(answer.read() == b"", method == "HEAD")
        wire.close()

    def test_out_of_descriptors_it_waits(self):
        pid = self.daemon.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        held = len(os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (held, limits[1]))
        wire = Wire(self.socket)
        wire.request("GET", "/v1/status")
        before = processor_time(pid)
        time.sleep(1)
        self.assertLess(processor_time(pid) - before, 0.2, "it turns in circles")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        self.assertEqual(wire.getresponse().status, 200)
        wire.close()

    def test_what_is_refused(self):
        for body in ({"service": {"id": "mqtt", "enabled": True}}, {"rule": ["delete", "999"]},
                     {"service": {"id": "bacnet", "port": 5}}, {"profile": {"id": "none"}},
                     {"init": "new"}, {"interfaces": {"remove": ["dmz"]}},
                     {"policy": POLICY + '[[tests]]\npacket = "in on lan 22/tcp"\nexpect = "drop"\n'}):
            self.assertEqual(self.change(**body)[0], 422, body)

    def test_conflicts(self):
        base = self.ask("GET", "/v1/status")[1]["revision"]
        self.assertEqual(self.change(rule=["allow", "8080/tcp"], base=base)[0], 200)
        status, body = self.change(rule=["allow", "8081/tcp"], base=base)
        self.assertEqual((status, body["changed"]), (409, ["opens 8080/tcp in (rule 1)"]))
        self.policy.write_text(POLICY + "[services.ssh]\nexposed = false\n")
        self.assertEqual(self.change(rule=["allow", "8081/tcp"])[0], 409)
        self.assertTrue(self.ask("GET", "/v1/status")[1]["edited"])

    def test_a_stranger_is_told_nothing(self):
        script = (f"import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('{self.socket}')\n"
                  "s.sendall(b'GET /v1/status HTTP/1.0\\r\\n\\r\\n')\nprint(s.makefile().read())")
        out = subprocess.run(["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups",
                              PYTHON, "-c", script], capture_output=True, text=True, check=True)
        head, _, body = out.stdout.partition("\n\n")
        self.assertIn(" 403 ", head.splitlines()[0])
        check("GET", "/v1/status", 403, json.loads(body))

    def test_idle_strangers_do_not_shut_out_root(self):
        script = (f"import socket, sys\ncrowd = [socket.socket(socket.AF_UNIX) for _ in range(100)]\n"
                  f"for one in crowd:\n    one.connect('{self.socket}')\n"
                  "print('ready', flush=True)\nsys.stdin.read()")
        crowd = subprocess.Popen(["setpriv", "--reuid", "nobody", "--regid", "nogroup",
                                  "--clear-groups", PYTHON, "-c", script], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(crowd.stdout.readline(), "ready\n")
        self.assertEqual(self.ask("GET", "/v1/status")[0], 200)
        crowd.communicate("")


class States(unittest.TestCase):
    """What is documented holds in every state that a gateway can be in."""

    def setUp(self):
        if os.geteuid() != 0:
            raise unittest.SkipTest("SKIPPED: needs root: it makes a network namespace")
        self.daemon = Quaymasterd(BUILD, "states")
        self.addCleanup(self.daemon.close)

    def begin(self, policy=None):
        self.daemon.stop()
        if policy is not None:
            self.daemon.policy.write_text(policy)
        self.daemon.start()

    def ask(self, method, path, body=None):
        status, value = self.daemon.ask(method, path, body)
        check(method, path, status, value)
        return status, value

    def look(self):
        """Asks everything; returns what the status says."""
        for path in every_question():
            self.ask("GET", path)
        self.ask("POST", "/v1/changes", {"rule": ["allow", "8080/tcp"], "dry_run": True})
        return self.ask("GET", "/v1/status")[1]

    def test_no_policy_and_the_first_one(self):
        self.daemon.inside("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        self.begin()
        self.assertEqual(self.look()["enforcement"], "no-policy")
        self.assertEqual(self.ask("GET", "/v1/proof")[0], 422)
        status, first = self.ask("POST", "/v1/changes", {"init": "new"})
        self.assertEqual((status, first["applied"]), (200, True), first)
        self.assertEqual(self.look()["enforcement"], "on")

    def test_off(self):
        self.begin("enforcing = false\n" + POLICY)
        self.assertEqual(self.look()["enforcement"], "off")
        self.assertEqual(self.ask("GET", "/v1/proof")[0], 422)

    def test_a_policy_that_is_refused(self):
        self.begin(POLICY)
        self.begin("nonsense")
        state = self.look()
        self.assertEqual(state["enforcement"], "kept")
        self.assertTrue(state["errors"])
        self.daemon.stop()
        self.daemon.inside("nft", "delete", "table", "inet", "quaymaster")
        self.begin("nonsense")
        self.assertEqual(self.look()["enforcement"], "last-good")
        self.daemon.stop()
        self.daemon.inside("nft", "delete", "table", "inet", "quaymaster")
        (self.daemon.folder / "last-good.nft").unlink()
        self.begin("nonsense")
        self.assertEqual(self.look()["enforcement"], "fail-safe")
        self.assertEqual(self.ask("POST", "/v1/changes", {"policy": POLICY})[0], 200)
        self.assertEqual(self.look()["enforcement"], "on")

    def test_a_difference_that_is_reported(self):
        self.begin('drift = "report"\n' + POLICY)
        self.daemon.inside("nft", "insert", "rule", "inet", "quaymaster", "input", "tcp", "dport",
                           "9", "accept")
        end = time.monotonic() + 5
        while not (state := self.look())["drift"]:
            self.assertLess(time.monotonic(), end)
        proof = self.ask("GET", "/v1/proof")[1]
        self.assertTrue(proof["differences"], state)
        self.daemon.inside("nft", "flush", "ruleset")
        end = time.monotonic() + 5
        while len(self.look()["drift"]) < 3:
            self.assertLess(time.monotonic(), end)
        self.assertEqual(self.daemon.inside("nft", "list", "ruleset"), "", "only reported")


if __name__ == "__main__":
    unittest.main()
