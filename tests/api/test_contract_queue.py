"""The routes of queue/*: what they take, what they answer, what they refuse."""

import base64
import itertools

import pytest
from platform_api import Platform, event, key
from room_api import QUEUE, QUICK, Room, Waiter, wait_for

EVENTS = (event("evt_open"), event("evt_over", starts_at="2026-01-03T00:00:00Z"))
FORGED = ["x", "w1.", "w1." + "A" * 43, "r1." + "A" * 43, "w2." + "A" * 43, "W1." + "A" * 43,
          "w1." + "A" * 42, "w1." + "A" * 44, "A" * 200, "w1.%C3%A4" + "A" * 41]

NAMES = (f"evt_queue_{number}" for number in itertools.count())


@pytest.fixture(scope="module", name="platform")
def make_platform():
    with Platform(*QUICK, events=EVENTS) as running:
        yield running


def new_room(platform, **settings):
    """A room in which nobody is admitted, unless settings say otherwise."""
    return Room(platform, next(NAMES), **({"mode": "paused"} | settings))


def status_of(platform, token):
    return platform.client().get(f"{QUEUE}/status?token={token}")


def tampered(token):
    """Each token that differs in one bit of one of its bytes, and is spelled well."""
    body = base64.urlsafe_b64decode(token[3:] + "=")
    for at in range(len(body)):
        changed = bytearray(body)
        changed[at] ^= 1
        yield token[:3] + base64.urlsafe_b64encode(changed).rstrip(b"=").decode()


# ---- join ----

def test_join(platform):
    room = new_room(platform)
    for number in range(3):
        reply = room.ask_to_join()
        assert reply.status == 202
        assert reply.json["status"] == "waiting"
        assert (reply.json["number"], reply.json["position_hint"]) == (number, number + 1)
        assert len(reply.json["waiting_token"]) < 80
        assert reply.get("x-idempotency-cached") is None
        assert reply.get("cache-control") == "no-store"


def test_join_again_is_the_same_place(platform):
    room, once = new_room(platform), key()
    first = room.join(idempotency=once)
    room.join()
    again = room.ask_to_join(idempotency=once)
    assert again.json == first.joined
    assert again.get("x-idempotency-cached") == "true"


def test_position_hint_is_of_now(platform):
    room, once = new_room(platform), key()
    first, second = room.join(), room.join(idempotency=once)
    assert second.joined["position_hint"] == 2
    first.leave()
    again = room.join(idempotency=once)
    assert (again.token, again.joined["position_hint"]) == (second.token, 1)


def test_the_same_user_under_another_key(platform):
    room, buyer = new_room(platform), platform.buyer()
    first = room.join(buyer)
    again = room.ask_to_join(buyer)
    assert again.json == first.joined
    assert again.get("x-idempotency-cached") == "true"
    # From another device, too.
    other = room.join(platform.client(buyer.token))
    assert other.token == first.token


def test_another_user_under_the_same_key(platform):
    room, once = new_room(platform), key()
    tokens = {room.join(client, idempotency=once).token
              for client in (platform.buyer(), platform.buyer(), platform.client())}
    assert len(tokens) == 3


def test_the_same_key_for_another_event(platform):
    one, other, once = new_room(platform), new_room(platform), key()
    first, second = one.join(idempotency=once), other.join(idempotency=once)
    assert (first.look()["event_id"], second.look()["event_id"]) == (one.event_id, other.event_id)
    assert first.token != second.token
    assert one.join(idempotency=once).token == first.token


def test_a_user_id_in_the_body_proves_nothing(platform):
    room, buyer = new_room(platform), platform.buyer()
    known = room.join(buyer)
    body = {"event_id": room.event_id, "user_id": buyer.user["user_id"]}
    stranger = platform.client().ok("POST", f"{QUEUE}/join", body, 202)
    assert stranger["waiting_token"] != known.token


def test_who_has_left_joins_at_the_end(platform):
    room, buyer = new_room(platform), platform.buyer()
    first = room.join(buyer)
    second = room.join()
    first.leave()
    again = room.join(buyer)
    assert again.token != first.token
    assert (second.position(), again.position()) == (1, 2)


@pytest.mark.parametrize("body, status, code", [
    (None, 400, "MISSING_EVENT_ID"),
    ({}, 400, "MISSING_EVENT_ID"),
    ({"event_id": ""}, 400, "MISSING_EVENT_ID"),
    ({"event_id": 7}, 400, "INVALID_REQUEST"),
    ({"event_id": None}, 400, "MISSING_EVENT_ID"),
    ({"event_id": ["evt_open"]}, 400, "INVALID_REQUEST"),
    ({"event_id": "x" * 100}, 400, "INVALID_REQUEST"),
    ([], 400, "INVALID_REQUEST"),
    (b"{", 400, "INVALID_REQUEST"),
    ({"event_id": "evt_none"}, 404, "EVENT_NOT_FOUND"),
    ({"event_id": "evt_over"}, 409, "SALE_CLOSED"),
])
def test_join_refused(platform, body, status, code):
    reply = platform.client().post(f"{QUEUE}/join", body)
    assert (reply.status, reply.code) == (status, code)


def test_a_sale_that_was_closed(platform):
    room = new_room(platform)
    waiter = room.join()
    room.admin.ok("PATCH", f"/api/v1/admin/events/{room.event_id}", {"status": "CLOSED"})
    assert room.ask_to_join().code == "SALE_CLOSED"
    assert waiter.look()["eta_sec"] is None
    assert waiter.ask_to_enter().code == "NOT_READY"


@pytest.mark.parametrize("idempotency", [False, "not-a-uuid"])
def test_join_and_enter_need_a_key(platform, idempotency):
    room = new_room(platform)
    waiter = room.join()
    assert room.ask_to_join(idempotency=idempotency).status == 400
    assert waiter.ask_to_enter(idempotency=idempotency).status == 400


def test_a_bad_bearer_token_is_no_stranger(platform):
    room = new_room(platform)
    reply = room.ask_to_join(platform.client("no.jwt.atall"))
    assert (reply.status, reply.code) == (401, "UNAUTHORIZED")


# ---- status ----

def test_status(platform):
    room = new_room(platform, mode="paused")
    waiters = [room.join() for _ in range(3)]
    for number, waiter in enumerate(waiters):
        got = waiter.look()
        assert (got["status"], got["position"], got["number"]) == ("waiting", number + 1, number)
        assert got["eta_sec"] is None and got["paused"] is True
        assert got["total_waiting"] == 3
        assert (got["ready_for_entry"], got["opened"]) == (False, True)
        assert got["event_id"] == room.event_id
        assert "ttl_sec" not in got and "was_away" not in got
        assert (got["price_min"], got["price_max"]) == (66000, 99000)
        assert (got["total"], got["remaining"]) == (500, 500)
        assert [section["remain"] for section in got["sections"]] == [400, 100]


def test_refresh_changes_nothing(platform):
    room = new_room(platform)
    ahead, waiter = room.join(), room.join()
    before = {name: value for name, value in waiter.look().items() if name != "waiting_time"}
    for _ in range(50):
        got = Waiter(platform.client(), waiter.joined).look()
        got.pop("waiting_time")
        assert got == before
    assert ahead.position() == 1


def test_seats_that_are_left(platform):
    room = new_room(platform, mode="open")
    waiter = room.join()
    platform.buyer().reserve(room.event_id, quantity=2)
    wait_for(lambda: waiter.look()["remaining"] == 498)


@pytest.mark.parametrize("query", ["", "?", "?token=", "?other=1"])
@pytest.mark.parametrize("method, path", [("GET", "status"), ("GET", "stream"), ("DELETE", "leave"),
                                          ("POST", "leave")])
def test_no_token(platform, method, path, query):
    reply = platform.client().request(method, f"{QUEUE}/{path}{query}", idempotency=False)
    assert (reply.status, reply.code) == (400, "MISSING_TOKEN")


@pytest.mark.parametrize("query", ["token=%ff", "token=a&token=b", "token=" + "A" * 6000])
def test_no_readable_token(platform, query):
    for path in ("status", "stream"):
        reply = platform.client().get(f"{QUEUE}/{path}?{query}")
        assert reply.status in (400, 404)
        assert reply.code in ("INVALID_REQUEST", "TOKEN_NOT_FOUND")


@pytest.mark.parametrize("token", FORGED)
def test_forged(platform, token):
    for path in ("status", "stream"):
        reply = platform.client().get(f"{QUEUE}/{path}?token={token}")
        assert (reply.status, reply.code) == (404, "TOKEN_NOT_FOUND")
    reply = platform.client().post(f"{QUEUE}/enter", {"waiting_token": token})
    assert (reply.status, reply.code) == (404, "TOKEN_NOT_FOUND")


def test_every_byte_of_a_token_counts(platform):
    token = new_room(platform).join().token
    for other in itertools.chain(tampered(token), (token[:size] for size in range(1, len(token))),
                                 [token + "A", token + "=", " " + token]):
        reply = status_of(platform, other.replace(" ", "%20"))
        assert (reply.status, reply.code) == (404, "TOKEN_NOT_FOUND"), other


def test_tokens_of_another_installation(platform):
    with Platform(*QUICK, events=EVENTS[:1]) as other:
        token = other.client().ok("POST", f"{QUEUE}/join", {"event_id": "evt_open"}, 202)
        assert status_of(platform, token["waiting_token"]).code == "TOKEN_NOT_FOUND"


# ---- enter ----

def test_an_open_room(platform):
    room = new_room(platform, mode="open")
    waiter = room.join()
    got = waiter.look()
    assert (got["status"], got["ready_for_entry"], got["position"]) == ("waiting", True, 0)
    reply = waiter.ask_to_enter()
    assert (reply.status, reply.json["admission"]) == (200, "granted")
    assert 299 <= reply.json["ttl_sec"] <= 300
    assert reply.json["event_id"] == room.event_id
    got = waiter.look()
    assert (got["status"], got["ready_for_entry"], got["position"]) == ("ready", True, 0)
    assert 0 < got["ttl_sec"] <= 300
    # Nobody needs a token, and one does no harm.
    event_of = platform.client().ok("GET", f"/api/v1/events/{room.event_id}")
    assert event_of["needs_admission"] is False
    platform.buyer().reserve(room.event_id, quantity=1)
    platform.buyer().reserve(room.event_id, quantity=1,
                             reservation_token=reply.json["reservation_token"])
    platform.buyer().reserve(room.event_id, quantity=1, reservation_token="nonsense")


def test_too_early(platform):
    room = new_room(platform, mode="waiting", max_shoppers=1, admit_per_second=1)
    first, second = room.join(), room.join()
    first.enter()
    reply = second.ask_to_enter()
    assert (reply.status, reply.code) == (403, "NOT_READY")
    assert reply.details["eta_sec"] > 0
    assert second.position() == 1
    room.set(mode="paused")
    reply = second.ask_to_enter()
    assert (reply.code, reply.details) == ("NOT_READY", {"eta_sec": None})


def test_paused(platform):
    room = new_room(platform, mode="waiting")
    first = room.join()
    token = first.enter()
    room.set(mode="paused")
    second = room.join()
    assert second.look()["paused"] is True
    # Who is in stays in, and is still asked for the token.
    buyer = platform.buyer()
    made = buyer.reserve(room.event_id, quantity=1, reservation_token=token)
    assert made["status"] == "PENDING"
    refused = platform.buyer().post("/api/v1/reservations",
                                    {"event_id": room.event_id, "quantity": 1})
    assert (refused.status, refused.code) == (403, "ADMISSION_REQUIRED")
    assert second.ask_to_enter().code == "NOT_READY"
    room.set(mode="waiting")
    assert "paused" not in second.look()
    second.enter()


def test_enter_twice(platform):
    room, once = new_room(platform, mode="waiting"), key()
    waiter = room.join()
    wait_for(waiter.may_enter)
    first = waiter.ask_to_enter(idempotency=once)
    again = waiter.ask_to_enter()
    assert again.json["reservation_token"] == first.json["reservation_token"]
    assert again.json["expires_at"] == first.json["expires_at"]
    assert again.get("x-idempotency-cached") is None
    kept = waiter.ask_to_enter(idempotency=once)
    assert kept.json == first.json and kept.get("x-idempotency-cached") == "true"
    conflict = platform.client().post(f"{QUEUE}/enter", {"waiting_token": "other"},
                                      idempotency=once)
    assert (conflict.status, conflict.code) == (409, "IDEMPOTENCY_CONFLICT")


def test_a_refusal_is_not_kept_under_the_key(platform):
    room, once = new_room(platform), key()
    waiter = room.join()
    assert waiter.ask_to_enter(idempotency=once).code == "NOT_READY"
    room.set(mode="waiting")
    wait_for(waiter.may_enter)
    assert waiter.ask_to_enter(idempotency=once).status == 200


def test_enter_after_leaving(platform):
    room = new_room(platform)
    waiter = room.join()
    waiter.leave()
    assert waiter.has_expired()
    reply = waiter.ask_to_enter()
    assert (reply.status, reply.code) == (410, "TOKEN_EXPIRED")


@pytest.mark.parametrize("body, status, code", [
    (None, 400, "MISSING_TOKEN"),
    ({}, 400, "MISSING_TOKEN"),
    ({"waiting_token": ""}, 400, "MISSING_TOKEN"),
    ({"waiting_token": 1}, 400, "INVALID_REQUEST"),
    ({"waiting_token": ["w1"]}, 400, "INVALID_REQUEST"),
    ({"waiting_token": "A" * 300}, 400, "INVALID_REQUEST"),
    (b"waiting_token", 400, "INVALID_REQUEST"),
])
def test_enter_refused(platform, body, status, code):
    reply = platform.client().post(f"{QUEUE}/enter", body)
    assert (reply.status, reply.code) == (status, code)


# ---- leave ----

def test_leave(platform):
    room = new_room(platform)
    first, second = room.join(), room.join()
    assert second.position() == 2
    assert first.leave() == {"status": "left"}
    got = first.look()
    assert (got["status"], got["position"], got["total_waiting"]) == ("expired", 0, 1)
    assert second.position() == 1
    assert first.leave() == {"status": "left"}


def test_leave_by_a_beacon(platform):
    room = new_room(platform)
    waiter = room.join()
    reply = platform.client().post(f"{QUEUE}/leave?token={waiter.token}", b"bye {",
                                   headers={"Content-Type": "text/plain;charset=UTF-8"},
                                   idempotency=False)
    assert (reply.status, reply.json) == (200, {"status": "left"})
    assert waiter.has_expired()


def test_leave_with_what_is_no_token(platform):
    for token in ("x", "w1." + "A" * 43):
        got = platform.client().ok("DELETE", f"{QUEUE}/leave?token={token}")
        assert got == {"status": "left"}


def test_leave_gives_the_admission_to_the_next(platform):
    room = new_room(platform, mode="waiting", max_shoppers=1)
    first, second = room.join(), room.join()
    token = first.enter()
    first.leave()
    second.enter()
    refused = platform.buyer().post("/api/v1/reservations",
                                    {"event_id": room.event_id, "quantity": 1,
                                     "reservation_token": token})
    assert refused.code == "ADMISSION_INVALID"


# ---- browsers ----

@pytest.mark.parametrize("path, method", [
    (f"{QUEUE}/join", "POST"), (f"{QUEUE}/status", "GET"), (f"{QUEUE}/stream", "GET"),
    (f"{QUEUE}/enter", "POST"), (f"{QUEUE}/leave", "DELETE"), (f"{QUEUE}/leave", "POST"),
    ("/api/v1/events/evt_open/room/fairness", "GET"),
    ("/api/v1/admin/events/evt_open/room", "PUT"),
])
def test_preflight(platform, path, method):
    reply = platform.client().request(
        "OPTIONS", path,
        headers={"Origin": "http://localhost:3000", "Access-Control-Request-Method": method,
                 "Access-Control-Request-Headers": "content-type,idempotency-key"})
    assert reply.status == 204
    assert reply.get("access-control-allow-origin") == "http://localhost:3000"
    assert method in reply.get("access-control-allow-methods").replace(" ", "").split(",")


@pytest.mark.parametrize("path, allowed", [
    ("join", {"POST"}), ("status", {"GET"}), ("stream", {"GET"}), ("enter", {"POST"}),
    ("leave", {"DELETE", "POST"})])
def test_other_methods(platform, path, allowed):
    reply = platform.client().request("PATCH", f"{QUEUE}/{path}")
    assert (reply.status, reply.code) == (405, "METHOD_NOT_ALLOWED")
    assert allowed <= set(reply.get("allow").replace(" ", "").split(","))
