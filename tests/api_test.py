#!/usr/bin/python3
"""Asks a real daemon everything that docs/openapi.yaml knows, and much that it refuses, and holds
every answer against it. The daemon runs in a network namespace of its own.

    tests/api_test.py BUILD"""

import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

import jsonschema
import yaml

from support.quaymasterd import SOURCE, Quaymasterd

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
        examples = {"id": "ssh", "scope": "internal"}
        for path, item in OPENAPI["paths"].items():
            if "get" in item:
                real = re.sub(r"\{([a-z]+)\}", lambda m: examples[m[1]], path)
                self.assertEqual(self.ask("GET", real)[0], 200, path)
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

    def test_what_is_not_understood(self):
        for body in ("{", "[]", {"rul": ["allow", "22"]}, {}, {"rule": ["allow", "70000/tcp"]},
                     {"rule": "allow 22"}, {"enforcing": 1}, {"service": {"enabled": True}},
                     {"service": {"id": "ssh", "port": 0}}, {"service": {"id": "ssh", "from": ["x"]}},
                     {"init": "again"}, {"policy": "nonsense"},
                     {"enforcing": True, "profile": {"id": "standard"}}):
            self.assertEqual(self.ask("POST", "/v1/changes", body)[0], 400, body)
        self.assertEqual(self.ask("GET", "/v1/services/mqt")[0], 404)
        self.assertEqual(self.ask("GET", "/v1/nothing")[0], 404)
        self.assertEqual(self.ask("DELETE", "/v1/status")[0], 405)
        self.assertEqual(self.ask("POST", "/v1/changes", {"policy": "#" * 1_100_000})[0], 413)

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


if __name__ == "__main__":
    unittest.main()
