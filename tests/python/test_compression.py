"""Compression with the libraries of Python: aiohttp and requests, which python-socketio uses, and websockets."""

import asyncio
import json

import pytest
import requests
import socketio
import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

DEADLINE = 15
CONTENT = " ".join(f"the server says {n} things, Grüße 👋" for n in range(800))


def run(scene):
    asyncio.run(asyncio.wait_for(scene, 60))


def test_python_socketio_over_aiohttp(daemon):
    async def scene():
        client = socketio.AsyncClient(reconnection=False, websocket_extra_options={"compress": 15})
        await client.connect(daemon.url, auth={"token": daemon.token("ann")}, transports=["websocket"], wait_timeout=DEADLINE)
        assert client.eio.ws.compress == 15, "it was agreed on"
        created = await client.call("conversation:create", {"type": "group"}, timeout=DEADLINE)
        room = created["conversation"]["id"]
        sent = await client.call("message:send", {"conversationId": room, "content": CONTENT}, timeout=DEADLINE)
        assert sent["message"]["content"] == CONTENT
        await client.disconnect()

    run(scene())


def test_polling_answers_over_requests(daemon):
    session = requests.Session()
    codings = []
    session.hooks["response"].append(lambda response, **_: codings.append(response.headers.get("Content-Encoding")))
    client = socketio.Client(reconnection=False, http_session=session)
    client.connect(daemon.url, auth={"token": daemon.token("ann")}, transports=["polling"], wait_timeout=DEADLINE)
    room = client.call("conversation:create", {"type": "group"}, timeout=DEADLINE)["conversation"]["id"]
    sent = client.call("message:send", {"conversationId": room, "content": CONTENT}, timeout=DEADLINE)
    assert sent["message"]["content"] == CONTENT
    assert set(codings) == {None, "gzip"}
    client.disconnect()


# 12 bits is what the library asks for by itself.
@pytest.mark.parametrize("bits", [None, 9, 12, 15])
def test_websockets(daemon, bits):
    async def scene():
        factories = [ClientPerMessageDeflateFactory(server_max_window_bits=bits, client_max_window_bits=bits or True)]
        url = daemon.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        async with websockets.connect(url, compression=None, extensions=factories) as ws:
            agreed = ws.response.headers["Sec-WebSocket-Extensions"]
            assert agreed.endswith(f"; server_max_window_bits={bits}" if bits else "client_no_context_takeover")

            async def packet(prefix):
                while not (text := await ws.recv()).startswith(prefix):
                    pass
                return text.removeprefix(prefix)

            async def ask(ack, event, payload):
                await ws.send(f"42{ack}{json.dumps([event, payload])}")
                return json.loads(await packet(f"43{ack}"))[0]

            await packet("0")
            await ws.send("40" + json.dumps({"token": daemon.token("ann")}))
            await packet('42["connected"')
            room = (await ask(1, "conversation:create", {"type": "group"}))["conversation"]["id"]
            for ack in (2, 3):
                answer = await ask(ack, "message:send", {"conversationId": room, "content": CONTENT})
                assert answer["message"]["content"] == CONTENT

    run(scene())
