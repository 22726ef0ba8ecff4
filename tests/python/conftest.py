"""A daemon for each test, as the JavaScript harness has it: the real binary, ready before the test speaks."""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import queue
import secrets
import signal
import subprocess
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEADLINE = 15


def binary():
    if "CHATD_BIN" in os.environ:
        return os.environ["CHATD_BIN"]
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [path for path in (target / "release/chatd", target / "debug/chatd") if path.exists()]
    assert built, "no chatd: build it (cargo build --release) or set CHATD_BIN"
    return str(max(built, key=lambda path: path.stat().st_mtime))


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Daemon:
    def __init__(self, directory):
        self.directory = directory
        self.secret = secrets.token_hex(32)
        self.lines = []
        self.confidential = {self.secret}
        # python-engineio's polling client may hang at its end until the next ping.
        config = f'[auth]\nsecret = "{self.secret}"\n[log]\nformat = "json"\n[ping]\ninterval = "2s"\n[metrics]\nenabled = true\n'
        (directory / "config.toml").write_text(config)

    def start(self):
        foreign = ("CHATD_", "JWT_ACCESS_SECRET_KEY", "CLIENT_URL", "NOTIFY_SOCKET", "STATE_DIRECTORY", "RUNTIME_DIRECTORY")
        self.process = subprocess.Popen(
            [binary(), "--listen", "127.0.0.1:0", "--config", "config.toml", "--state-dir", "state"],
            cwd=self.directory,
            env={name: value for name, value in os.environ.items() if not name.startswith(foreign)},
            stderr=subprocess.PIPE,
            text=True,
        )
        ready = queue.Queue()
        self.reader = threading.Thread(target=self.read, args=(ready,))
        self.reader.start()
        address = ready.get(timeout=DEADLINE)
        assert address, "\n".join(self.lines)
        self.url = f"http://{address}"

    def read(self, ready):
        address = None
        for line in self.process.stderr:
            self.lines.append(line)
            entry = json.loads(line)
            fields = {**entry, **entry.get("fields", {})}
            if fields.get("message") == "listening":
                address = fields["address"]
            if fields.get("message") == "ready":
                ready.put(address)
        ready.put(None)

    def token(self, user, **claims):
        now = int(time.time())
        head = encode(b'{"alg":"HS256","typ":"JWT"}')
        body = encode(json.dumps({"sub": user, "iat": now, "exp": now + 600, **claims}).encode())
        signed = f"{head}.{body}"
        token = f"{signed}.{encode(hmac.new(self.secret.encode(), signed.encode(), hashlib.sha256).digest())}"
        self.confidential.add(token.split(".")[2])
        return token

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=30)
        self.reader.join()
        log = "".join(self.lines)
        assert status == 0, log
        assert not [line for line in self.lines if json.loads(line)["level"] == "ERROR"], log
        for secret in self.confidential:
            assert secret not in log


@pytest.fixture
def daemon(tmp_path):
    daemon = Daemon(tmp_path)
    daemon.start()
    try:
        yield daemon
        daemon.stop()
    finally:
        daemon.process.kill()
        daemon.process.wait()
