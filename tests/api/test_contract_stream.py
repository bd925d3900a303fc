"""GET events/{id}/stream: an event's seats as they change."""

import http.client
import json
import time

import pytest
from platform_api import Platform, event

EVENTS = tuple(event(f"evt_{number}", hold_seconds=10) for number in range(4))


@pytest.fixture(scope="module", params=[0, 2], ids=["reactors=0", "reactors=2"])
def platform(request):
    with Platform("--reactors", request.param, events=EVENTS) as running:
        yield running


class Stream:
    """Server-sent events, one after the other: (event, id, data)."""

    def __init__(self, port, path, timeout=20):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self.connection.request("GET", path, headers={"Accept": "text/event-stream"})
        self.response = self.connection.getresponse()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def next(self):
        fields = {}
        while True:
            line = self.response.readline().decode().rstrip("\n")
            if line.startswith(":"):
                continue
            if not line and fields:
                return fields["event"], int(fields["id"]), json.loads(fields["data"])
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value

    def until(self, kind):
        """What came up to the first of a kind, and that."""
        before = []
        while True:
            got = self.next()
            if got[0] == kind:
                return before, got
            before.append(got)


def test_begins_with_the_availability(platform):
    with Stream(platform.port, "/api/v1/events/evt_0/stream") as stream:
        assert stream.response.status == 200
        assert stream.response.getheader("Content-Type").startswith("text/event-stream")
        kind, version, data = stream.next()
        assert kind == "availability"
        assert data == platform.client().ok("GET", "/api/v1/events/evt_0/availability")
        assert data["version"] == version


def test_every_change_in_order(platform):
    buyer = platform.buyer()
    with Stream(platform.port, "/api/v1/events/evt_1/stream") as stream:
        _, version, _ = stream.next()
        made = buyer.reserve("evt_1", "A-1-1", "A-1-2")
        buyer.ok("DELETE", f"/api/v1/reservations/{made['reservation_id']}")
        buyer.buy("evt_1", "A-1-3")
        expected = [("A-1-1", "r"), ("A-1-2", "r"), ("A-1-1", "a"), ("A-1-2", "a"),
                    ("A-1-3", "r"), ("A-1-3", "s")]
        seen = []
        while len(seen) < len(expected):
            kind, number, data = stream.next()
            if kind == "seats":
                version += 1
                assert number == version
                seen.append((data["seat_id"], data["state"]))
        assert seen == expected
        _, last = stream.until("availability")
        while last[2]["remaining"] != 499:
            _, last = stream.until("availability")
        assert last[1] == version


def test_a_hold_that_lapses_is_told(platform):
    with Stream(platform.port, "/api/v1/events/evt_2/stream") as stream:
        platform.buyer().reserve("evt_2", "A-5-5")
        states = []
        while states != ["r", "a"]:
            _, (_, _, data) = stream.until("seats")
            assert data["seat_id"] == "A-5-5"
            states.append(data["state"])


def test_availability_once_a_second_at_most(platform):
    buyer = platform.buyer()
    with Stream(platform.port, "/api/v1/events/evt_3/stream") as stream:
        stream.next()
        end = time.monotonic() + 2.5
        count = 0
        while time.monotonic() < end:
            made = buyer.reserve("evt_3", quantity=1)
            buyer.ok("DELETE", f"/api/v1/reservations/{made['reservation_id']}")
            time.sleep(0.05)
        buyer.reserve("evt_3", "A-20-20")
        while True:
            kind, _, data = stream.next()
            count += kind == "availability"
            if kind == "seats" and data["seat_id"] == "A-20-20":
                break
        assert 2 <= count <= 4


def test_many_streams(platform):
    streams = [Stream(platform.port, "/api/v1/events/evt_0/stream") for _ in range(50)]
    for stream in streams:
        assert stream.next()[0] == "availability"
    platform.buyer().reserve("evt_0", "A-9-9")
    for stream in streams:
        _, (_, _, data) = stream.until("seats")
        assert data == {"seat_id": "A-9-9", "state": "r"}
        stream.connection.close()
