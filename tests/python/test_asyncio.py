"""The asyncio client of python-socketio."""

import asyncio

import pytest
import socketio

DEADLINE = 15


class Device:
    def __init__(self, daemon, user, **auth):
        self.daemon = daemon
        self.auth = {"token": daemon.token(user), **auth}
        self.events = {}
        self.client = socketio.AsyncClient(reconnection=False)
        self.client.on("*", self.arrived)

    async def open(self):
        await self.client.connect(self.daemon.url, auth=self.auth, wait_timeout=DEADLINE)
        self.connected = await self.next("connected")
        return self

    async def arrived(self, event, payload):
        await self.feed(event).put(payload)

    def feed(self, event):
        return self.events.setdefault(event, asyncio.Queue())

    async def next(self, event):
        return await asyncio.wait_for(self.feed(event).get(), DEADLINE)

    async def ok(self, event, payload):
        answer = await self.client.call(event, payload, timeout=DEADLINE)
        assert answer["ok"] is True, answer
        return answer


def run(scene):
    asyncio.run(asyncio.wait_for(scene, 60))


def test_a_conversation_with_the_default_transports(daemon):
    async def scene():
        ann = await Device(daemon, "ann").open()
        bob = await Device(daemon, "bob").open()
        room = (await ann.ok("conversation:create", {"type": "group", "members": ["bob"]}))["conversation"]["id"]
        await bob.next("conversation:updated")
        # The limit for events is that of a person at a keyboard: as many as its burst allows.
        answers = await asyncio.gather(*[ann.ok("message:send", {"conversationId": room, "content": f"n {n}"}) for n in range(15)])
        sent = [answer["message"] for answer in answers]
        assert [message["seq"] for message in sent] == list(range(1, 16))
        assert [await bob.next("message:new") for _ in sent] == sent
        await bob.ok("message:read", {"messageId": sent[-1]["id"]})
        assert (await ann.next("message:read"))["seq"] == 15
        await ann.client.disconnect()
        await bob.client.disconnect()

    run(scene())


def test_resume(daemon):
    async def scene():
        ann = await Device(daemon, "ann").open()
        room = (await ann.ok("conversation:create", {"type": "group", "members": ["bob"]}))["conversation"]["id"]
        epoch = ann.connected["epoch"]
        missed = [(await ann.ok("message:send", {"conversationId": room, "content": f"n {n}"}))["message"] for n in range(5)]
        bob = await Device(daemon, "bob", resume={"epoch": epoch, "conversations": {room: 2}}).open()
        assert bob.connected["resumed"][room] == {"status": "complete", "messages": missed[2:], "lastSeq": 5}
        other = await Device(daemon, "bob", resume={"epoch": "another", "conversations": {room: 2}}).open()
        assert other.connected["resumed"][room]["status"] == "reset"
        for device in (ann, bob, other):
            await device.client.disconnect()

    run(scene())


def test_a_refused_token(daemon):
    async def scene():
        client = socketio.AsyncClient(reconnection=False)
        refusals = asyncio.Queue()
        client.on("connect_error", refusals.put)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(daemon.url, auth={"token": "sesame"}, wait_timeout=DEADLINE)
        refusal = await asyncio.wait_for(refusals.get(), DEADLINE)
        assert refusal["message"].startswith("TOKEN_INVALID: ")
        await client.disconnect()

    run(scene())
