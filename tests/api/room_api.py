"""What the tests of the waiting room share: rooms of their own, those who wait in them, streams,
and the lot, recomputed from its description in src/room/shuffle.h alone.

    with Platform(*QUICK) as platform:
        room = Room(platform, "evt_1", mode="waiting", max_shoppers=1)
        first = room.join()
        wait_for(first.may_enter)
"""

import contextlib
import datetime
import hashlib
import http.client
import json
import time

from crowd import Buyer
from platform_api import event

# Nobody here is to meet the limit of joins, but those who look for it.
QUICK = ("--join-rate", "0")

# Longer than anything here takes on a loaded machine.
TIMEOUT_S = 45

QUEUE = "/api/v1/queue"


def wait_for(check, timeout_s=TIMEOUT_S):
    """What check() gives once that is true."""
    end = time.monotonic() + timeout_s
    while True:
        got = check()
        if got:
            return got
        assert time.monotonic() < end, f"not within {timeout_s} s"
        time.sleep(0.05)


def time_in(seconds):
    """A time so far from now, as the API takes it."""
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return then.strftime("%Y-%m-%dT%H:%M:%S.") + f"{then.microsecond // 1000:03}Z"


class Waiter:
    """Somebody with a place."""

    def __init__(self, client, joined):
        self.client = client
        self.token = joined["waiting_token"]
        self.number = joined["number"]
        self.joined = joined

    def look(self):
        return self.client.ok("GET", f"{QUEUE}/status?token={self.token}")

    def position(self):
        return self.look()["position"]

    def may_enter(self):
        """The status when it may; else False."""
        got = self.look()
        return got["ready_for_entry"] and got

    def has_expired(self):
        return self.look()["status"] == "expired"

    def ask_to_enter(self, **more):
        return self.client.post(f"{QUEUE}/enter", {"waiting_token": self.token}, **more)

    def enter(self):
        """The reservation token, once it is this one's turn."""
        wait_for(self.may_enter)
        reply = self.ask_to_enter()
        assert reply.status == 200, reply
        return reply.json["reservation_token"]

    def leave(self):
        return self.client.ok("DELETE", f"{QUEUE}/leave?token={self.token}")

    def stream(self, **more):
        return StatusStream(self.client.port, self.token, **more)


class Room:
    """An event with a waiting room, made by an administrator."""

    def __init__(self, platform, event_id, plan=None, **settings):
        self.platform = platform
        self.event_id = event_id
        self.admin = self.client = None
        self.reconnect()
        self.admin.ok("POST", "/api/v1/admin/events", event(event_id, **(plan or {})), 201)
        self.set(**settings)

    def reconnect(self):
        """Also to a server that was started again."""
        # With a token of its own: logging in so often is limited.
        organiser = Buyer("organiser", self.platform.secret("jwt"), "admin")
        self.admin = self.platform.client(organiser.token)
        self.client = self.platform.client()

    def set(self, **settings):
        return self.admin.ok("PUT", f"/api/v1/admin/events/{self.event_id}/room", settings)

    def ask_to_join(self, client=None, **more):
        return (client or self.client).post(f"{QUEUE}/join", {"event_id": self.event_id}, **more)

    def join(self, client=None, **more):
        reply = self.ask_to_join(client, **more)
        assert reply.status == 202, reply
        return Waiter(client or self.client, reply.json)

    def open_sale(self):
        """Of an event whose sale is still to come: now."""
        self.admin.ok("PATCH", f"/api/v1/admin/events/{self.event_id}",
                      {"sale_opens_at": time_in(0)})

    def fairness(self):
        return self.client.ok("GET", f"/api/v1/events/{self.event_id}/room/fairness")

    def metrics(self):
        """The room's numbers by the ends of their names: waiting, joins_total ..."""
        connection = http.client.HTTPConnection("127.0.0.1", self.platform.operations_port,
                                                timeout=TIMEOUT_S)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        label = f'{{event="{self.event_id}"}}'
        return {line.partition("{")[0].removeprefix("tacos_room_"): float(line.rpartition(" ")[2])
                for line in lines if line.startswith("tacos_room_") and label in line}


class StatusStream:
    """GET queue/stream: each status that it tells, with the seconds since it was opened."""

    def __init__(self, port, token, timeout=TIMEOUT_S):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self.connection.request("GET", f"{QUEUE}/stream?token={token}",
                                headers={"Accept": "text/event-stream"})
        self.response = self.connection.getresponse()
        self.began = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def next(self):
        """The next status, or None at the end."""
        fields = {}
        while True:
            line = self.response.readline().decode()
            if not line:
                assert not fields
                return None
            line = line.rstrip("\n")
            if not line and fields:
                assert fields["event"] == "status"
                return json.loads(fields["data"])
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value

    def until(self, check):
        """The first status for which check is true."""
        while True:
            got = self.next()
            assert got is not None, "the stream ended"
            if check(got):
                return got


# ---- the lot ----

def _mix(value):
    value ^= value >> 30
    value = value * 0xBF58476D1CE4E5B9 % (1 << 64)
    value ^= value >> 27
    value = value * 0x94D049BB133111EB % (1 << 64)
    return value ^ (value >> 31)


def drawn_place(seed, count, number):
    """The place of a number among `count`, by tacos-shuffle-1."""
    half = 4
    while 4 ** half < count + 2:
        half += 1
    side = 1 << half
    keys = [int.from_bytes(hashlib.sha256(seed + b"tacos-shuffle-1" + bytes([turn])).digest()[:8],
                           "big") for turn in range(10)]
    value = number
    while True:
        left, right = value // side, value % side
        for one in keys:
            left, right = right, left ^ (_mix(one ^ right) % side)
        value = left * side + right
        if value < count:
            return value


def check_lot(fairness, commitment):
    """{number: place} of all that were drawn; the seed is the one that was promised."""
    seed, count = bytes.fromhex(fairness["seed"]), fairness["drawn"]
    assert fairness["algorithm"] == "tacos-shuffle-1"
    assert hashlib.sha256(seed).hexdigest() == commitment == fairness["commitment"]
    places = {number: drawn_place(seed, count, number) for number in range(count)}
    assert sorted(places.values()) == list(range(count))
    return places
