"""A real daemon in a network namespace of its own, and questions to it."""

import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]


class Wire(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("quaymaster", timeout=10)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Quaymasterd:
    """Its folder holds the policy and whatever else it writes."""

    def __init__(self, build, name):
        self.build = build
        self.netns = f"quaytest-{name}-{os.getpid()}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"quaytest-{name}-"))
        os.chmod(self.folder, 0o755)
        self.policy = self.folder / "policy.toml"
        self.socket = self.folder / "api.sock"
        self.process = None
        subprocess.run(["ip", "netns", "add", self.netns], check=True)
        subprocess.run(["ip", "-n", self.netns, "link", "set", "lo", "up"], check=True)

    def close(self):
        self.stop()
        subprocess.run(["ip", "netns", "del", self.netns], check=True)
        shutil.rmtree(self.folder)

    def inside(self, *words, **options):
        return subprocess.run(["ip", "netns", "exec", self.netns, *words], check=True, text=True,
                              capture_output=True, **options).stdout

    def start(self):
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.netns, self.build / "src/quaymasterd",
             "--policy", self.policy, "--last-good", self.folder / "last-good.nft",
             "--catalogue", SOURCE / "catalogue", "--lock", self.folder / "lock",
             "--socket", self.socket])
        end = time.monotonic() + 20
        while not self.answers():
            assert time.monotonic() < end and self.process.poll() is None, "it did not start"
            time.sleep(0.02)

    def answers(self):
        with socket.socket(socket.AF_UNIX) as wire:
            return wire.connect_ex(str(self.socket)) == 0

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=10)
            self.process = None

    def ask(self, method, path, body=None):
        """The status and the body of its answer."""
        wire = Wire(self.socket)
        text = body if isinstance(body, str) else None if body is None else json.dumps(body)
        try:
            wire.request(method, path, text)
            answer = wire.getresponse()
        except BrokenPipeError:  # it has heard enough, and has answered
            answer = http.client.HTTPResponse(wire.sock)
            answer.begin()
        value = json.loads(answer.read())
        wire.close()
        return answer.status, value
