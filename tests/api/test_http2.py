"""HTTP/2 as curl, nghttp and h2load see it: over TLS and in clear, all that HTTP/1.1 answers."""

import re
import subprocess

import pytest

from door import HELLO, TIMEOUT_S, Door, curl, environment, wait_until

HSTS = "max-age=31536000; includeSubDomains"


@pytest.fixture(scope="module", params=[(0, False), (2, False), (0, True), (2, True)],
                ids=["clear-0", "clear-2", "tls-0", "tls-2"])
def http2(request, tmp_path_factory):
    """A server with the words that curl needs, and the start of its URLs."""
    reactors, tls = request.param
    settings = {"reactors": reactors, "origins": "http://localhost:3000"}
    if tls:
        settings["tls"] = f"self:{tmp_path_factory.mktemp('tls')}"
    with Door(**settings) as door:
        door.words = ["-k", "--http2"] if tls else ["--http2-prior-knowledge"]
        door.scheme = "https" if tls else "http"
        yield door


class Answer:
    """What `curl -i` printed of one reply."""

    def __init__(self, printed):
        head, _, self.body = printed.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        version, status = lines[0].split()[:2]
        assert version == "HTTP/2"
        self.status = int(status)
        self.fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            assert name == name.lower(), "names are in lower case (RFC 9113 8.2)"
            self.fields.setdefault(name, []).append(value)

    def get(self, name):
        values = self.fields.get(name, [])
        assert len(values) <= 1
        return values[0] if values else None


def ask(door, path, *words):
    out, _ = curl("-i", *door.words, *words, door.url(path, door.scheme))
    return Answer(out)


def test_reply(http2):
    answer = ask(http2, "/hello", "-H", "X-Request-ID: r1")
    assert (answer.status, answer.body) == (200, HELLO)
    assert answer.get("content-type") == "application/json; charset=utf-8"
    assert answer.get("content-length") == str(len(HELLO))
    assert answer.get("x-request-id") == "r1"
    assert answer.get("date").endswith(" GMT")
    assert answer.get("x-content-type-options") == "nosniff"
    assert answer.get("x-frame-options") == "DENY"
    assert answer.get("cache-control") == "no-store"
    assert answer.get("strict-transport-security") == (HSTS if http2.scheme == "https" else None)
    # RFC 9113 8.2.2: fields of a connection have no place here.
    for name in "connection", "transfer-encoding", "keep-alive":
        assert answer.get(name) is None


def test_is_counted(http2):
    before = http2.metrics()
    ask(http2, "/hello")
    after = http2.metrics()
    for name in "tacos_net_connections_http2_total", "tacos_net_requests_total":
        assert after[name] - before[name] >= 1


@pytest.mark.parametrize("path, words, status, code", [
    ("/nowhere", [], 404, "NOT_FOUND"),
    ("/hello", ["-X", "DELETE"], 405, "METHOD_NOT_ALLOWED"),
    ("/user", [], 401, "UNAUTHORIZED"),
    ("/keyed", ["-d", "{}"], 400, "IDEMPOTENCY_KEY_REQUIRED"),
])
def test_refusals(http2, path, words, status, code):
    answer = ask(http2, path, *words)
    assert answer.status == status
    assert f'"code":"{code}"'.encode() in answer.body
    assert f'"trace_id":"{answer.get("x-request-id")}"'.encode() in answer.body
    if status == 405:
        assert sorted(answer.get("allow").split(", ")) == ["GET", "HEAD", "OPTIONS", "POST"]


def test_methods(http2):
    answer = ask(http2, "/hello", "-X", "OPTIONS")
    assert (answer.status, answer.body, answer.get("content-length")) == (204, b"", None)
    answer = ask(http2, "/size/300000", "-I")
    assert (answer.status, answer.body, answer.get("content-length")) == (200, b"", "300000")
    answer = ask(http2, "/size/5000", "-H", 'If-None-Match: "block"')
    assert (answer.status, answer.body) == (304, b"")
    assert ask(http2, "/durable", "-d", "{}").status == 201


def test_preflight(http2):
    answer = ask(http2, "/echo", "-X", "OPTIONS", "-H", "Origin: http://localhost:3000", "-H",
                 "Access-Control-Request-Method: POST")
    assert (answer.status, answer.get("access-control-max-age")) == (204, "86400")
    assert answer.get("access-control-allow-origin") == "http://localhost:3000"


def test_bodies(http2, place):
    body = bytes(range(256)) * 4096
    (place / "body").write_bytes(body)
    assert ask(http2, "/echo", "--data-binary", f"@{place / 'body'}").body == body
    assert ask(http2, "/echo", "-T", place / "body").body == body
    assert ask(http2, "/size/20000000").body == b"x" * 20000000
    answer = ask(http2, "/size/100000", "--compressed")
    assert (answer.get("content-encoding"), answer.body) == ("gzip", b"x" * 100000)


def nghttp(*words):
    """nghttp, which says what it saw of every frame."""
    done = subprocess.run(["nghttp", *map(str, words)], capture_output=True,
                          check=False, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path, limit", [("/hello", 4096), ("/echo", 1 << 20)])
def test_body_at_the_limit(http2, place, path, limit):
    """By nghttp: curl 7.88 drops a reply that comes before its request is sent (RFC 9113 8.1)."""
    for size, status in (limit, 200), (limit + 1, 413), (2 * limit, 413):
        (place / "body").write_bytes(b"x" * size)
        out = nghttp("-v", "-d", place / "body", http2.url(path, http2.scheme))
        assert b":status: %d\n" % status in out
        assert (b'"code":"BODY_TOO_LARGE"' in out) == (status == 413)


def test_many_at_once(http2):
    """On one connection, and the last asked for is ready first."""
    before = http2.metrics()["tacos_net_connections_http2_total"]
    out = nghttp(*(http2.url(f"/later/{50 - i}", http2.scheme) for i in range(40)))
    assert out == 40 * HELLO
    assert http2.metrics()["tacos_net_connections_http2_total"] == before + 1


def test_stream(http2):
    """Events over HTTP/2: what is sent at first and by publishing."""
    listener = subprocess.Popen(
        ["curl", "-sSN", "--max-time", str(TIMEOUT_S), *http2.words,
         http2.url("/events", http2.scheme)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(no_proxy="*"))
    try:
        assert [listener.stdout.readline() for _ in range(3)] == [b"event: hello\n", b"data: {}\n",
                                                                  b"\n"]
        for i in range(50):
            curl(*http2.words, "-d", f"id: {i}\n\n", http2.url("/publish", http2.scheme))
            assert [listener.stdout.readline() for _ in range(2)] == [b"id: %d\n" % i, b"\n"]
    finally:
        listener.kill()
        listener.wait()
        listener.stdout.close()
    assert wait_until(lambda: http2.metrics()["tacos_net_streams_open"] == 0)


@pytest.mark.parametrize("path", ["/hello", "/size/20000"])
def test_h2load(http2, path):
    done = subprocess.run(["h2load", "-n", "2000", "-c", "10", "-m", "20",
                           http2.url(path, http2.scheme)], capture_output=True, text=True,
                          check=True, timeout=TIMEOUT_S)
    found = re.search(r"requests: 2000 total, 2000 started, 2000 done, (\d+) succeeded, (\d+) "
                      r"failed, (\d+) errored, (\d+) timeout", done.stdout)
    assert found and found.groups() == ("2000", "0", "0", "0"), done.stdout
    assert "status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx" in done.stdout
    assert wait_until(lambda: http2.open_connections() == 0)


def test_refusals_by_h2load(http2):
    done = subprocess.run(["h2load", "-n", "1000", "-c", "5", "-m", "20",
                           http2.url("/nowhere", http2.scheme)], capture_output=True, text=True,
                          check=True, timeout=TIMEOUT_S)
    assert "status codes: 0 2xx, 0 3xx, 1000 4xx, 0 5xx" in done.stdout


def test_http_1_at_the_same_port(http2):
    out, _ = curl("-k", "--http1.1", http2.url("/hello", http2.scheme))
    assert out == HELLO


def test_requests_under_way_when_it_stops(http2):
    settings = {"reactors": http2.reactors, "drain_ms": 20000}
    with Door(**settings) as door:
        words = ["curl", "-sS", "--max-time", str(TIMEOUT_S), "--http2-prior-knowledge"]
        with subprocess.Popen([*words, door.url("/later/500")], stdout=subprocess.PIPE,
                              env=environment(no_proxy="*")) as client:
            assert wait_until(lambda: door.requests() == 1)
            assert door.end() == 0
            assert client.communicate(timeout=TIMEOUT_S)[0] == HELLO
            assert client.returncode == 0
