"""What holds on every route: errors, trace ids, rate limits, CORS; and what a restart leaves."""

import re
import time

import pytest
from platform_api import EVENT, Platform, event, key


@pytest.fixture(scope="module")
def platform():
    with Platform(events=(EVENT, event("evt_short", hold_seconds=10))) as running:
        yield running


@pytest.mark.parametrize("method, path, status, code", [
    ("GET", "/api/v1/nothing", 404, "NOT_FOUND"),
    ("GET", "/metrics", 404, "NOT_FOUND"),
    ("PUT", "/api/v1/reservations", 405, "METHOD_NOT_ALLOWED"),
    ("DELETE", "/api/v1/events", 405, "METHOD_NOT_ALLOWED"),
])
def test_errors_have_one_shape(platform, method, path, status, code):
    reply = platform.client().request(method, path)
    assert (reply.status, reply.code) == (status, code)
    assert set(reply.json["error"]) == {"code", "message", "trace_id"}
    assert reply.json["error"]["trace_id"] == reply.get("x-request-id")


def test_too_large(platform):
    buyer = platform.buyer()
    reply = buyer.post("/api/v1/reservations", b"{" + b" " * 20000 + b"}")
    assert (reply.status, reply.code) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize("headers, trace", [
    ({"X-Request-ID": "my-request.1"}, "my-request.1"),
    ({"X-Trace-Id": "my-trace"}, "my-trace"),
    ({"X-Request-ID": "first", "X-Trace-Id": "second"}, "first"),
    ({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
     "0af7651916cd43dd8448eb211c80319c"),
])
def test_trace_ids(platform, headers, trace):
    reply = platform.client().get("/api/v1/events/evt_none", headers=headers)
    assert reply.json["error"]["trace_id"] == trace
    assert reply.get("x-request-id") == trace


def test_rate_headers_on_every_reply(platform):
    for path in ("/api/v1/events", "/api/v1/events/evt_none", "/api/v1/nothing"):
        reply = platform.client().get(path)
        for name in ("limit", "remaining", "reset"):
            assert re.fullmatch(r"\d+", reply.get(f"x-ratelimit-{name}"))
    assert platform.client().get("/healthz").get("x-ratelimit-limit") is None


def test_too_often():
    with Platform("--address-rate", "5") as platform:
        client = platform.client()
        replies = [client.get("/api/v1/events") for _ in range(20)]
        refused = [reply for reply in replies if reply.status == 429]
        assert refused and replies[0].status == 200
        assert refused[0].code == "RATE_LIMITED"
        assert int(refused[0].get("retry-after")) >= 1
        assert refused[0].get("x-ratelimit-remaining") == "0"
        time.sleep(1.1)
        assert client.get("/api/v1/events").status == 200


def test_preflight(platform):
    reply = platform.client().request(
        "OPTIONS", "/api/v1/reservations",
        headers={"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "authorization,idempotency-key"})
    assert reply.status == 204
    assert reply.get("access-control-allow-origin") == "http://localhost:3000"
    assert "Idempotency-Key" in reply.get("access-control-allow-headers")
    assert reply.get("access-control-max-age") == "86400"
    got = platform.client().get("/api/v1/events", headers={"Origin": "http://localhost:3000"})
    assert "X-Idempotency-Cached" in got.get("access-control-expose-headers")


# ---- what was acknowledged is there after a crash ----

def test_a_crash_loses_nothing():
    with Platform(events=(EVENT, event("evt_short", hold_seconds=10))) as platform:
        buyer, idempotency = platform.buyer(), key()
        body = {"event_id": "evt_night", "seat_ids": ["A-1-1", "A-1-2"]}
        held = buyer.post("/api/v1/reservations", body, idempotency=idempotency)
        bought = buyer.buy("evt_night", "A-2-1")
        short = buyer.reserve("evt_short", "A-1-1")
        before = buyer.ok("GET", "/api/v1/events/evt_night/seats")
        token, user = buyer.token, buyer.user
        platform.kill()
        platform.start()
        buyer = platform.client(token, user)
        again = buyer.post("/api/v1/reservations", body, idempotency=idempotency)
        assert (again.status, again.json) == (201, held.json)
        assert again.get("x-idempotency-cached") == "true"
        path = f"/api/v1/reservations/{held.json['reservation_id']}"
        got = buyer.ok("GET", path)["reservation"]
        assert (got["status"], got["hold_expires_at"]) == ("PENDING", held.json["hold_expires_at"])
        assert buyer.ok("GET", f"/api/v1/orders/{bought['order_id']}")["status"] == "PAID"
        after = buyer.ok("GET", "/api/v1/events/evt_night/seats")
        assert after["sections"] == before["sections"]
        assert after["version"] > before["version"]
        # A restart neither revives nor shortens a hold.
        refused = platform.buyer().post("/api/v1/reservations",
                                        {"event_id": "evt_short", "seat_ids": ["A-1-1"]})
        assert refused.code == "INVENTORY_CONFLICT"
        time.sleep(10)
        got = buyer.ok("GET", f"/api/v1/reservations/{short['reservation_id']}")["reservation"]
        assert got["status"] == "EXPIRED"
        platform.stop()


def test_a_hold_that_ends_while_nobody_runs():
    with Platform(events=(event("evt_short", hold_seconds=10),)) as platform:
        buyer = platform.buyer()
        buyer.reserve("evt_short", "A-1-1")
        token = buyer.token
        platform.stop()
        time.sleep(10)
        platform.start()
        got = platform.client(token).ok("GET", "/api/v1/reservations")["reservations"][0]
        assert got["status"] == "EXPIRED"
        assert platform.buyer().reserve("evt_short", "A-1-1")["status"] == "PENDING"
        assert platform.client(token).post(
            f"/api/v1/reservations/{got['reservation_id']}/cancel").code == "RESERVATION_EXPIRED"
