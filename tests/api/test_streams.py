"""Event streams: all subscribers get everything in order, one that does not read harms nobody."""

import signal
import time

import pytest
import requests

from door import TIMEOUT_S, Door, head_of, insecure_tls, wait_until

FIRST = "event: hello\ndata: {}\n\n"
PING = ": ping\n\n"


def event(number, size=0):
    return f"event: count\nid: {number}\ndata: {'x' * size}\n\n".encode()


class Subscriber:
    """A client in a stream: blocks up to the empty line, without chunks if there are any."""

    def __init__(self, door, version="1.1", path="/events", **options):
        self.client = door.client(**options)
        self.client.send(f"GET {path} HTTP/{version}\r\nHost: a\r\n\r\n".encode())
        self.reply = self.client.head()
        assert self.reply.status == 200
        self.chunked = self.reply.get("transfer-encoding") == "chunked"
        self.text = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def _more(self):
        """False at the regular end."""
        if not self.chunked:
            self.text += self.client.take(1)
            self.text += self.client.take(len(self.client.unread))
            return True
        size = int(self.client.line(), 16)
        self.text += self.client.take(size)
        assert self.client.take(2) == b"\r\n"
        return size > 0

    def next(self):
        while b"\n\n" not in self.text:
            assert self._more(), "the stream ended"
        block, _, self.text = self.text.partition(b"\n\n")
        return block.decode() + "\n\n"

    def number(self):
        """The id of the next event, pings passed over."""
        while (block := self.next()) == PING:
            pass
        assert block.startswith("event: count\nid: "), block
        return int(block.splitlines()[1].removeprefix("id: "))

    def numbers(self, count):
        return [self.number() for _ in range(count)]


@pytest.fixture(params=[0, 2], ids=["reactors=0", "reactors=2"])
def reactors(request):
    return request.param


def streams_open(door):
    return door.metrics()["tacos_net_streams_open"]


# ---- what it is ----

def test_the_reply(door):
    with Subscriber(door) as subscriber:
        reply = subscriber.reply
        assert reply.get("content-type") == "text/event-stream"
        assert reply.get("transfer-encoding") == "chunked"
        assert reply.get("cache-control") == "no-store"
        assert reply.get("content-length") is None
        assert reply.get("content-encoding") is None
        assert reply.get("connection") is None
        assert reply.get("x-request-id")
        assert subscriber.next() == FIRST
        assert streams_open(door) == 1
        door.publish(event(1), event(2))
        assert subscriber.numbers(2) == [1, 2]
    assert wait_until(lambda: streams_open(door) == 0)


def test_only_what_comes_later(door):
    door.publish(event(1))
    with Subscriber(door) as early:
        assert early.next() == FIRST
        door.publish(event(2))
        with Subscriber(door) as late:
            assert late.next() == FIRST
            door.publish(event(3))
            assert late.number() == 3
        assert early.numbers(2) == [2, 3]


def test_http_1_0(door):
    """No chunks: events as they are, and the connection's end is the stream's."""
    with Subscriber(door, version="1.0") as old, Subscriber(door) as new:
        assert old.reply.get("transfer-encoding") is None
        assert old.reply.get("connection") == "close"
        assert old.next() == new.next() == FIRST
        # Enough to go around the ring of events more than once.
        for number in range(60):
            door.publish(event(number, 10000))
            assert old.number() == new.number() == number


def test_by_requests(door):
    with requests.get(door.url("/events"), stream=True, timeout=TIMEOUT_S,
                      headers={"Accept": "text/event-stream"}) as reply:
        lines = reply.iter_lines(decode_unicode=True)
        assert [next(lines) for _ in range(3)] == ["event: hello", "data: {}", ""]
        door.publish(event(7))
        assert [next(lines) for _ in range(4)] == ["event: count", "id: 7", "data: ", ""]


def test_head_is_no_subscription(door):
    with door.client() as client:
        reply = client.ask("HEAD", "/events")
        assert (reply.status, reply.get("content-type")) == (200, "text/event-stream")
        assert client.ask("GET", "/hello").status == 200
        assert streams_open(door) == 0


def test_what_a_subscriber_sends_is_not_read_as_requests(door):
    with Subscriber(door) as subscriber:
        assert subscriber.next() == FIRST
        subscriber.client.send(1000 * head_of("POST", "/publish"))
        subscriber.client.send(head_of("GET", "/hello"))
        door.publish(event(1))
        assert subscriber.number() == 1


def test_over_tls(place, reactors):
    with Door(reactors=reactors, tls=f"self:{place}") as door:
        with Subscriber(door, tls=insecure_tls()) as one, \
             Subscriber(door, tls=insecure_tls(), version="1.0") as two, \
             door.client(tls=insecure_tls()) as client:
            assert one.next() == two.next() == FIRST
            for number in range(60):
                assert client.ask("POST", "/publish", body=event(number, 10000)).status == 204
                assert one.number() == two.number() == number


# ---- many ----

def test_two_hundred_subscribers_get_a_hundred_events(door):
    subscribers = [Subscriber(door, version="1.0" if i % 5 == 4 else "1.1") for i in range(200)]
    assert streams_open(door) == 200
    before = door.metrics()["tacos_net_events_published_total"]
    door.publish(*(event(number, number * 7) for number in range(100)))
    for subscriber in subscribers:
        assert subscriber.next() == FIRST
        assert subscriber.numbers(100) == list(range(100))
        subscriber.client.close()
    assert door.metrics()["tacos_net_events_published_total"] == before + 100
    assert wait_until(lambda: streams_open(door) == 0)


def test_subscribers_that_come_and_go(door):
    """Who stays loses nothing."""
    with Subscriber(door) as stays:
        assert stays.next() == FIRST
        for number in range(200):
            visitor = Subscriber(door)
            door.publish(event(number))
            if number % 2 == 0:
                assert visitor.next() == FIRST
                assert visitor.number() == number
                visitor.client.close()
            else:
                visitor.client.reset()
        assert stays.numbers(200) == list(range(200))
    assert wait_until(lambda: streams_open(door) == 0)


# ---- streams that are asked: every reader its own ----

def asked(door, name, version="1.1", milliseconds=20, last=0, **options):
    return Subscriber(door, version=version, path=f"/asked/{milliseconds}/{last}/{name}", **options)


def expect_own(subscriber, name, numbers):
    assert subscriber.next() == FIRST
    for number in numbers:
        assert subscriber.next() == f"event: count\nid: {number}\ndata: {name}\n\n"


def test_every_reader_is_told_its_own(door):
    before = door.requests()
    names = [f"{'d' if i % 3 == 0 else 'n'}{i}" for i in range(60)]
    subscribers = [asked(door, name, version="1.0" if i % 5 == 4 else "1.1")
                   for i, name in enumerate(names)]
    for name, subscriber in zip(names, subscribers):
        expect_own(subscriber, name, range(1, 11))
    assert streams_open(door) == 60
    assert door.metrics()["tacos_net_asks_total"] >= 600
    assert door.requests() - before == 60
    for subscriber in subscribers:
        subscriber.client.close()
    assert wait_until(lambda: streams_open(door) == 0)
    asks = door.metrics()["tacos_net_asks_total"]
    time.sleep(0.1)
    assert door.metrics()["tacos_net_asks_total"] == asks


def test_asked_to_the_end(door):
    with asked(door, "new", last=3) as new, asked(door, "old", version="1.0", last=3) as old:
        expect_own(new, "new", range(1, 4))
        expect_own(old, "old", range(1, 4))
        assert new.client.rest() == b"0\r\n\r\n"
        assert old.client.rest() == b""
    assert wait_until(lambda: streams_open(door) == 0)


def test_asked_over_tls(place, reactors):
    with Door(reactors=reactors, tls=f"self:{place}") as door:
        with asked(door, "one", last=20, tls=insecure_tls()) as one:
            expect_own(one, "one", range(1, 21))
            assert one.client.rest() == b"0\r\n\r\n"


def test_asked_while_they_come_and_go(door):
    """Who stays is told all; who goes in the middle of an ask harms nobody."""
    with asked(door, "stays") as stays:
        for number in range(100):
            visitor = asked(door, f"d{number}", milliseconds=1)
            if number % 2 == 0:
                expect_own(visitor, f"d{number}", range(1, 3))
                visitor.client.close()
            else:
                visitor.client.reset()
        expect_own(stays, "stays", range(1, 11))
    assert wait_until(lambda: streams_open(door) == 0)


def test_readers_with_nothing_to_be_told_get_pings(reactors):
    with Door(reactors=reactors, stream_ping_ms=200) as door:
        with asked(door, "quiet", milliseconds=10) as often, \
             asked(door, "quiet", milliseconds=600000) as seldom:
            for subscriber in (often, seldom):
                assert [subscriber.next() for _ in range(3)] == [FIRST, PING, PING]
            assert door.metrics()["tacos_net_asks_total"] > 10


# ---- silence, and readers that are slow ----

def test_ping_after_silence(reactors):
    with Door(reactors=reactors, stream_ping_ms=200) as door:
        with Subscriber(door) as new, Subscriber(door, version="1.0") as old:
            assert new.next() == old.next() == FIRST
            start = time.monotonic()
            for _ in range(3):
                assert new.next() == old.next() == PING
            assert 0.5 < time.monotonic() - start < 10
            # While there are events nobody needs a ping.
            for number in range(20):
                door.publish(event(number))
                time.sleep(0.02)
            numbers = []
            pings = 0
            while len(numbers) < 20:
                block = new.next()
                pings += block == PING
                numbers += [int(block.splitlines()[1][4:])] if block != PING else []
            assert numbers == list(range(20))
            assert pings <= 3


def test_slow_reader_is_dropped_and_others_lose_nothing(reactors):
    with Door(reactors=reactors) as door:
        slow = [Subscriber(door, receive_bytes=4096, version=version)
                for version in ("1.1", "1.0", "1.1", "1.1")]
        with Subscriber(door) as one, Subscriber(door, version="1.0") as two, \
             door.client() as publisher:
            assert one.next() == two.next() == FIRST
            before = door.resident_bytes()
            number = 0
            # The kernel takes some megabytes for each.
            while number < 5000 and (number % 100 != 0 or
                                     door.refusals("slow_stream") < len(slow)):
                assert publisher.ask("POST", "/publish", body=event(number, 16000)).status == 204
                assert one.number() == two.number() == number
                number += 1
            assert door.refusals("slow_stream") == len(slow)
            assert streams_open(door) == 2
            assert door.resident_bytes() - before < 8 << 20
            assert publisher.ask("POST", "/publish", body=event(number)).status == 204
            assert one.number() == two.number() == number
        for subscriber in slow:
            # What it was sent is whole events in order, cut off somewhere.
            ids = [int(line[4:]) for line in subscriber.client.rest().split(b"\n")
                   if line.startswith(b"id: ")]
            assert ids == list(range(len(ids)))
            assert 0 < len(ids) < number
            subscriber.client.close()


def test_reader_that_stands_still_is_dropped_in_silence():
    """Nothing new has to come for it to be found."""
    with Door(write_stall_ms=500, stream_ping_ms=500) as door:
        with Subscriber(door, receive_bytes=4096):
            # As much as the kernel takes, and some more: less than a subscriber may lag behind.
            sent, same = -1, 0
            while same < 3 and streams_open(door) == 1:
                door.publish(*(event(number, 16000) for number in range(4)))
                time.sleep(0.02)
                now = door.metrics()["tacos_net_sent_bytes_total"] // 50000
                same = same + 1 if now == sent else 0
                sent = now
            assert wait_until(lambda: streams_open(door) == 0)
            assert door.refusals("write_stall") + door.refusals("slow_stream") == 1


# ---- the end ----

def test_streams_end_at_drain(reactors):
    with Door(reactors=reactors, drain_ms=20000) as door:
        new, old = Subscriber(door), Subscriber(door, version="1.0")
        assert new.next() == old.next() == FIRST
        door.publish(event(1))
        assert new.number() == old.number() == 1
        start = time.monotonic()
        door.process.send_signal(signal.SIGTERM)
        # The last chunk: the stream ended, it was not cut.
        assert new.client.rest() == b"0\r\n\r\n"
        assert old.client.rest() == b""
        assert door.end(None) == 0
        assert time.monotonic() - start < 5
        new.client.close()
        old.client.close()


def test_asked_streams_end_at_drain(reactors):
    with Door(reactors=reactors, drain_ms=20000) as door:
        new = asked(door, "new", milliseconds=5)
        expect_own(new, "new", range(1, 4))
        door.process.send_signal(signal.SIGTERM)
        assert (b"\r\n" + new.client.rest()).endswith(b"\r\n0\r\n\r\n")
        assert door.end(None) == 0
        new.client.close()
