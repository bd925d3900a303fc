"""What a stranger can make the server hold or wait for: each limit, its answer and its counter."""

import socket
import time

import pytest

from door import TIMEOUT_S, Door, head_of, wait_until


def expect_refused(client, status, code):
    """Exactly one reply, and the end of the connection."""
    reply = client.reply()
    assert (reply.status, reply.error_code()) == (status, code)
    assert reply.get("connection") == "close"
    assert reply.get("retry-after") == ("1" if status == 503 else None)
    assert client.ended()


@pytest.fixture(params=[0, 2], ids=["reactors=0", "reactors=2"])
def reactors(request):
    return request.param


# ---- size ----

def target_of(size):
    """A request line of this many bytes."""
    return "/" + "x" * (size - len("GET / HTTP/1.1"))


def test_request_line(door):
    before = door.refusals("request_line_long")
    with door.client() as client:
        assert client.ask("GET", target_of(8192)).status == 404
        client.send(head_of("GET", target_of(8193)))
        expect_refused(client, 414, "URI_TOO_LONG")
    with door.client() as client:
        client.send(b"GET /" + b"x" * 100000)
        expect_refused(client, 414, "URI_TOO_LONG")
    assert door.refusals("request_line_long") == before + 2


def test_head_bytes(door):
    before = door.refusals("head_large")
    empty = len(head_of("GET", "/hello", X=""))
    with door.client() as client:
        assert client.ask("GET", "/hello", X="y" * (16384 - empty)).status == 200
        client.send(head_of("GET", "/hello", X="y" * (16385 - empty)))
        expect_refused(client, 431, "HEADERS_TOO_LARGE")
    # Without an end.
    with door.client() as client:
        client.send(b"GET /hello HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 17000)
        expect_refused(client, 431, "HEADERS_TOO_LARGE")
    assert door.refusals("head_large") == before + 2


def test_header_count(door):
    before = door.refusals("headers_many")
    with door.client() as client:
        many = {f"X{i}": "y" for i in range(63)}
        assert client.ask("GET", "/hello", **many).status == 200
        client.send(head_of("GET", "/hello", Z="y", **many))
        expect_refused(client, 431, "HEADERS_TOO_LARGE")
    assert door.refusals("headers_many") == before + 1


def test_body(door):
    before = door.refusals("body_large")
    with door.client() as client:
        client.send(head_of("POST", "/hello", Content_Length=4097))
        expect_refused(client, 413, "BODY_TOO_LARGE")
    with door.client() as client:
        client.send(head_of("POST", "/nowhere", Content_Length=1 << 60))
        expect_refused(client, 413, "BODY_TOO_LARGE")
    with door.client() as client:
        client.send(head_of("POST", "/hello", Transfer_Encoding="chunked") + b"fffffff\r\n")
        client.send(b"x" * 5000)
        expect_refused(client, 413, "BODY_TOO_LARGE")
    assert door.refusals("body_large") == before + 3


# ---- time ----

def trickle(client, data, every_s):
    """Sends byte after byte until the server has said something; how long that took."""
    start = time.monotonic()
    client.socket.settimeout(every_s)
    for i in range(len(data)):
        try:
            client.send(data[i:i + 1])
            if client.socket.recv(1, socket.MSG_PEEK):
                break
        except TimeoutError:
            continue
    client.socket.settimeout(TIMEOUT_S)
    return time.monotonic() - start


def test_first_byte(reactors):
    with Door(reactors=reactors, first_byte_ms=300) as door, door.client() as client:
        start = time.monotonic()
        expect_refused(client, 408, "REQUEST_TIMEOUT")
        assert 0.25 < time.monotonic() - start < 10
        assert door.refusals("first_byte_timeout") == 1


def test_slow_head(reactors):
    """Slowloris: bytes that come all the time do not win time."""
    with Door(reactors=reactors, head_ms=400, idle_ms=60000) as door:
        for asked_before in False, True:
            with door.client() as client:
                if asked_before:
                    assert client.ask("GET", "/hello").status == 200
                took = trickle(client, head_of("GET", "/" + "x" * 1000), 0.02)
                assert 0.35 < took < 10
                expect_refused(client, 408, "REQUEST_TIMEOUT")
        assert door.refusals("head_timeout") == 2


def test_slow_head_by_many(reactors):
    """None of them keeps the server from answering others, or longer than they may."""
    with Door(reactors=reactors, head_ms=700) as door:
        clients = [door.client() for _ in range(200)]
        for client in clients:
            client.send(b"GET /hello HTTP/1.1\r\nX")
        with door.client() as other:
            assert other.ask("GET", "/hello").status == 200
        for client in clients:
            expect_refused(client, 408, "REQUEST_TIMEOUT")
            client.close()
        assert wait_until(lambda: door.open_connections() == 0)
        assert door.refusals("head_timeout") == 200


@pytest.mark.parametrize("framing", [{"Content_Length": 1000}, {"Transfer_Encoding": "chunked"}],
                         ids=["length", "chunked"])
def test_slow_body(framing):
    with Door(body_rate_bytes=1000, body_grace_ms=300) as door:
        with door.client() as client:
            client.send(head_of("POST", "/echo", **framing))
            took = trickle(client, b"3e8\r\n" + b"x" * 1000, 0.02)
            assert 0.25 < took < 10
            expect_refused(client, 408, "REQUEST_TIMEOUT")
        assert door.refusals("body_timeout") == 1
        # Slow, but not too slow: far beyond the grace.
        with door.client() as client:
            client.send(head_of("POST", "/echo", Content_Length=30000))
            for _ in range(30):
                client.send(b"x" * 1000)
                time.sleep(0.03)
            assert client.reply().body == b"x" * 30000
        assert door.refusals("body_timeout") == 1


def test_idle(reactors):
    with Door(reactors=reactors, idle_ms=300, first_byte_ms=60000) as door, door.client() as client:
        for _ in range(5):
            time.sleep(0.1)
            assert client.ask("GET", "/hello").status == 200
        start = time.monotonic()
        assert client.ended()
        assert 0.25 < time.monotonic() - start < 10
        assert door.refusals("idle") >= 1


def test_a_handler_may_take_its_time():
    with Door(idle_ms=100, head_ms=100, first_byte_ms=100, write_stall_ms=100) as door:
        with door.client() as client:
            assert client.ask("GET", "/later/600").status == 200


# ---- how many ----

def test_requests_per_connection(door):
    with Door(reactors=door.reactors, requests_per_connection=3) as limited:
        with limited.client() as client:
            client.send(5 * head_of("GET", "/hello"))
            replies = [client.reply() for _ in range(3)]
            assert [reply.get("connection") for reply in replies] == [None, None, "close"]
            assert client.ended()
        with limited.client() as client:
            client.send(head_of("GET", "/hello") + head_of("GET", "/nowhere") +
                        head_of("GET", "/size/3000000") + head_of("GET", "/hello"))
            assert [client.reply().status for _ in range(3)] == [200, 404, 200]
            assert client.ended()


def is_served(door, source=None):
    with door.client(source=source) as client:
        return client.ask("GET", "/hello").status == 200


def test_connections_per_address():
    with Door(connections_per_address=3) as door:
        clients = [door.client(source="127.0.0.2") for _ in range(3)]
        for client in clients:
            assert client.ask("GET", "/hello").status == 200
        with door.client(source="127.0.0.2") as another:
            expect_refused(another, 503, "SERVER_BUSY")
        assert door.refusals("connections_address") == 1
        # Others do not suffer, and those that are there go on.
        assert is_served(door, "127.0.0.3")
        for client in clients:
            assert client.ask("GET", "/hello").status == 200
        # A place is given again once its connection is gone.
        clients.pop().close()
        assert wait_until(lambda: is_served(door, "127.0.0.2"))
        for client in clients:
            client.close()


def test_connections(reactors):
    with Door(reactors=reactors, connections=20) as door:
        refused = 0
        clients = []
        # Reactors have a part of the limit each, and the kernel spreads connections over them.
        while refused < 5:
            client = door.client()
            client.send(head_of("GET", "/hello"))
            reply = client.reply()
            if reply.status == 200:
                clients.append(client)
                continue
            assert (reply.status, reply.error_code()) == (503, "SERVER_BUSY")
            assert (reply.get("retry-after"), reply.get("connection")) == ("1", "close")
            assert client.ended()
            refused += 1
            client.close()
        assert len(clients) == 20 if reactors == 0 else 10 <= len(clients) <= 20
        for client in clients:
            assert client.ask("GET", "/hello").status == 200
            client.close()
        assert door.refusals("connections") == refused
        assert wait_until(lambda: door.open_connections() == 0)
        assert is_served(door)


def test_operators_are_let_in_when_all_connections_are_in_use():
    with Door(connections=5, connections_per_address=5) as door:
        clients = [door.client() for _ in range(5)]
        for client in clients:
            assert client.ask("GET", "/hello").status == 200
        assert door.metrics()["tacos_net_connections_open"] == 6
        # Even when more wait for their refusal than are told of it.
        others = [door.client(source="127.0.0.2") for _ in range(100)]
        assert wait_until(lambda: door.refusals("connections") == 100)
        for client in clients + others:
            client.close()
