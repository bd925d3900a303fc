"""Many callers at the same moment: keep-alive connections whose requests are sent together.

    Ask(buyer, "POST", path, body) ...   what is to be asked, with a key of its own
    Crowd(port).at_once(asks)            all of it is on its way before the first reply is read

A request goes out but for its last byte; when all servers' buffers hold theirs, the last bytes
follow one after another. So the requests become whole within some microseconds of each other,
which no number of threads achieves in this language.
"""

import json
import time

import door
from platform_api import DESCRIPTION, Reply, key, sign


class Buyer:
    """Somebody with a token."""

    def __init__(self, name, secret, role="user"):
        now = int(time.time())
        self.name = name
        self.token = sign({"sub": name, "user_id": name, "username": name, "role": role,
                           "iat": now, "exp": now + 3600, "iss": "traffic-tacos",
                           "aud": "traffic-tacos-api"}, secret)


class Ask:
    """A request, to be sent once or again and again."""

    def __init__(self, buyer, method, path, body=None, idempotency=None, headers=None):
        self.buyer, self.method, self.path, self.body = buyer, method, path, body
        if idempotency is None and method in ("POST", "PUT", "PATCH"):
            idempotency = key()
        self.key = idempotency
        content = body if isinstance(body, bytes) else b""
        if body is not None and not isinstance(body, bytes):
            content = json.dumps(body).encode()
        fields = {"Content_Length": len(content)} if method != "GET" else {}
        if content:
            fields["Content_Type"] = "application/json"
        if buyer is not None:
            fields["Authorization"] = "Bearer " + buyer.token
        if self.key:
            fields["Idempotency_Key"] = self.key
        self.wire = door.head_of(method, path, **(fields | (headers or {}))) + content

    def __repr__(self):
        return f"{self.method} {self.path} {self.body} key {self.key}"


class Line:
    """One connection that is kept."""

    def __init__(self, port, validate=True):
        self.client = door.Client(port)
        self.validate = validate

    def close(self):
        self.client.close()

    def receive(self, ask):
        got = self.client.reply(ask.method)
        reply = Reply(got.status, dict(got.fields), bytes(got.body))
        if self.validate and DESCRIPTION is not None:
            DESCRIPTION.validate(ask.method, ask.path, reply)
        return reply

    def ask(self, ask):
        self.client.send(ask.wire)
        return self.receive(ask)


class Crowd:
    """As many connections as are needed, kept for the next moment."""

    def __init__(self, port, validate=True):
        self.port = port
        self.validate = validate
        self.lines = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for line in self.lines:
            line.close()

    def _need(self, count):
        while len(self.lines) < count:
            self.lines.append(Line(self.port, self.validate))
        return self.lines[:count]

    def at_once(self, asks):
        """The replies, in the order of the asks; in this order they become whole."""
        asks = list(asks)
        lines = self._need(len(asks))
        for line, ask in zip(lines, asks):
            line.client.send(ask.wire[:-1])
        for line, ask in zip(lines, asks):
            line.client.send(ask.wire[-1:])
        return [line.receive(ask) for line, ask in zip(lines, asks)]

    def all(self, asks, width=32):
        """The same for any number, some at a time: not a race, only quick."""
        asks, replies = list(asks), []
        for start in range(0, len(asks), width):
            batch = asks[start:start + width]
            lines = self._need(len(batch))
            for line, ask in zip(lines, batch):
                line.client.send(ask.wire)
            replies += [line.receive(ask) for line, ask in zip(lines, batch)]
        return replies

    def all_ok(self, asks, status=200):
        """The JSON of each, which must have this status."""
        asks = list(asks)
        replies = self.all(asks)
        for ask, reply in zip(asks, replies):
            assert reply.status == status, (ask, reply)
        return [reply.json for reply in replies]


# ---- what buyers ask ----

RESERVATIONS = "/api/v1/reservations"


def reserve(buyer, event_id, *seat_ids, idempotency=None, **more):
    body = {"event_id": event_id} | ({"seat_ids": list(seat_ids)} if seat_ids else {}) | more
    return Ask(buyer, "POST", RESERVATIONS, body, idempotency)


def intend(buyer, reservation, idempotency=None):
    return Ask(buyer, "POST", "/api/v1/payments/intent",
               {"reservation_id": reservation["reservation_id"],
                "amount": reservation["total_amount"]["amount"]}, idempotency)


def process(buyer, intent, action="approve", idempotency=None):
    return Ask(buyer, "POST", "/api/v1/payments/process",
               {"payment_intent_id": intent["payment_intent_id"], "action": action}, idempotency)


def confirm(buyer, reservation, idempotency=None):
    return Ask(buyer, "POST", f"{RESERVATIONS}/{reservation['reservation_id']}/confirm", None,
               idempotency)


def cancel(buyer, reservation, idempotency=None):
    return Ask(buyer, "POST", f"{RESERVATIONS}/{reservation['reservation_id']}/cancel", None,
               idempotency)


def look(buyer, reservation):
    return Ask(buyer, "GET", f"{RESERVATIONS}/{reservation['reservation_id']}")


def payment_of(buyer, intent):
    return Ask(buyer, "GET", f"/api/v1/payments/{intent['payment_intent_id']}/status")
