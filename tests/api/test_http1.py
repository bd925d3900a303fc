"""HTTP/1.1 and 1.0 as clients see them: framing, keep-alive, pipelining, headers, every status."""

import email.utils
import gzip
import http.client
import re
import time

import pytest
import requests

from door import HELLO, TIMEOUT_S, curl, head_of, wait_until

UUID = "3f1c9f3e-3c0a-4e0e-9d0e-2b7d9b1c5a77"
BODY_BYTES = 1 << 20  # of /echo


@pytest.fixture
def client(door):
    with door.client() as connection:
        yield connection


# ---- many requests on one connection ----

def test_keep_alive(client):
    for _ in range(50):
        reply = client.ask("GET", "/hello")
        assert (reply.status, reply.reason, reply.body) == (200, "OK", HELLO)
        assert reply.get("connection") is None


def test_clients_of_others(door):
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=TIMEOUT_S)
    for size in 1, 100000, 0:
        connection.request("POST", "/echo", body=b"x" * size)
        reply = connection.getresponse()
        assert (reply.status, len(reply.read())) == (200, size)
    connection.close()
    with requests.Session() as session:
        for _ in range(3):
            assert session.get(door.url("/hello"), timeout=TIMEOUT_S).content == HELLO
        reply = session.post(door.url("/echo"), data=iter([b"a", b"bc"]), timeout=TIMEOUT_S)
        assert reply.content == b"abc"
    out, said = curl("-v", door.url("/hello"), door.url("/hello"))
    assert out == 2 * HELLO
    assert "Re-using existing connection" in said


def test_pipelined_in_one_packet(client):
    """More than one turn's worth of replies, in their order."""
    count = 2000
    client.send(b"".join(head_of("GET", "/hello", X_Request_ID=f"r{i}") for i in range(count)))
    for i in range(count):
        reply = client.reply()
        assert (reply.get("x-request-id"), reply.body) == (f"r{i}", HELLO)


def test_pipelined_of_every_kind(client):
    """Small, large, refused, chunked, late: each waits for the one before."""
    client.send(head_of("GET", "/later/80", X_Request_ID="a") +
                head_of("GET", "/size/3000000", X_Request_ID="b") +
                head_of("GET", "/nowhere", X_Request_ID="c") +
                head_of("POST", "/echo", X_Request_ID="d", Transfer_Encoding="chunked") +
                b"3\r\nabc\r\n0\r\n\r\n" +
                head_of("HEAD", "/hello", X_Request_ID="e") +
                head_of("POST", "/durable", X_Request_ID="f", Content_Length=2) + b"{}" +
                head_of("POST", "/echo", X_Request_ID="g", Content_Length=200000) + b"y" * 200000 +
                head_of("GET", "/hello", X_Request_ID="h"))
    for name, method, status, body in (
            ("a", "GET", 200, HELLO), ("b", "GET", 200, b"x" * 3000000), ("c", "GET", 404, None),
            ("d", "POST", 200, b"abc"), ("e", "HEAD", 200, b""), ("f", "POST", 201, HELLO),
            ("g", "POST", 200, b"y" * 200000), ("h", "GET", 200, HELLO)):
        reply = client.reply(method)
        assert (reply.get("x-request-id"), reply.status) == (name, status)
        assert body is None or reply.body == body


def test_in_single_bytes(client):
    request = (head_of("POST", "/echo", Content_Length=5) + b"hello" + head_of("GET", "/hello") +
               head_of("POST", "/echo", Transfer_Encoding="chunked") +
               b"2;a=b\r\nab\r\n0\r\nX-Sum: 1\r\n\r\n")
    client.send_slowly(request)
    assert [client.reply().body for _ in range(3)] == [b"hello", HELLO, b"ab"]


@pytest.mark.parametrize("size", [7, 61, 1021, 16381])
def test_in_packets_of_any_size(client, size):
    body = bytes(range(256)) * 100
    request = 5 * (head_of("POST", "/echo", Content_Length=len(body)) + body +
                   head_of("POST", "/echo", Transfer_Encoding="chunked") +
                   b"".join(b"%x\r\n%s\r\n" % (400, body[i:i + 400])
                            for i in range(0, len(body), 400)) + b"0\r\n\r\n")
    if size == 7:
        request = request[:len(request) // 5]
    for i in range(0, len(request), size):
        client.send(request[i:i + size])
    for _ in range(2 if size == 7 else 10):
        assert client.reply().body == body


def test_many_connections_at_once(door):
    clients = [door.client() for _ in range(300)]
    for client in clients:
        client.send(head_of("GET", "/later/20") + head_of("GET", "/hello"))
    for client in clients:
        assert client.reply().body == HELLO
        assert client.reply().body == HELLO
        client.close()


# ---- the end of a connection ----

def test_connection_close(client):
    client.send(head_of("GET", "/hello", Connection="close") + head_of("GET", "/hello"))
    reply = client.reply()
    assert (reply.status, reply.get("connection"), reply.body) == (200, "close", HELLO)
    assert client.ended()


@pytest.mark.parametrize("fields, keeps", [
    (b"", False),
    (b"Host: a\r\n", False),
    (b"Connection: close\r\n", False),
    (b"Connection: keep-alive\r\n", True),
    (b"Connection: Keep-Alive\r\n", True),
])
def test_http_1_0(client, fields, keeps):
    client.send(b"GET /hello HTTP/1.0\r\n" + fields + b"\r\n")
    reply = client.reply()
    assert (reply.status, reply.body) == (200, HELLO)
    assert reply.get("connection") == ("keep-alive" if keeps else "close")
    if keeps:
        assert client.ask("GET", "/hello").status == 200
    else:
        assert client.ended()


def test_half_closed_client_gets_its_replies(client):
    client.send(head_of("GET", "/later/100") + head_of("GET", "/size/3000000") +
                head_of("GET", "/hello"))
    client.finish()
    assert client.reply().body == HELLO
    assert len(client.reply().body) == 3000000
    assert client.reply().body == HELLO
    assert client.ended()


def test_half_closed_within_a_request(client):
    client.send(head_of("GET", "/hello") + head_of("POST", "/echo", Content_Length=10) + b"x")
    client.finish()
    assert client.reply().body == HELLO
    assert client.ended()


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_client_that_left_before_its_reply(door, reset):
    with door.client() as client:
        client.send(head_of("GET", "/later/100") + head_of("GET", "/size/3000000"))
        time.sleep(0.02)
        if reset:
            client.reset()
    with door.client() as client:
        assert client.ask("GET", "/later/150").status == 200
    assert wait_until(lambda: door.open_connections() == 0)


# ---- bodies ----

def test_chunks_with_extensions_and_trailers(client):
    client.send(head_of("POST", "/echo", Transfer_Encoding="chunked", Trailer="X-Sum") +
                b'5;name=value;other="quoted; \\" text"\r\nhello\r\n'
                b'00A\r\n, world!!!\r\n0;last\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n')
    assert client.reply().body == b"hello, world!!!"
    assert client.ask("GET", "/hello").body == HELLO


@pytest.mark.parametrize("path, limit", [("/echo", BODY_BYTES), ("/hello", 4096), ("/hello", 0)])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_body_at_the_limit(door, path, limit, chunked):
    method = "POST" if limit > 0 else "GET"
    for size in limit, limit + 1:
        with door.client() as client:
            if chunked:
                body = b"%x\r\n%s\r\n" % (size, b"x" * size) if size else b""
                client.send(head_of(method, path, Transfer_Encoding="chunked") + body +
                            b"0\r\n\r\n")
            else:
                client.send(head_of(method, path, Content_Length=size) + b"x" * size)
            reply = client.reply()
            if size <= limit:
                assert (reply.status, reply.get("connection")) == (200, None)
                assert client.ask("GET", "/hello").status == 200
                continue
            assert (reply.status, reply.error_code()) == (413, "BODY_TOO_LARGE")
            assert reply.get("connection") == "close"
            assert client.ended()


def test_keep_alive_survives_a_body_for_nobody(client):
    for path, status in (("/nowhere", 404), ("/events", 405)):
        assert client.ask("POST", path, body=b"x" * 65536).status == status
        client.send(head_of("POST", path, Transfer_Encoding="chunked") + b"4\r\nabcd\r\n0\r\n\r\n")
        assert client.reply().status == status
        assert client.ask("GET", "/hello").body == HELLO


def test_large_bodies(client):
    assert client.ask("GET", "/size/20000000").body == b"x" * 20000000
    body = bytes(range(256)) * (BODY_BYTES // 256)
    assert client.ask("POST", "/echo", body=body).body == body


def test_expect_continue(client):
    client.send(head_of("POST", "/echo", Content_Length=5, Expect="100-continue"))
    interim = client.head()
    assert (interim.status, interim.fields) == (100, [])
    client.send(b"hello")
    assert client.reply().body == b"hello"
    # Who does not wait needs no answer to it.
    client.send(head_of("POST", "/echo", Content_Length=5, Expect="100-continue") + b"hello")
    reply = client.reply()
    assert (reply.status, reply.body) == (200, b"hello")
    client.send(head_of("POST", "/echo", Transfer_Encoding="chunked", Expect="100-Continue"))
    assert client.reply().status == 100
    client.send(b"0\r\n\r\n")
    assert client.reply().status == 200


def test_expect_continue_is_refused_at_once(client):
    client.send(head_of("POST", "/echo", Content_Length=BODY_BYTES + 1, Expect="100-continue"))
    assert client.reply().status == 413
    assert client.ended()


def test_unknown_expectation(client):
    client.send(head_of("POST", "/echo", Content_Length=5, Expect="more"))
    reply = client.reply()
    assert (reply.status, reply.error_code()) == (417, "EXPECTATION_FAILED")
    assert client.ended()


def test_expect_continue_by_curl(door, place):
    body = bytes(range(256)) * 4000
    (place / "body").write_bytes(body)
    words = ["-v", "--expect100-timeout", TIMEOUT_S, "-H", "Expect: 100-continue",
             "--data-binary", f"@{place / 'body'}"]
    out, said = curl(*words, door.url("/echo"))
    assert out == body
    assert "< HTTP/1.1 100 Continue" in said
    _, said = curl(*words, door.url("/hello"))
    assert "< HTTP/1.1 413 " in said
    assert "100 Continue" not in said
    out, _ = curl("-H", "Transfer-Encoding: chunked", "--data-binary", f"@{place / 'body'}",
                  door.url("/echo"))
    assert out == body


# ---- methods and routes ----

def test_head(client):
    for path in "/hello", "/size/3000000", "/size/500", "/nowhere":
        get = client.ask("GET", path)
        head = client.ask("HEAD", path)
        assert (head.status, head.body) == (get.status, b"")
        different = "date", "x-request-id"
        assert ([field for field in head.fields if field[0] not in different] ==
                [field for field in get.fields if field[0] not in different])


@pytest.mark.parametrize("path, allow", [
    ("/hello", "GET, HEAD, POST, OPTIONS"),
    ("/echo", "POST, PUT, OPTIONS"),
    ("/size/17", "GET, HEAD, OPTIONS"),
    ("/files/a/b", "GET, HEAD, OPTIONS"),
])
def test_allowed_methods(client, path, allow):
    reply = client.ask("OPTIONS", path)
    assert (reply.status, reply.get("content-length")) == (204, None)
    assert sorted(reply.get("allow").split(", ")) == sorted(allow.split(", "))
    for method in "DELETE", "PATCH", "BREW", "TRACE":
        reply = client.ask(method, path)
        assert (reply.status, reply.error_code()) == (405, "METHOD_NOT_ALLOWED")
        assert sorted(reply.get("allow").split(", ")) == sorted(allow.split(", "))
    assert client.ask("GET", "/hello").status == 200


def test_nothing_there(client):
    for method in "GET", "POST", "DELETE", "OPTIONS", "BREW":
        for path in "/", "/nowhere", "/hello/", "/Hello", "/size", "/later/1/2", "//hello":
            reply = client.ask(method, path)
            assert (reply.status, reply.error_code()) == (404, "NOT_FOUND"), (method, path)
            assert reply.get("allow") is None


def test_absolute_target(client):
    client.send(b"GET http://a/hello?b HTTP/1.1\r\nHost: a\r\n\r\n")
    assert client.reply().body == HELLO


def test_denied_by_default(client):
    reply = client.ask("GET", "/user")
    assert (reply.status, reply.error_code()) == (401, "UNAUTHORIZED")
    reply = client.ask("GET", "/user", Authorization="Bearer anything")
    assert reply.status == 401


def test_idempotency_key(client):
    for key in None, "", "x", UUID[:-1], UUID + "0", UUID.replace("-", "x"):
        fields = {} if key is None else {"Idempotency_Key": key}
        reply = client.ask("POST", "/keyed", body=b"{}", **fields)
        assert (reply.status, reply.error_code()) == (400, "IDEMPOTENCY_KEY_REQUIRED")
        assert reply.get("connection") is None
    for key in UUID, UUID.upper():
        assert client.ask("POST", "/keyed", body=b"{}", Idempotency_Key=key).status == 200


def test_acknowledged_when_durable(client):
    for _ in range(20):
        assert client.ask("POST", "/durable", body=b"{}").status == 201
    client.send(20 * (head_of("POST", "/durable", Content_Length=2) + b"{}"))
    assert [client.reply().status for _ in range(20)] == 20 * [201]


# ---- fields of replies ----

ULID = r"[0-9A-HJKMNP-TV-Z]{26}"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("fields, expected", [
    ({}, ULID),
    ({"X_Request_ID": "a-B_c.d:9"}, "a-B_c.d:9"),
    ({"X_Request_ID": "x" * 64}, "x" * 64),
    ({"X_Request_ID": "x" * 65}, ULID),
    ({"X_Request_ID": "two words"}, ULID),
    ({"X_Request_ID": "<script>"}, ULID),
    ({"X_Trace_Id": "t1"}, "t1"),
    ({"X_Trace_Id": "t1", "X_Request_ID": "r1"}, "r1"),
    ({"X_Trace_Id": "t1", "traceparent": PARENT}, "t1"),
    ({"X_Request_ID": "\"", "X_Trace_Id": "t1"}, "t1"),
    ({"traceparent": PARENT}, PARENT[3:35]),
    ({"traceparent": PARENT.replace("4bf9", "4BF9")}, ULID),
    ({"traceparent": PARENT[:-1]}, ULID),
])
def test_request_id(client, fields, expected):
    for path, status in (("/hello", 200), ("/nowhere", 404), ("/later/1", 200)):
        reply = client.ask("GET", path, **fields)
        assert reply.status == status
        assert re.fullmatch(expected, reply.get("x-request-id"))
        if status == 404:
            assert reply.error_code() == "NOT_FOUND"


def test_every_request_id_is_another(client):
    client.send(100 * head_of("GET", "/hello"))
    assert len({client.reply().get("x-request-id") for _ in range(100)}) == 100


API_FIELDS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "strict-transport-security": None,
    "server": None,
}


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/hello", 200), ("HEAD", "/hello", 200), ("POST", "/durable", 201),
    ("OPTIONS", "/hello", 204), ("GET", "/nowhere", 404), ("DELETE", "/hello", 405),
    ("GET", "/user", 401), ("POST", "/keyed", 400), ("POST", "/size/5", 405),
])
def test_security_fields(client, method, path, status):
    reply = client.ask(method, path, body=b"" if method == "POST" else None)
    assert reply.status == status
    assert {name: reply.get(name) for name in API_FIELDS} == API_FIELDS


def test_security_fields_of_what_was_no_request(client):
    client.send(b"nonsense\r\n\r\n")
    reply = client.reply()
    assert (reply.status, reply.error_code()) == (400, "BAD_REQUEST")
    assert {name: reply.get(name) for name in API_FIELDS} == API_FIELDS


def test_date(client):
    reply = client.ask("GET", "/hello")
    assert re.fullmatch(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} "
                        r"\d\d:\d\d:\d\d GMT", reply.get("date"))
    told = email.utils.parsedate_to_datetime(reply.get("date")).timestamp()
    assert email.utils.formatdate(told, usegmt=True) == reply.get("date")
    assert abs(told - time.time()) < 10


def test_length_of_every_status(door):
    """What is told is what comes, up to the end of the connection."""
    for method, target, fields, status, told in (
            ("GET", "/hello", {}, 200, True), ("POST", "/durable", {}, 201, True),
            ("POST", "/publish", {}, 204, False), ("OPTIONS", "/hello", {}, 204, False),
            ("GET", "/size/9", {"If_None_Match": '"block"'}, 304, False),
            ("POST", "/keyed", {}, 400, True), ("GET", "/user", {}, 401, True),
            ("GET", "/nowhere", {}, 404, True), ("PATCH", "/hello", {}, 405, True),
            ("POST", "/hello", {"Content_Length": 5000}, 413, True),
            ("GET", "/" + "x" * 9000, {}, 414, True),
            ("GET", "/hello", {"Expect": "x"}, 417, True),
            ("GET", "/hello", {"X": "y" * 17000}, 431, True),
            ("GET", "/hello", {"Transfer_Encoding": "gzip"}, 501, True),
            ("GET", "/size/0", {}, 200, True), ("GET", "/size/5000", {}, 200, True),
            ("GET", "/size/5000", {"Accept_Encoding": "gzip"}, 200, True),
            ("GET", "/size/500000", {}, 200, True)):
        with door.client() as client:
            client.send(head_of(method, target, Connection="close", **fields))
            reply = client.head()
            rest = client.rest()
            assert (method, target[:20], reply.status) == (method, target[:20], status)
            assert reply.get("content-length") == (str(len(rest)) if told else None)
            assert told or rest == b""


# ---- representations ----

def test_etag(client):
    reply = client.ask("GET", "/size/5000")
    assert (reply.status, reply.get("etag"), reply.get("cache-control")) == (
        200, '"block"', "no-cache")
    for method in "GET", "HEAD":
        for tags in '"block"', 'W/"block"', '"a", "block"', "*":
            reply = client.ask(method, "/size/5000", If_None_Match=tags)
            assert (reply.status, reply.reason, reply.body) == (304, "Not Modified", b"")
            assert reply.get("etag") == '"block"'
            assert reply.get("content-type") is None
            assert reply.get("vary") == "accept-encoding"
        for tags in '"other"', 'block', '"a", "b"', '"block-gz"':
            assert client.ask(method, "/size/5000", If_None_Match=tags).status == 200
    assert client.ask("GET", "/hello", If_None_Match="*").status == 200


@pytest.mark.parametrize("size, packed", [(0, False), (1023, False), (1024, True), (5000000, True)])
def test_gzip(client, size, packed):
    plain = client.ask("GET", f"/size/{size}")
    assert plain.get("content-encoding") is None
    reply = client.ask("GET", f"/size/{size}", Accept_Encoding="gzip, deflate, br")
    assert reply.get("content-encoding") == ("gzip" if packed else None)
    body = gzip.decompress(reply.body) if packed else reply.body
    assert body == plain.body == b"x" * size
    vary = "accept-encoding" if packed else None
    assert plain.get("vary") == reply.get("vary") == vary
    if packed:
        assert reply.get("etag") == '"block-gz"'
        assert len(reply.body) < size
        again = client.ask("GET", f"/size/{size}", Accept_Encoding="gzip",
                           If_None_Match='"block-gz"')
        assert (again.status, again.get("etag")) == (304, '"block-gz"')
    head = client.ask("HEAD", f"/size/{size}", Accept_Encoding="gzip")
    assert head.get("content-length") == str(len(reply.body))


@pytest.mark.parametrize("accept, packed", [
    ("gzip", True), ("x-gzip", True), ("*", True), ("gzip;q=0.001", True), ("GZIP", True),
    ("gzip;q=0", False), ("identity", False), ("br", False), ("*;q=0", False), ("", False),
    ("gzip;q=0.5, identity;q=1", False), ("gzip;q=x", False),
])
def test_accept_encoding(client, accept, packed):
    reply = client.ask("GET", "/size/2000", Accept_Encoding=accept)
    assert reply.get("content-encoding") == ("gzip" if packed else None)


def test_what_is_not_text_stays_as_it_is(client):
    reply = client.ask("POST", "/echo", body=b"x" * 5000, Accept_Encoding="gzip")
    assert reply.get("content-encoding") is None
    assert reply.get("vary") is None
    assert reply.body == b"x" * 5000


def test_gzip_by_others(door):
    reply = requests.get(door.url("/size/100000"), timeout=TIMEOUT_S)
    assert reply.headers["content-encoding"] == "gzip"
    assert reply.content == b"x" * 100000
    out, said = curl("-v", "--compressed", door.url("/size/100000"))
    assert out == b"x" * 100000
    assert "content-encoding: gzip" in said


# ---- metrics ----

def test_requests_are_counted(door):
    def counted():
        return door.metrics().get('tacos_http_request_duration_seconds_count{endpoint="http",'
                                  'method="GET",route="/size/{bytes}",status="200"}', 0)
    with door.client() as client:
        client.ask("GET", "/size/1")
        before = counted()
        for _ in range(5):
            client.ask("GET", "/size/1")
        assert counted() == before + 5
        before = door.refusals("not_found")
        client.ask("GET", "/nowhere")
        assert door.refusals("not_found") == before + 1
