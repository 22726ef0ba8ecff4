"""The threaded client of python-socketio."""

import queue

import pytest
import socketio

DEADLINE = 15
TRANSPORTS = {"websocket": ["websocket"], "polling": ["polling"], "upgrade": ["polling", "websocket"]}


class Device:
    """A connected client that keeps every event until it is asked for."""

    def __init__(self, daemon, user, transport="websocket", **auth):
        self.events = {}
        self.client = socketio.Client(reconnection=False)
        self.client.on("*", self.arrived)
        auth.setdefault("token", daemon.token(user))
        self.client.connect(daemon.url, auth=auth, transports=TRANSPORTS[transport], wait_timeout=DEADLINE)
        self.connected = self.next("connected")

    def arrived(self, event, payload):
        self.events.setdefault(event, queue.Queue()).put(payload)

    def next(self, event):
        return self.events.setdefault(event, queue.Queue()).get(timeout=DEADLINE)

    def ask(self, event, payload):
        return self.client.call(event, payload, timeout=DEADLINE)

    def ok(self, event, payload):
        answer = self.ask(event, payload)
        assert answer["ok"] is True, answer
        return answer

    def close(self):
        self.client.disconnect()


@pytest.fixture
def connect(daemon):
    devices = []

    def open_device(*arguments, **options):
        device = Device(daemon, *arguments, **options)
        devices.append(device)
        return device

    yield open_device
    for device in devices:
        device.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_conversation(connect, transport):
    ann = connect("ann", transport)
    bob = connect("bob", transport)
    assert ann.connected["userId"] == "ann"
    assert ann.client.transport() == ("polling" if transport == "polling" else "websocket")
    room = ann.ok("conversation:create", {"type": "group", "members": ["bob"]})["conversation"]["id"]
    assert bob.next("conversation:updated")["id"] == room
    sent = ann.ok("message:send", {"conversationId": room, "content": "Grüße 👋", "clientId": "c1"})
    assert sent["duplicate"] is False
    assert bob.next("message:new") == sent["message"]
    again = ann.ok("message:send", {"conversationId": room, "content": "Grüße 👋", "clientId": "c1"})
    assert again == {"ok": True, "message": sent["message"], "duplicate": True}
    bob.ok("typing:start", {"conversationId": room})
    assert ann.next("typing:start") == {"userId": "bob", "conversationId": room}
    assert bob.ok("message:history", {"conversationId": room})["messages"] == [sent["message"]]


def test_resume(connect):
    ann = connect("ann")
    room = ann.ok("conversation:create", {"type": "group", "members": ["bob"]})["conversation"]["id"]
    bob = connect("bob")
    first = ann.ok("message:send", {"conversationId": room, "content": "one"})["message"]
    assert bob.next("message:new") == first
    bob.close()
    missed = [ann.ok("message:send", {"conversationId": room, "content": f"missed {n}"})["message"] for n in range(5)]
    back = connect("bob", resume={"epoch": bob.connected["epoch"], "conversations": {room: first["seq"]}})
    assert back.connected["resumed"][room] == {"status": "complete", "messages": missed, "lastSeq": 6}
    live = ann.ok("message:send", {"conversationId": room, "content": "live"})["message"]
    assert back.next("message:new") == live


def test_refusals(connect, daemon):
    ann = connect("ann")
    assert ann.ask("message:send", {"conversationId": "nowhere", "content": "x"})["error"]["code"] == "NOT_FOUND"
    assert ann.ask("message:send", {"content": "x"})["error"]["code"] == "INVALID"
    assert ann.ask("nonsense", {})["error"]["code"] == "UNKNOWN_EVENT"
    ann.client.emit("message:send", {"content": "x"})
    error = ann.next("error")
    assert (error["code"], error["event"]) == ("INVALID", "message:send")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_nobody_comes_in_without_a_good_token(daemon, transport):
    for auth, code in [({}, "TOKEN_MISSING"), ({"token": "sesame"}, "TOKEN_INVALID"), ({"token": daemon.token("ann", exp=1)}, "TOKEN_EXPIRED")]:
        client = socketio.Client(reconnection=False)
        refusals = queue.Queue()
        client.on("connect_error", refusals.put)
        with pytest.raises(socketio.exceptions.ConnectionError):
            client.connect(daemon.url, auth=auth, transports=TRANSPORTS[transport], wait_timeout=DEADLINE)
        refusal = refusals.get(timeout=DEADLINE)
        assert refusal["message"].startswith(f"{code}: ")
        client.disconnect()


def test_bytes_are_refused(connect):
    ann = connect("ann")
    room = ann.ok("conversation:create", {"type": "group"})["conversation"]["id"]
    assert ann.ask("message:send", {"conversationId": room, "content": b"bytes"})["error"]["code"] == "INVALID"
    assert ann.ok("message:history", {"conversationId": room})["messages"] == []
