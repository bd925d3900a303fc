"""Clients that mean no good: who read nothing, come in thousands, or speak no HTTP at all."""

import random
import resource
import ssl
import time

import pytest

from door import Door, head_of, insecure_tls, wait_until

LARGE = 20000000


@pytest.fixture(params=[0, 2], ids=["reactors=0", "reactors=2"])
def reactors(request):
    return request.param


def is_served(door, source=None):
    with door.client(source=source) as client:
        return client.ask("GET", "/hello").status == 200


# ---- who reads nothing ----

def test_client_that_never_reads(reactors):
    """It is dropped; what it did not take is no memory of ours; others do not notice."""
    with Door(reactors=reactors, write_stall_ms=700) as door:
        with door.client() as other:
            assert other.ask("GET", "/hello").status == 200
            before = door.resident_bytes()
            stalled = [door.client(receive_bytes=4096) for _ in range(20)]
            for client in stalled:
                client.send(3 * head_of("GET", f"/size/{LARGE}"))
            slowest = 0
            while door.refusals("write_stall") < len(stalled):
                time.sleep(0.01)
                start = time.monotonic()
                assert other.ask("GET", "/hello").status == 200
                slowest = max(slowest, time.monotonic() - start)
                assert door.resident_bytes() - before < 16 << 20
            assert slowest < 2
            assert wait_until(lambda: door.open_connections() == 1)
            for client in stalled:
                assert len(client.rest()) < LARGE
                client.close()


def test_slow_reader_is_no_staller():
    """Some bytes in every moment are enough, however long it takes."""
    with Door(write_stall_ms=400) as door, door.client(receive_bytes=65536) as client:
        client.send(head_of("GET", f"/size/{LARGE}"))
        received = 0
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            received += len(client.socket.recv(100000))
            time.sleep(0.05)
        received += len(client.take(LARGE // 2))
        assert door.refusals("write_stall") == 0
        assert received < LARGE


def test_client_that_pipelines_and_never_reads(door):
    """What it asks for is not made ready ahead: the server stops reading."""
    before = door.resident_bytes()
    with door.client(receive_bytes=4096) as client:
        client.socket.settimeout(0.5)
        request = 1000 * head_of("GET", "/size/16000")
        with pytest.raises(TimeoutError):
            for _ in range(2000):
                client.send(request)
        assert door.resident_bytes() - before < 8 << 20
        with door.client() as other:
            assert other.ask("GET", "/hello").status == 200


# ---- storms ----

def storm(door, count):
    """Connections that come and go: silent, within a head or body, after a reply, reset."""
    heads = b"", b"GET /hel", head_of("POST", "/echo", Content_Length=100) + b"x", \
        head_of("GET", "/hello"), head_of("GET", "/size/300000")
    batch = []
    for i in range(count):
        client = door.client(source=f"127.0.0.{2 + i % 200}")
        client.send(heads[i % len(heads)])
        batch.append(client)
        if len(batch) < 250:
            continue
        for j, client in enumerate(batch):
            if j % 3 == 0:
                client.reset()
            else:
                client.close()
        batch.clear()
    assert not batch


def test_ten_thousand_connections_leave_nothing(reactors):
    with Door(reactors=reactors) as door:
        storm(door, 1000)
        assert wait_until(lambda: door.open_connections() == 0)
        before, descriptors = door.resident_bytes(), door.descriptors()
        storm(door, 10000 if reactors == 0 else 2000)
        assert wait_until(lambda: door.open_connections() == 0)
        assert door.resident_bytes() - before < 4 << 20
        assert wait_until(lambda: door.descriptors() <= descriptors)
        assert is_served(door)


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def test_no_descriptor_left(reactors):
    """Refused with 503, or served when it is somebody's turn; the server does not spin."""
    with Door(options={"preexec_fn": few_descriptors}, reactors=reactors) as door:
        clients = [door.client() for _ in range(100)]
        served = refused = waiting = 0
        for client in clients:
            client.socket.settimeout(1 if waiting == 0 else 0.02)
            try:
                client.send(head_of("GET", "/hello"))
                reply = client.reply()
            except TimeoutError:
                waiting += 1
                continue
            except (AssertionError, OSError):
                refused += 1  # the reset that followed the reply came first
                continue
            served += reply.status == 200
            refused += reply.status == 503
            assert reply.status == 200 or reply.get("retry-after") == "1"
        assert served + refused + waiting == 100
        assert served >= 30
        assert refused >= 10
        before = door.cpu_seconds()
        time.sleep(0.5)
        assert door.cpu_seconds() - before < 0.1
        for client in clients:
            client.close()
        assert wait_until(lambda: is_served(door))
        assert door.refusals("descriptors") >= 10


# ---- bytes that are no HTTP ----

def test_garbage(door):
    noise = random.Random(20261127)
    for _ in range(20):
        with door.client() as client:
            try:
                client.send(noise.randbytes(1 << 20))
                client.finish()
            except OSError:
                pass  # it was ended before all was sent
            reply = client.rest()
            assert reply == b"" or reply.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 414 "))
    assert wait_until(lambda: door.open_connections() == 0)
    assert is_served(door)


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = insecure_tls("h2", "http/1.1").wrap_bio(incoming, outgoing, server_hostname="a")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_tls_at_a_plain_port(door):
    with door.client() as client:
        client.send(client_hello())
        reply = client.reply()
        assert (reply.status, reply.error_code()) == (400, "BAD_REQUEST")
        assert client.ended()
    assert is_served(door)


@pytest.mark.parametrize("data", [head_of("GET", "/hello"), b"\x00" * 1000, b"\x16\x03\x01\xff\xff",
                                  b"\x16\x03\x01\x00\x05hello"],
                         ids=["http", "zeros", "record too long", "record of nothing"])
def test_anything_at_a_tls_port(place, data):
    with Door(tls=f"self:{place}") as door:
        with door.client() as client:
            client.send(data + b"x" * 70000)
            # At most an alert of TLS (RFC 8446 6), never a reply.
            assert len(client.rest()) <= 7
        assert wait_until(lambda: door.refusals("tls") == 1, 5)
        with door.client(tls=insecure_tls()) as client:
            assert client.ask("GET", "/hello").status == 200
