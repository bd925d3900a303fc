"""Reservations: made, read, confirmed, cancelled, expired, each refusal, and the hard cases."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from platform_api import EVENT, Platform, event, key

RESERVATIONS = "/api/v1/reservations"
SHORT = event("evt_short", hold_seconds=10, max_per_buyer=10)
SMALL = event("evt_small", max_per_buyer=10, sections=[
    {"id": "S", "name": "Small", "price": 5000, "rows": [{"row": "1", "seats": 6}]}])
FUTURE = event("evt_future", sale_opens_at="2098-01-01T00:00:00Z")
MANY = event("evt_many", max_per_buyer=100)


@pytest.fixture(scope="module")
def platform():
    with Platform(events=(EVENT, SHORT, SMALL, FUTURE, MANY)) as running:
        yield running


def refused(client, body, status, code):
    reply = client.post(RESERVATIONS, body)
    assert (reply.status, reply.code) == (status, code), reply
    return reply


# ---- POST ----

def test_seats_that_were_named(platform):
    buyer = platform.buyer()
    got = buyer.reserve("evt_night", "A-1-1", "A-1-2")
    assert got["status"] == "PENDING"
    assert got["user_id"] == buyer.user["user_id"]
    assert got["seat_ids"] == ["A-1-1", "A-1-2"]
    assert got["quantity"] == 2
    assert got["reserved_seats"][1] == {"id": "A-1-2", "section": "A", "row": "1", "number": "2"}
    assert got["total_amount"] == {"amount": 198000, "currency": "KRW"}
    assert 298 <= got["expires_in"] <= 300


def test_the_best_there_are(platform):
    got = platform.buyer().reserve("evt_night", quantity=3)
    rows = {(seat["section"], seat["row"]) for seat in got["reserved_seats"]}
    numbers = sorted(int(seat["number"]) for seat in got["reserved_seats"])
    assert len(rows) == 1
    assert numbers == list(range(numbers[0], numbers[0] + 3))


def test_a_preferred_section(platform):
    got = platform.buyer().reserve("evt_night", quantity=2, section="ST")
    assert {seat["section"] for seat in got["reserved_seats"]} == {"ST"}
    assert got["total_amount"]["amount"] == 132000


def test_who_buys_is_who_has_the_token(platform):
    buyer = platform.buyer()
    got = buyer.reserve("evt_night", quantity=1, user_id="somebody-else", unknown={"a": [1]})
    assert got["user_id"] == buyer.user["user_id"]


@pytest.mark.parametrize("body, code, field", [
    ({}, "MISSING_EVENT_ID", None),
    ({"seat_ids": ["A-1-1"]}, "MISSING_EVENT_ID", None),
    ({"event_id": "evt_night"}, "MISSING_SEATS", None),
    ({"event_id": "evt_night", "seat_ids": []}, "MISSING_SEATS", None),
    ({"event_id": 1, "quantity": 1}, "INVALID_REQUEST", "event_id"),
    ({"event_id": "evt_night", "quantity": 0}, "INVALID_REQUEST", "quantity"),
    ({"event_id": "evt_night", "quantity": 11}, "INVALID_REQUEST", "quantity"),
    ({"event_id": "evt_night", "quantity": "2"}, "INVALID_REQUEST", "quantity"),
    ({"event_id": "evt_night", "quantity": 1.5}, "INVALID_REQUEST", "quantity"),
    ({"event_id": "evt_night", "quantity": True}, "INVALID_REQUEST", "quantity"),
    ({"event_id": "evt_night", "seat_ids": "A-1-1"}, "INVALID_REQUEST", "seat_ids"),
    ({"event_id": "evt_night", "seat_ids": [1]}, "INVALID_REQUEST", "seat_ids"),
    ({"event_id": "evt_night", "seat_ids": ["A-5-1", "A-5-1"]}, "INVALID_REQUEST", "seat_ids"),
    ({"event_id": "evt_night", "seat_ids": [f"A-5-{i}" for i in range(1, 12)]}, "INVALID_REQUEST",
     "seat_ids"),
    ({"event_id": "evt_night", "seat_ids": ["A-5-1"], "quantity": 2}, "INVALID_REQUEST",
     "quantity"),
])
def test_invalid(platform, body, code, field):
    reply = refused(platform.buyer(), body, 400, code)
    if field:
        assert reply.details["field"] == field
        assert reply.details["reason"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"1", b'{"event_id":"a","event_id":"b"}',
                                  b'{"event_id":"\xff"}', b'{"quantity":1}x', b"\xef\xbb\xbf{}"])
def test_no_json(platform, body):
    reply = refused(platform.buyer(), body, 400, "INVALID_REQUEST")
    assert reply.details["field"] == "body"


def test_nothing_there(platform):
    buyer = platform.buyer()
    refused(buyer, {"event_id": "evt_none", "quantity": 1}, 404, "EVENT_NOT_FOUND")
    refused(buyer, {"event_id": "evt_night", "seat_ids": ["Z-1-1"]}, 404, "SEAT_NOT_FOUND")


def test_not_on_sale(platform):
    refused(platform.buyer(), {"event_id": "evt_future", "quantity": 1}, 409, "SALE_CLOSED")


def test_all_or_nothing(platform):
    first, second = platform.buyer(), platform.buyer()
    first.reserve("evt_night", "A-6-10", "A-6-11")
    reply = refused(second, {"event_id": "evt_night", "seat_ids": ["A-6-11", "A-6-12"]}, 409,
                    "INVENTORY_CONFLICT")
    assert reply.details["unavailable_seats"] == ["A-6-11"]
    alternative = reply.details["alternative_seats"]
    assert len(alternative) == 2
    left = second.ok("GET", "/api/v1/events/evt_night/availability?seat_ids=A-6-12")
    assert left["unavailable_seats"] == []
    assert second.reserve("evt_night", *alternative)["seat_ids"] == alternative


def test_sold_out(platform):
    buyer = platform.buyer()
    buyer.reserve("evt_small", quantity=6)
    refused(platform.buyer(), {"event_id": "evt_small", "quantity": 1}, 409, "SOLD_OUT")


def test_a_limit_for_each_buyer(platform):
    buyer = platform.buyer()
    refused(buyer, {"event_id": "evt_night", "quantity": 5}, 409, "BUYER_LIMIT")
    first = buyer.reserve("evt_night", quantity=3)
    refused(buyer, {"event_id": "evt_night", "quantity": 2}, 409, "BUYER_LIMIT")
    buyer.ok("DELETE", f"{RESERVATIONS}/{first['reservation_id']}")
    assert buyer.reserve("evt_night", quantity=4)["quantity"] == 4


def test_one_seat_is_held_once(platform):
    """Many buyers at one moment."""
    buyers = [platform.buyer() for _ in range(16)]
    body = {"event_id": "evt_many", "seat_ids": ["A-10-10", "A-10-11"]}
    with ThreadPoolExecutor(len(buyers)) as pool:
        replies = list(pool.map(lambda buyer: buyer.post(RESERVATIONS, body), buyers))
    assert sorted(reply.status for reply in replies) == [201] + [409] * 15


# ---- Idempotency-Key ----

def test_the_same_key_is_the_same_reservation(platform):
    buyer, idempotency = platform.buyer(), key()
    body = {"event_id": "evt_night", "quantity": 1}
    first = buyer.post(RESERVATIONS, body, idempotency=idempotency)
    again = buyer.post(RESERVATIONS, body, idempotency=idempotency)
    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body
    assert first.get("x-idempotency-cached") is None
    assert again.get("x-idempotency-cached") == "true"
    other = buyer.post(RESERVATIONS, body | {"quantity": 2}, idempotency=idempotency)
    assert (other.status, other.code) == (409, "IDEMPOTENCY_CONFLICT")
    assert len(buyer.ok("GET", RESERVATIONS)["reservations"]) == 1


def test_twins_at_one_moment(platform):
    buyer, idempotency = platform.buyer(), key()
    twins = [platform.client(buyer.token) for _ in range(8)]
    body = {"event_id": "evt_night", "quantity": 1}
    with ThreadPoolExecutor(len(twins)) as pool:
        replies = list(pool.map(
            lambda twin: twin.post(RESERVATIONS, body, idempotency=idempotency), twins))
    assert {reply.status for reply in replies} == {201}
    assert len({reply.json["reservation_id"] for reply in replies}) == 1


def test_a_key_belongs_to_its_buyer(platform):
    first, second, idempotency = platform.buyer(), platform.buyer(), key()
    body = {"event_id": "evt_night", "quantity": 1}
    one = first.post(RESERVATIONS, body, idempotency=idempotency)
    two = second.post(RESERVATIONS, body, idempotency=idempotency)
    assert one.json["reservation_id"] != two.json["reservation_id"]


def test_refusals_are_not_kept(platform):
    buyer, idempotency = platform.buyer(), key()
    reply = buyer.post(RESERVATIONS, {"event_id": "evt_none", "quantity": 1},
                       idempotency=idempotency)
    assert reply.status == 404
    reply = buyer.post(RESERVATIONS, {"event_id": "evt_night", "quantity": 1},
                       idempotency=idempotency)
    assert reply.status == 201


@pytest.mark.parametrize("idempotency", [False, "", "not-a-uuid"])
def test_a_key_is_needed(platform, idempotency):
    buyer = platform.buyer()
    headers = {} if idempotency is False else {"Idempotency-Key": idempotency}
    reply = buyer.post(RESERVATIONS, {"event_id": "evt_night", "quantity": 1}, headers=headers,
                       idempotency=False)
    assert (reply.status, reply.code) == (400, "IDEMPOTENCY_KEY_REQUIRED")


# ---- GET ----

def test_get(platform):
    buyer = platform.buyer()
    made = buyer.reserve("evt_night", quantity=2)
    got = buyer.ok("GET", f"{RESERVATIONS}/{made['reservation_id']}")["reservation"]
    assert got["status"] == "PENDING"
    assert got["seats"] == made["reserved_seats"]
    assert got["hold_expires_at"] == made["hold_expires_at"]
    assert got["expires_in"] > 290
    assert "order_id" not in got


def test_others_have_none(platform):
    made = platform.buyer().reserve("evt_night", quantity=1)
    path = f"{RESERVATIONS}/{made['reservation_id']}"
    other = platform.buyer()
    for method, below in (("GET", ""), ("DELETE", ""), ("POST", "/confirm"), ("POST", "/cancel")):
        reply = other.request(method, path + below)
        assert (reply.status, reply.code) == (404, "RESERVATION_NOT_FOUND")
    assert other.ok("GET", RESERVATIONS)["reservations"] == []


def test_newest_first(platform):
    buyer = platform.buyer()
    made = [buyer.reserve("evt_many", quantity=1)["reservation_id"] for _ in range(5)]
    ids, cursor = [], None
    while True:
        page = buyer.ok("GET", f"{RESERVATIONS}?limit=2" + (f"&cursor={cursor}" if cursor else ""))
        ids += [one["reservation_id"] for one in page["reservations"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert ids == made[::-1]
    reply = buyer.get(RESERVATIONS + "?cursor=nonsense")
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")


# ---- confirm ----

def confirm(client, reservation, body=None, **more):
    return client.post(f"{RESERVATIONS}/{reservation['reservation_id']}/confirm", body, **more)


def test_confirm(platform):
    buyer = platform.buyer()
    made = buyer.reserve("evt_night", quantity=2)
    paid = buyer.pay(made)
    reply = confirm(buyer, made, {"payment_intent_id": paid["payment_intent_id"]})
    assert reply.status == 200
    assert reply.json["status"] == "CONFIRMED"
    assert reply.json["confirmed_seats"] == made["reserved_seats"]
    assert len(reply.json["tickets"]) == 2
    got = buyer.ok("GET", f"{RESERVATIONS}/{made['reservation_id']}")["reservation"]
    assert (got["status"], got["order_id"]) == ("CONFIRMED", reply.json["order_id"])
    assert got["expires_in"] == 0


def test_confirm_again_is_the_same_order(platform):
    buyer = platform.buyer()
    made = buyer.reserve("evt_night", quantity=1)
    buyer.pay(made)
    first = confirm(buyer, made)
    again = confirm(buyer, made, idempotency=False)
    other_key = confirm(buyer, made)
    assert first.json == again.json == other_key.json


def test_a_key_in_the_body_counts(platform):
    buyer, idempotency = platform.buyer(), key()
    made = buyer.reserve("evt_night", quantity=1)
    buyer.pay(made)
    first = confirm(buyer, made, {"idempotency_key": idempotency}, idempotency=False)
    again = confirm(buyer, made, {"idempotency_key": idempotency}, idempotency=False)
    assert first.status == 200
    assert again.get("x-idempotency-cached") == "true"


def test_confirm_needs_a_payment(platform):
    buyer = platform.buyer()
    made = buyer.reserve("evt_night", quantity=1)
    assert confirm(buyer, made).code == "PAYMENT_NOT_APPROVED"
    buyer.intend(made)
    assert confirm(buyer, made).status == 412
    buyer.pay(made, "fail")
    assert confirm(buyer, made).status == 412
    buyer.pay(made)
    assert confirm(buyer, made).status == 200


def test_another_payment_does_not_count(platform):
    buyer = platform.buyer()
    paid, unpaid = buyer.reserve("evt_night", quantity=1), buyer.reserve("evt_night", quantity=1)
    intent = buyer.pay(paid)["payment_intent_id"]
    assert confirm(buyer, unpaid, {"payment_intent_id": intent}).code == "PAYMENT_NOT_APPROVED"


# ---- cancel ----

def cancel(client, reservation, **more):
    return client.post(f"{RESERVATIONS}/{reservation['reservation_id']}/cancel", **more)


@pytest.mark.parametrize("how", ["post", "delete"])
def test_cancel(platform, how):
    buyer = platform.buyer()
    made = buyer.reserve("evt_night", quantity=2)
    if how == "post":
        reply = cancel(buyer, made, body={"reason": "changed my mind"}, idempotency=False)
    else:
        reply = buyer.request("DELETE", f"{RESERVATIONS}/{made['reservation_id']}")
    assert reply.status == 200
    assert reply.json["status"] == "CANCELLED"
    assert reply.json["released_seats"] == made["seat_ids"]
    assert platform.buyer().reserve("evt_night", *made["seat_ids"])["status"] == "PENDING"


def test_cancel_against_confirm(platform):
    buyer = platform.buyer()
    bought = buyer.reserve("evt_night", quantity=1)
    buyer.pay(bought)
    assert confirm(buyer, bought).status == 200
    assert cancel(buyer, bought).code == "ALREADY_CONFIRMED"
    cancelled = buyer.reserve("evt_night", quantity=1)
    assert cancel(buyer, cancelled).status == 200
    assert confirm(buyer, cancelled).code == "RESERVATION_CANCELLED"


def test_a_race_of_cancel_and_confirm_has_one_winner(platform):
    buyer = platform.buyer()
    made = buyer.reserve("evt_many", quantity=1)
    buyer.pay(made)
    clients = [platform.client(buyer.token) for _ in range(8)]
    with ThreadPoolExecutor(len(clients)) as pool:
        replies = list(pool.map(
            lambda pair: (cancel if pair[0] % 2 else confirm)(pair[1], made), enumerate(clients)))
    confirmed = [reply for i, reply in enumerate(replies) if i % 2 == 0]
    cancelled = [reply for i, reply in enumerate(replies) if i % 2 == 1]
    final = buyer.ok("GET", f"{RESERVATIONS}/{made['reservation_id']}")["reservation"]["status"]
    if final == "CONFIRMED":
        assert {reply.code for reply in cancelled} == {"ALREADY_CONFIRMED"}
        assert {reply.status for reply in confirmed} == {200}
    else:
        # What was paid for a hold that is cancelled goes back.
        assert final == "CANCELLED"
        assert {reply.status for reply in cancelled} == {200}


# ---- expiry ----

def test_a_hold_ends(platform):
    buyer = platform.buyer()
    made = buyer.reserve("evt_short", "A-1-1", "A-1-2")
    late = buyer.reserve("evt_short", "A-2-1")
    buyer.pay(late)  # which extends its hold
    time.sleep(10.1)
    got = buyer.ok("GET", f"{RESERVATIONS}/{made['reservation_id']}")["reservation"]
    assert (got["status"], got["expires_in"]) == ("EXPIRED", 0)
    assert cancel(buyer, made).code == "RESERVATION_EXPIRED"
    assert confirm(buyer, made).code == "RESERVATION_EXPIRED"
    reply = buyer.post("/api/v1/payments/intent",
                       {"reservation_id": made["reservation_id"], "amount": 198000})
    assert (reply.status, reply.code) == (409, "RESERVATION_EXPIRED")
    # Free to the next buyer at once; and no longer counted for the first.
    assert platform.buyer().reserve("evt_short", "A-1-1")["status"] == "PENDING"
    assert buyer.reserve("evt_short", quantity=9)["status"] == "PENDING"
    assert confirm(buyer, late).status == 200
