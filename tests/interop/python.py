"""A puppet on python-socketio: see session.test.mjs."""

import json
import sys
import threading

import socketio

TRANSPORTS = {"websocket": ["websocket"], "polling": ["polling"], "upgrade": ["polling", "websocket"]}
lock = threading.Lock()


def say(**line):
    with lock:
        print(json.dumps(line), flush=True)


def connect(url, auth, transport):
    client = socketio.Client(reconnection=False)
    client.on("*", lambda event, *payload: say(event=event, payload=payload[0] if payload else None))
    client.on("connect_error", lambda error: say(refused=error["message"] if isinstance(error, dict) else str(error)))
    try:
        client.connect(url, auth=auth, transports=TRANSPORTS[transport])
    except socketio.exceptions.ConnectionError:
        pass  # the handler has told why
    return client


client = None
for line in sys.stdin:
    order = json.loads(line)
    if order["do"] == "connect":
        client = connect(order["url"], order["auth"], order["transport"])
    elif order["do"] == "emit":
        client.emit(order["event"], order["payload"], callback=lambda ack: say(ack=ack))
    elif order["do"] == "disconnect":
        client.disconnect()
        say(gone=True)
