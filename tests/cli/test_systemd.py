"""Sockets that systemd opened, and what it is told (sd_listen_fds(3), sd_notify(3))."""

import contextlib
import signal
import socket

import pytest

from cli import Server

# Puts the descriptors named in the environment at 3, 4, ... and says whom they are for.
SHELL = 'export LISTEN_PID=${PID_WANTED:-$$}; exec 3<&$A 4<&$B; exec "$@"'


@contextlib.contextmanager
def listeners():
    with socket.create_server(("127.0.0.1", 0)) as left, \
            socket.create_server(("127.0.0.1", 0)) as right:
        yield left, right


def start(place, left, right, **variables):
    fds = left.fileno(), right.fileno()
    return Server("--data-dir", place, launcher=["/bin/bash", "-c", SHELL, "bash"], pass_fds=fds,
                  A=str(fds[0]), B=str(fds[1]), LISTEN_FDS="2", **variables)


@pytest.mark.parametrize("names, order", [(None, (0, 1)), ("http:operations", (0, 1)),
                                          ("operations:http", (1, 0))])
def test_takes_the_sockets(place, names, order):
    with listeners() as sockets:
        ports = [each.getsockname()[1] for each in sockets]
        more = {"LISTEN_FDNAMES": names} if names else {}
        with start(place, *sockets, **more) as server:
            assert (server.port, server.operations_port) == (ports[order[0]], ports[order[1]])
            assert server.get("/healthz")[0] == 200
            assert server.get("/metrics", server.operations_port)[0] == 200
            assert server.stop()[0] == 0


def test_with_threads(place):
    with listeners() as sockets:
        with start(place, *sockets, TACOS_REACTORS="2") as server:
            assert server.port == sockets[0].getsockname()[1]
            for _ in range(10):
                assert server.get("/healthz")[0] == 200
            assert server.stop()[0] == 0


@pytest.mark.parametrize("variables", [{"PID_WANTED": "1"}, {"LISTEN_FDNAMES": "a:b"},
                                       {"PID_WANTED": "x"}])
def test_leaves_what_is_for_others(place, variables):
    with listeners() as sockets:
        ports = [each.getsockname()[1] for each in sockets]
        with start(place, *sockets, **variables) as server:
            assert server.port not in ports
            assert server.operations_port not in ports
            assert server.stop()[0] == 0


def test_a_socket_that_does_not_listen(place):
    with socket.socket() as left, socket.socket(type=socket.SOCK_DGRAM) as right:
        with start(place, left, right) as server:
            assert server.get("/healthz")[0] == 200
            assert server.stop()[0] == 0


@pytest.mark.parametrize("abstract", [False, True])
def test_notifies(place, abstract):
    name = f"\0tacos-test-{place.name}" if abstract else str(place / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(name)
        notified.settimeout(30)
        with Server("--data-dir", place / "data",
                    NOTIFY_SOCKET=name.replace("\0", "@")) as server:
            assert notified.recv(100) == b"READY=1"
            server.process.send_signal(signal.SIGTERM)
            assert notified.recv(100) == b"STOPPING=1"
            server.process.communicate(timeout=30)
            assert server.process.returncode == 0


@pytest.mark.parametrize("name", ["relative", "/nowhere/at/all", "/" + 200 * "x"])
def test_nobody_to_notify(place, name):
    """It serves all the same, and says so."""
    with Server("--data-dir", place, NOTIFY_SOCKET=name) as server:
        assert server.get("/healthz")[0] == 200
        status, _, log = server.stop()
        assert status == 0
        assert log.count("notify_failed") == 2
