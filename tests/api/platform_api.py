"""A running platform for tests of the contract: a server over an imported event, and its clients.

(Not named platform.py: that would stand before the standard library's module of that name.)
"""

import base64
import hashlib
import hmac
import http.client
import json
import re
import shutil
import sys
import tempfile
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))

import cli  # noqa: E402  pylint: disable=wrong-import-position,import-error

try:
    from contract import Contract
except ImportError:
    Contract = None

EVENT = {
    "event_id": "evt_night",
    "name": "Night of the Tacos",
    "venue": "Hall 1",
    "starts_at": "2099-05-01T10:00:00.000Z",
    "sale_opens_at": "2026-01-01T00:00:00.000Z",
    "currency": "KRW",
    "max_per_buyer": 4,
    "hold_seconds": 300,
    "sections": [
        {"id": "A", "name": "Stalls", "price": 99000,
         "rows": [{"row": str(row), "seats": 20} for row in range(1, 21)]},
        {"id": "ST", "name": "Standing", "price": 66000, "capacity": 100},
    ],
}


def event(identity, **changes):
    """The event above under another id, with some fields changed."""
    return EVENT | {"event_id": identity} | changes


def base64url(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def sign(claims, secret, header=None):
    """A JWT with an HS256 signature."""
    parts = [header or {"alg": "HS256", "typ": "JWT"}, claims]
    text = ".".join(base64url(json.dumps(part).encode()) for part in parts)
    return text + "." + base64url(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def key():
    return str(uuid.uuid4())


class Description:
    """docs/openapi.yaml: every reply of a client here is held against it."""

    def __init__(self):
        self.contract = Contract()
        self.common = self.contract.document["x-codes"]
        self.operations = [
            (method, re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path)) + "$"), operation)
            for (endpoint, method, path), operation in self.contract.operations().items()
            if endpoint == "http"]
        # A path without parameters before those with some.
        self.operations.sort(key=lambda row: "[^/]" in row[1].pattern)

    def validate(self, method, path, reply):
        path = path.partition("?")[0]
        found = [operation for verb, pattern, operation in self.operations
                 if verb == method and pattern.match(path)]
        if not found:
            assert method == "OPTIONS" or reply.status in (404, 405), reply
            return
        self.contract.check_reply(found[0], reply)
        if reply.json is not None and reply.status < 400:
            assert not {"data", "error"} & set(reply.json), reply
        if reply.status in (400, 401, 403, 404, 409, 410, 412, 429, 503):
            status = str(reply.status)
            codes = found[0].get("x-codes", {}).get(status, []) + self.common.get(status, [])
            assert reply.code in codes, reply


DESCRIPTION = Description() if Contract is not None else None


class Reply:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # names in lower case
        self.body = body
        self.json = None
        if headers.get("content-type", "").startswith("application/json"):
            self.json = json.loads(body)

    def get(self, name):
        """A header's value or None; the name in lower case."""
        return self.headers.get(name)

    @property
    def code(self):
        return self.json["error"]["code"]

    @property
    def details(self):
        return self.json["error"].get("details")

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:2000]}"


class Client:
    """One caller: a connection, and maybe a token."""

    def __init__(self, port, token=None, user=None):
        self.port = port
        self.token = token
        self.user = user  # what register or login answered
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=cli.TIMEOUT_S)

    def close(self):
        self.connection.close()

    def request(self, method, path, body=None, headers=None, idempotency=None):
        """A body that is no bytes is sent as JSON; idempotency False: no key, None: a new one."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        if self.token is not None:
            headers.setdefault("Authorization", "Bearer " + self.token)
        if idempotency is None and method in ("POST", "PUT", "PATCH"):
            idempotency = key()
        if idempotency:
            headers["Idempotency-Key"] = idempotency
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        reply = Reply(response.status,
                      {name.lower(): value for name, value in response.getheaders()},
                      response.read())
        if DESCRIPTION is not None:
            DESCRIPTION.validate(method, path, reply)
        return reply

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, body, **more)

    def ok(self, method, path, body=None, status=200, **more):
        """The JSON of a reply that must have this status."""
        reply = self.request(method, path, body, **more)
        assert reply.status == status, reply
        return reply.json

    # ---- steps of a purchase ----

    def reserve(self, event_id, *seat_ids, **more):
        body = {"event_id": event_id} | ({"seat_ids": list(seat_ids)} if seat_ids else {}) | more
        return self.ok("POST", "/api/v1/reservations", body, 201)

    def intend(self, reservation, **more):
        return self.ok("POST", "/api/v1/payments/intent",
                       {"reservation_id": reservation["reservation_id"],
                        "amount": reservation["total_amount"]["amount"]} | more)

    def pay(self, reservation, action="approve"):
        intent = self.intend(reservation)
        return self.ok("POST", "/api/v1/payments/process",
                       {"payment_intent_id": intent["payment_intent_id"], "action": action})

    def buy(self, event_id, *seat_ids, **more):
        """The order of a whole purchase."""
        reservation = self.reserve(event_id, *seat_ids, **more)
        self.pay(reservation)
        return self.ok("POST", f"/api/v1/reservations/{reservation['reservation_id']}/confirm")


class Platform:
    """`tacos serve` over a directory of its own, with an event and an administrator."""

    ADMIN = ("boss", "secret-of-boss")

    def __init__(self, *words, events=(EVENT,), directory=None, **variables):
        self.own = directory is None
        self.directory = Path(directory or tempfile.mkdtemp(prefix="tacos-test-"))
        self.words = words
        self.variables = variables
        self.clients = []
        self.server = None
        self.port = self.operations_port = None
        self.names = 0
        if self.own:
            self.data = self.directory / "data"
            for number, one in enumerate(events):
                file = self.directory / f"event{number}.json"
                file.write_text(json.dumps(one), encoding="utf-8")
                cli.run_ok("event", "import", file, "--data-dir", self.data)
            cli.run_ok("user", "add", self.ADMIN[0], "--role", "admin", "--data-dir", self.data,
                       TACOS_PASSWORD=self.ADMIN[1])

    def start(self):
        rates = {"TACOS_USER_RATE": "100000", "TACOS_ADDRESS_RATE": "100000"}
        self.server = cli.Server("--data-dir", self.data, *self.words,
                                 **(rates | self.variables))
        assert self.server.addresses, self.server.line
        self.port = self.server.port
        self.operations_port = self.server.operations_port
        return self

    def stop(self):
        """Ends the server cleanly; what it logged."""
        for client in self.clients:
            client.close()
        self.clients = []
        status, _, log = self.server.stop()
        self.server = None
        assert status == 0, log
        return log

    def kill(self):
        self.server.process.kill()
        self.server.process.communicate()
        self.server = None

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        for client in self.clients:
            client.close()
        if self.server is not None:
            self.server.__exit__()
        if self.own:
            shutil.rmtree(self.directory)

    def client(self, token=None, user=None):
        client = Client(self.port, token, user)
        self.clients.append(client)
        return client

    def register(self, name, password="secret12"):
        """A client with a new account; few at a time, since registering is limited."""
        client = self.client()
        user = client.ok("POST", "/api/v1/auth/register",
                         {"username": name, "password": password, "email": f"{name}@example.org",
                          "display_name": name}, 201)
        client.token, client.user = user["token"], user
        return client

    def buyer(self):
        """A client with a token of a user that is nobody else's."""
        self.names += 1
        name = f"buyer{self.names}"
        now = int(time.time())
        token = sign({"sub": name, "user_id": name, "username": name, "role": "user", "iat": now,
                      "exp": now + 3600, "iss": "traffic-tacos", "aud": "traffic-tacos-api"},
                     self.secret("jwt"))
        return self.client(token, {"user_id": name, "username": name})

    def login(self, name, password):
        client = self.client()
        user = client.ok("POST", "/api/v1/auth/login", {"username": name, "password": password})
        client.token, client.user = user["token"], user
        return client

    def admin(self):
        return self.login(*self.ADMIN)

    def secret(self, name):
        text = (self.data / "secrets" / f"{name}.key").read_text(encoding="ascii")
        return bytes.fromhex(text.strip())
