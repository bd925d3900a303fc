"""A server starts where it is told to, says when it is ready, and loses no request at its end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from door import (ANY_PORTS, HELLO, TACOS, TIMEOUT_S, Client, Door, Product, Program, environment,
                  head_of, run_product, wait_until)

STOPPED = "tacos serve: stopped, everything is on disk\n"


@pytest.fixture(params=[0, 2], ids=["reactors=0", "reactors=2"])
def reactors(request):
    return request.param


def get(port, path, host="127.0.0.1"):
    """Status and body."""
    host = f"[{host}]" if ":" in host else host
    try:
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=TIMEOUT_S) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def listens(port):
    try:
        Client(port).close()
        return True
    except ConnectionError:  # refused; or reset, when it is closed with us in its queue
        return False


# ---- stopping ----

def begin_request(product):
    """One whose body is not whole yet."""
    before = product.requests()
    client = Client(product.port)
    client.send(head_of("POST", "/nowhere", Content_Length=10) + b"12345")
    assert wait_until(lambda: product.requests() > before)
    return client


def test_ready_until_it_is_to_stop(place, reactors):
    with Product(place / "data", "--reactors", str(reactors)) as product:
        for port in product.port, product.operations:
            assert get(port, "/readyz") == (200, b'{"status":"ready"}')
            assert get(port, "/healthz") == (200, b'{"status":"ok"}')
        assert product.metrics()["tacos_ready"] == 1
        with begin_request(product) as client, Client(product.port) as idle, \
             Client(product.operations) as probe:
            assert idle.ask("GET", "/healthz").status == 200
            assert probe.ask("GET", "/readyz").status == 200
            product.process.send_signal(signal.SIGTERM)
            assert idle.ended()
            # Operators see why, on old and new connections; clients go elsewhere.
            told = probe.ask("GET", "/readyz")
            for status, body in (get(product.operations, "/readyz"), (told.status, told.body)):
                assert status == 503
                reasons = json.loads(body)["reasons"]
                assert len(reasons) == 1
                assert reasons[0].startswith("draining")
            assert get(product.operations, "/healthz") == (200, b'{"status":"ok"}')
            assert product.metrics()["tacos_ready"] == 0
            assert not listens(product.port)
            client.send(b"67890")
            reply = client.reply()
            assert (reply.status, reply.get("connection")) == (404, "close")
            assert client.ended()
        assert product.end(None) == 0
        assert product.output.endswith(STOPPED)
        assert product.log() == ""
        assert not listens(product.operations)


def test_requests_under_way_are_bounded_by_the_drain_time(place, reactors):
    with Product(place / "data", "--reactors", str(reactors), "--drain-seconds", "1") as product:
        with begin_request(product):
            start = time.monotonic()
            assert product.end() == 0
            assert 0.9 < time.monotonic() - start < 10
        assert product.output.endswith(STOPPED)


def test_nothing_under_way_stops_at_once(place, reactors):
    with Product(place / "data", "--reactors", str(reactors)) as product:
        with Client(product.port) as idle:
            assert idle.ask("GET", "/healthz").status == 200
            start = time.monotonic()
            product.process.send_signal(signal.SIGTERM)
            assert idle.ended()
        assert product.end(None) == 0
        assert time.monotonic() - start < 3


def test_handlers_at_work_are_waited_for(reactors):
    with Door(reactors=reactors, drain_ms=20000) as door:
        with door.client() as late, door.client() as pipelined, door.client() as large:
            late.send(head_of("GET", "/later/600"))
            pipelined.send(head_of("GET", "/later/600") + head_of("GET", "/hello"))
            large.send(head_of("GET", "/size/20000000"))
            large.take(1000)
            time.sleep(0.1)
            start = time.monotonic()
            door.process.send_signal(signal.SIGTERM)
            assert wait_until(lambda: not listens(door.port))
            reply = late.reply()
            assert (reply.status, reply.body, reply.get("connection")) == (200, HELLO, "close")
            assert late.ended()
            # The one behind it can be sent elsewhere: nothing was done for it.
            assert pipelined.reply().get("connection") == "close"
            assert pipelined.ended()
            assert len(large.rest()) > 19990000
        assert door.end(None) == 0
        assert 0.4 < time.monotonic() - start < 10


def test_handlers_that_take_longer_than_the_drain(reactors):
    with Door(reactors=reactors, drain_ms=300) as door:
        with door.client() as client:
            client.send(head_of("GET", "/later/60000"))
            time.sleep(0.1)
            start = time.monotonic()
            assert door.end() == 0
            assert 0.25 < time.monotonic() - start < 10
            client.rest()


def test_a_second_signal_changes_nothing(place):
    with Product(place / "data") as product, begin_request(product) as client:
        product.process.send_signal(signal.SIGTERM)
        assert wait_until(lambda: not listens(product.port))
        product.process.send_signal(signal.SIGTERM)
        product.process.send_signal(signal.SIGINT)
        client.send(b"67890")
        assert client.reply().status == 404
        client.close()
        assert product.end(None) == 0


# ---- where it listens ----

@pytest.mark.parametrize("second", [0, 2])
def test_a_port_in_use(place, reactors, second):
    with Product(place / "a", "--reactors", str(reactors)) as product:
        for option, port, name in (("--listen", product.port, "http"),
                                   ("--operations-listen", product.operations, "operations")):
            done = run_product(place / "b", option, f"127.0.0.1:{port}", "--reactors", second)
            assert done.returncode == 1
            assert done.stderr == (f"tacos serve: 127.0.0.1:{port} ({name}) is in use: another "
                                   f"server listens on port {port}; stop it, or choose another "
                                   "address\n")
            assert "for clients" not in done.stdout
        assert get(product.port, "/readyz")[0] == 200
        assert product.end() == 0


def test_the_same_port_again(place):
    """Connections that ended just now do not keep the next server from starting."""
    with Product(place / "data") as product:
        port = product.port
        with Client(port) as client:
            assert client.ask("GET", "/healthz", Connection="close").status == 200
            assert client.ended()
        assert product.end() == 0
    with Product(place / "data", "--listen", f"127.0.0.1:{port}") as product:
        assert product.port == port
        assert get(port, "/healthz")[0] == 200
        assert product.end() == 0


@pytest.mark.parametrize("option", ["--listen", "--operations-listen"])
@pytest.mark.parametrize("address", ["8000", "127.0.0.1", "localhost:8000", "127.0.0.1:65536",
                                     "127.0.0.1:", "127.0.0.1:x", "::1:8000", "[127.0.0.1]:80",
                                     "1.2.3:80", ":8000", "[::1]", "127.0.0.1:-1"])
def test_addresses_that_are_none(place, option, address):
    done = run_product(place / "data", option, address)
    assert done.returncode != 0
    assert option in done.stderr
    assert f"'{address}'" in done.stderr
    assert "127.0.0.1:8000 or [::1]:8000" in done.stderr
    assert not (place / "data").exists()


def test_an_address_of_somebody_else(place):
    done = run_product(place / "data", "--listen", "203.0.113.7:0")
    assert done.returncode == 1
    assert "203.0.113.7:0 (http)" in done.stderr


def test_loopback_by_default():
    help_text = subprocess.run([TACOS, "help", "serve"], capture_output=True, text=True,
                               check=True, timeout=TIMEOUT_S, env=environment()).stdout
    assert "(environment: TACOS_LISTEN; default: 127.0.0.1:8000)" in help_text
    assert "(environment: TACOS_OPERATIONS_LISTEN; default: 127.0.0.1:8001)" in help_text


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="no IPv6 here")
def test_ipv6(place):
    with Product(place / "data", variables={"TACOS_LISTEN": "[::1]:0"}) as product:
        assert product.host == "[::1]"
        assert get(product.port, "/healthz", "::1") == (200, b'{"status":"ok"}')
        assert not listens(product.port)
        assert product.end() == 0


def test_metrics_only_for_operators(place):
    web = place / "web"
    web.mkdir()
    (web / "index.html").write_text("<!doctype html>", encoding="ascii")
    with Product(place / "data", "--web-dir", web) as product:
        assert get(product.port, "/metrics")[0] == 404
        assert get(product.port, "/")[1] == b"<!doctype html>"
        status, body = get(product.operations, "/metrics")
        assert status == 200
        for name in b"tacos_net_requests_total", b"tacos_store_items", b"tacos_ready 1":
            assert b"\n" + name in body
        assert get(product.operations, "/")[0] == 404
        assert product.end() == 0


# ---- systemd ----

# Becomes the server, with sockets from descriptor 3 on, as sd_listen_fds(3) has it.
WRAPPER = """
import os, sys
count = int(sys.argv[1])
given = [os.dup(int(word)) for word in sys.argv[2:2 + count]]
high = [os.dup2(one, 100 + i, inheritable=False) for i, one in enumerate(given)]
for i, one in enumerate(high):
    os.dup2(one, 3 + i)
os.environ["LISTEN_PID"] = str(os.getpid() + int(os.environ.pop("OFF_BY", "0")))
os.execv(sys.argv[2 + count], sys.argv[2 + count:])
"""

ANNOUNCED = r"http://(\S+):(\d+) for clients, http://(\S+):(\d+) for operators"


class Activated(Program):
    """`tacos serve` with sockets that somebody else opened."""

    def __init__(self, directory, sockets, **variables):
        numbers = [one.fileno() for one in sockets]
        variables = ANY_PORTS | {"LISTEN_FDS": str(len(sockets))} | variables
        super().__init__([sys.executable, "-c", WRAPPER, len(numbers), *numbers, TACOS, "serve",
                          "--data-dir", directory], ANNOUNCED, variables, pass_fds=numbers)
        self.port, self.operations = int(self.found[2]), int(self.found[4])


def listening():
    one = socket.socket()
    one.bind(("127.0.0.1", 0))
    one.listen()
    return one


def port_of(one):
    return one.getsockname()[1]


@pytest.mark.parametrize("threads", ["0", "2"])
def test_socket_activation(place, threads):
    with listening() as http, listening() as operations:
        # Who came before the server is served, too.
        with Client(port_of(http)) as early:
            early.send(head_of("GET", "/healthz"))
            with Activated(place / "data", [http, operations],
                           TACOS_REACTORS=threads) as product:
                assert early.reply().status == 200
                assert (product.port, product.operations) == (port_of(http), port_of(operations))
                for _ in range(20):
                    assert get(product.port, "/readyz")[0] == 200
                assert get(product.operations, "/metrics")[0] == 200
                early.close()
                assert product.end() == 0


def test_socket_activation_by_name(place):
    with listening() as one, listening() as two:
        with Activated(place / "data", [one, two],
                       LISTEN_FDNAMES="operations:http") as product:
            assert (product.port, product.operations) == (port_of(two), port_of(one))
            assert get(product.operations, "/metrics")[0] == 200
            assert product.end() == 0
        with Activated(place / "data", [one], LISTEN_FDNAMES="http") as product:
            assert product.port == port_of(one)
            assert product.operations not in (port_of(one), port_of(two))
            assert get(product.operations, "/metrics")[0] == 200
            assert product.end() == 0


def test_sockets_of_somebody_else(place):
    """Inherited by accident, through another process."""
    with listening() as one, listening() as two:
        with Activated(place / "data", [one, two], OFF_BY="1") as product:
            assert product.port not in (port_of(one), port_of(two))
            assert get(product.port, "/healthz")[0] == 200
            assert product.end() == 0


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_notify(place, abstract):
    path = f"@tacos-test-{place.name}" if abstract else str(place / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + path[1:] if abstract else path)
        manager.settimeout(TIMEOUT_S)
        with Product(place / "data", variables={"NOTIFY_SOCKET": path}) as product:
            assert b"READY=1" in manager.recv(4096).split(b"\n")
            assert get(product.port, "/readyz")[0] == 200
            with begin_request(product) as client:
                product.process.send_signal(signal.SIGTERM)
                assert b"STOPPING=1" in manager.recv(4096).split(b"\n")
                client.send(b"67890")
                assert client.reply().status == 404
            assert product.end(None) == 0
            assert product.log() == ""


def test_nobody_to_notify(place):
    with Product(place / "data", variables={"NOTIFY_SOCKET": str(place / "nobody")}) as product:
        assert get(product.port, "/readyz")[0] == 200
        assert product.end() == 0
        assert "notify_failed" in product.log()
