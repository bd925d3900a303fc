"""Behind proxies, and for pages of other origins: who is asking, and what their browser is told."""

import re

import pytest

from door import Door, head_of

METHODS = "GET,POST,HEAD,PUT,DELETE,PATCH,OPTIONS"
FIELDS = ("Origin,Content-Type,Accept,Authorization,X-Requested-With,Idempotency-Key,X-Trace-Id,"
          "X-Request-ID")
EXPOSED = ("X-Request-ID,X-Idempotency-Cached,Retry-After,X-RateLimit-Limit,X-RateLimit-Remaining,"
           "X-RateLimit-Reset")
PAGE = "http://localhost:3000"
SHOP = "https://shop.example"


@pytest.fixture(scope="module", params=[0, 2], ids=["reactors=0", "reactors=2"])
def behind(request):
    """A server that trusts 127.0.0.1 and 10.0.0.0/8."""
    with Door(reactors=request.param, proxies="127.0.0.1,10.0.0.0/8",
              origins=f"{PAGE},{SHOP}") as door:
        yield door


def who(door, source="127.0.0.1", **fields):
    with door.client(source=source) as client:
        return client.ask("GET", "/who", **fields).json()


# ---- who is asking ----

@pytest.mark.parametrize("forwarded, client", [
    (None, "127.0.0.1"),
    ("203.0.113.7", "203.0.113.7"),
    ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
    ("198.51.100.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
    ("203.0.113.7:4711", "203.0.113.7"),
    ("2001:db8::1", "2001:db8::1"),
    ("[2001:DB8::1]:443", "2001:db8::1"),
    ("10.1.2.3, 10.4.5.6", "10.1.2.3"),
    ("unknown", "127.0.0.1"),
    ("203.0.113.7, ", "127.0.0.1"),
    ("203.0.113.7, nonsense, 10.1.2.3", "10.1.2.3"),
])
def test_forwarded_for(behind, forwarded, client):
    fields = {} if forwarded is None else {"X_Forwarded_For": forwarded}
    told = who(behind, **fields)
    assert (told["client"], told["trusted"]) == (client, True)


def test_several_fields_are_one_list(behind):
    with behind.client() as client:
        client.send(b"GET /who HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.1\r\n"
                    b"x-forwarded-for: 203.0.113.7\r\nX-Forwarded-For: 10.1.2.3\r\n\r\n")
        assert client.reply().json()["client"] == "203.0.113.7"


def test_each_request_is_looked_at(behind):
    """A proxy's connection carries requests of many."""
    with behind.client() as client:
        for i in range(20):
            told = client.ask("GET", "/who", X_Forwarded_For=f"203.0.113.{i}").json()
            assert told["client"] == f"203.0.113.{i}"
        assert client.ask("GET", "/who").json()["client"] == "127.0.0.1"


def test_strangers_are_not_believed(behind, door):
    told = who(behind, source="127.0.0.2", X_Forwarded_For="203.0.113.7")
    assert (told["client"], told["trusted"]) == ("127.0.0.2", False)
    # Without a list of proxies nobody is.
    told = who(door, X_Forwarded_For="203.0.113.7")
    assert (told["client"], told["trusted"]) == ("127.0.0.1", False)


# ---- where the time went ----

TIMING = r"queue;dur=\d+\.\d{3}, handle;dur=(\d+\.\d{3}), commit;dur=\d+\.\d{3}"


def test_timing(behind):
    with behind.client() as client:
        for method, path in ("GET", "/hello"), ("POST", "/durable"), ("GET", "/nowhere"):
            body = b"" if method == "POST" else None
            reply = client.ask(method, path, body=body, X_Tacos_Debug="timing")
            assert re.fullmatch(TIMING, reply.get("server-timing"))
        reply = client.ask("GET", "/later/100", X_Tacos_Debug="other, timing")
        handled_ms = float(re.fullmatch(TIMING, reply.get("server-timing"))[1])
        assert 90 <= handled_ms < 10000
        assert client.ask("GET", "/hello").get("server-timing") is None
        assert client.ask("GET", "/hello", X_Tacos_Debug="no").get("server-timing") is None


def test_timing_is_not_for_strangers(behind, door):
    with behind.client(source="127.0.0.2") as client:
        assert client.ask("GET", "/hello", X_Tacos_Debug="timing").get("server-timing") is None
    with door.client() as client:
        assert client.ask("GET", "/hello", X_Tacos_Debug="timing").get("server-timing") is None


# ---- pages of other origins ----

def cors_fields(reply):
    return {name: value for name, value in reply.fields
            if name.startswith("access-control-") or name == "vary"}


@pytest.mark.parametrize("origin", [PAGE, SHOP])
def test_preflight(behind, origin):
    with behind.client() as client:
        reply = client.ask("OPTIONS", "/echo", Origin=origin, Access_Control_Request_Method="POST",
                           Access_Control_Request_Headers="idempotency-key,content-type")
        assert (reply.status, reply.body) == (204, b"")
        assert cors_fields(reply) == {
            "access-control-allow-origin": origin,
            "access-control-allow-credentials": "true",
            "access-control-allow-methods": METHODS,
            "access-control-allow-headers": FIELDS,
            "access-control-max-age": "86400",
            "vary": "Origin",
        }


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/hello", 200), ("POST", "/echo", 200), ("GET", "/nowhere", 404),
    ("DELETE", "/hello", 405), ("POST", "/keyed", 400), ("GET", "/user", 401),
    ("POST", "/durable", 201),
])
def test_request(behind, method, path, status):
    """A page may read refusals as well."""
    with behind.client() as client:
        body = b"" if method == "POST" else None
        reply = client.ask(method, path, body=body, Origin=PAGE)
        assert reply.status == status
        assert cors_fields(reply) == {
            "access-control-allow-origin": PAGE,
            "access-control-allow-credentials": "true",
            "access-control-expose-headers": EXPOSED,
            "vary": "Origin",
        }


@pytest.mark.parametrize("origin", [
    "null", "*", "http://localhost", "http://localhost:3001", "https://localhost:3000",
    "http://LOCALHOST:3000", "http://localhost:3000/", "https://shop.example.evil.example",
    "https://evil-shop.example", "https://shop.example:8443", "http://shop.example", "x",
])
def test_other_origins(behind, origin):
    with behind.client() as client:
        reply = client.ask("GET", "/hello", Origin=origin)
        assert (reply.status, cors_fields(reply)) == (200, {"vary": "Origin"})
        reply = client.ask("OPTIONS", "/echo", Origin=origin, Access_Control_Request_Method="POST")
        assert (reply.status, cors_fields(reply)) == (204, {"vary": "Origin"})


def test_own_origin(door):
    """Pages that the server itself serves, under whatever name it was reached."""
    with door.client() as client:
        for host in "a", "tickets.example:8000", "127.0.0.1:8000", "[::1]:8000":
            reply = client.ask("GET", "/hello", host=host, Origin=f"http://{host}")
            assert reply.get("access-control-allow-origin") == f"http://{host}"
            for other in "http://b", f"https://{host}", f"http://{host}1":
                reply = client.ask("GET", "/hello", host=host, Origin=other)
                assert reply.get("access-control-allow-origin") is None


def test_without_origin(behind):
    with behind.client() as client:
        assert cors_fields(client.ask("GET", "/hello")) == {}
        # A question about methods is no preflight.
        assert cors_fields(client.ask("OPTIONS", "/hello")) == {}


def test_both_reasons_to_vary(behind):
    with behind.client() as client:
        reply = client.ask("GET", "/size/5000", Origin=PAGE, Accept_Encoding="gzip")
        assert sorted(value.lower() for value in reply.all("vary")) == ["accept-encoding", "origin"]


def test_refused_before_it_was_a_request(behind):
    with behind.client() as client:
        client.send(head_of("GET", "/hello", Origin=PAGE, X="y" * 17000))
        reply = client.reply()
        assert (reply.status, reply.error_code()) == (431, "HEADERS_TOO_LARGE")
