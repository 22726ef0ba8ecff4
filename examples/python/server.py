"""A shop whose buyers and sellers chat: the part of its back end that has to do with chatd."""

import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from standardwebhooks import Webhook, WebhookVerificationError

CHAT_URL = os.environ.get("CHAT_URL", "http://127.0.0.1:3000")
JWT_SECRET = os.environ["JWT_SECRET"]
API_KEY = os.environ["API_KEY"]
PORT = int(os.environ.get("PORT", "8080"))

webhook = Webhook(os.environ["WEBHOOK_SECRET"])
# Events come at least once. A shop keeps their ids in its database, with what it does about them.
handled = set()


class Refused(Exception):
    def __init__(self, problem):
        super().__init__(problem["detail"])
        self.code = problem["code"]


def chat(method, path, body=None, headers=None):
    """A request to chatd; what it refuses is raised, with its code."""
    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json", **(headers or {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{CHAT_URL}/api/v1{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise Refused(json.load(error)) from error


def token_of(user):
    now = int(time.time())
    return jwt.encode({"sub": user, "iat": now, "exp": now + 15 * 60}, JWT_SECRET, algorithm="HS256")


def push(user, notification):
    """Where Firebase or APNs would be asked."""
    print(f"push to {user}: {notification['message']}", flush=True)


def login(user):
    """Your own login stands here: this one believes everybody."""
    chat("PUT", f"/users/{urllib.parse.quote(user, safe='')}")
    return {"token": token_of(user)}


def order(id, buyer, seller):
    """May be asked for twice: nothing is there twice then."""
    conversation = f"order-{id}"
    wanted = {"ownerId": seller, "type": "group", "id": conversation, "title": f"Order {id}", "members": [buyer]}
    try:
        chat("POST", "/conversations", wanted)
    except Refused as refused:
        if refused.code != "CONFLICT":
            raise
    path = f"/conversations/{conversation}/messages"
    chat("POST", path, {"content": f"Order {id} is paid."}, {"Idempotency-Key": f"paid-{id}"})
    return {"conversationId": conversation}


def told(id, event):
    data = event["data"]
    if event["type"] == "notification.created" and data["connections"] == 0 and id not in handled:
        push(data["userId"], data["notification"])
    handled.add(id)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/chat/events":
            try:
                # The signature is over the bytes as they came.
                event = webhook.verify(body, dict(self.headers))
            except WebhookVerificationError:
                return self.answer(401)
            told(self.headers["webhook-id"], event)
            return self.answer(204)
        do = {"/login": login, "/orders": order}.get(self.path)
        if do is None:
            return self.answer(404)
        return self.answer(200, do(**json.loads(body)))

    def answer(self, status, body=None):
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


server = ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
