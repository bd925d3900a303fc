"""Orders of a buyer, and what an administrator does: events, changes, refunds, reports."""

import csv
import io
from xml.etree import ElementTree

import pytest
from platform_api import EVENT, Platform, event, key

ADMIN_EVENTS = "/api/v1/admin/events"


@pytest.fixture(scope="module")
def platform():
    with Platform(events=(EVENT, event("evt_many", max_per_buyer=100),
                          event("evt_report"))) as it:
        yield it


@pytest.fixture(scope="module")
def admin(platform):
    return platform.admin()


# ---- orders ----

def test_order(platform):
    buyer = platform.buyer()
    bought = buyer.buy("evt_night", "A-3-1", "A-3-2")
    order = buyer.ok("GET", f"/api/v1/orders/{bought['order_id']}")
    assert order["status"] == "PAID"
    assert [seat["id"] for seat in order["seats"]] == ["A-3-1", "A-3-2"]
    assert order["tickets"] == bought["tickets"]
    assert order["total_amount"] == {"amount": 198000, "currency": "KRW"}
    assert order["refunded_amount"]["amount"] == 0
    payment = buyer.ok("GET", f"/api/v1/payments/{order['payment_intent_id']}/status")
    assert payment["order_id"] == order["order_id"]
    assert payment["payment_id"] == order["payment_id"]


def test_orders_newest_first(platform):
    buyer = platform.buyer()
    bought = []
    for _ in range(3):
        bought.append(buyer.buy("evt_many", quantity=1)["order_id"])
        buyer.reserve("evt_many", quantity=1)  # which is no order
    ids, cursor = [], None
    while True:
        page = buyer.ok("GET", "/api/v1/orders?limit=2" + (f"&cursor={cursor}" if cursor else ""))
        ids += [one["order_id"] for one in page["orders"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert ids == bought[::-1]
    assert buyer.get("/api/v1/orders?cursor=x").code == "INVALID_REQUEST"


def test_others_orders(platform):
    bought = platform.buyer().buy("evt_many", quantity=1)
    reply = platform.buyer().get(f"/api/v1/orders/{bought['order_id']}")
    assert (reply.status, reply.code) == (404, "ORDER_NOT_FOUND")
    assert platform.buyer().get("/api/v1/orders/ord_none").code == "ORDER_NOT_FOUND"


def test_qr_of_a_ticket(platform, admin):
    buyer = platform.buyer()
    bought = buyer.buy("evt_night", "A-6-1", "A-6-2")
    paths = [f"/api/v1/orders/{bought['order_id']}/tickets/{ticket['ticket_id']}/qr"
             for ticket in bought["tickets"]]
    first, second = (buyer.get(path) for path in paths)
    for reply in (first, second):
        assert (reply.status, reply.get("content-type")) == (200, "image/svg+xml")
        assert reply.get("cache-control") == "no-store"
        image = ElementTree.fromstring(reply.body)
        assert image.tag == "{http://www.w3.org/2000/svg}svg"
        assert [child.tag.partition("}")[2] for child in image] == ["rect", "path"]
    assert first.body != second.body
    assert admin.get(paths[0]).body == first.body
    assert platform.buyer().get(paths[0]).code == "ORDER_NOT_FOUND"
    assert platform.client().get(paths[0]).code == "UNAUTHORIZED"
    none = buyer.get(f"/api/v1/orders/{bought['order_id']}/tickets/evt_night:A-6-3/qr")
    assert (none.status, none.code) == (404, "TICKET_NOT_FOUND")
    refund(admin, bought, {"reason": "x"})
    refunded = buyer.get(paths[0])
    assert (refunded.status, refunded.code) == (409, "TICKET_REFUNDED")


# ---- events ----

def test_create(platform, admin):
    idempotency = key()
    first = admin.post(ADMIN_EVENTS, event("evt_new"), idempotency=idempotency)
    assert (first.status, first.json) == (201, {"event_id": "evt_new", "total": 500})
    again = admin.post(ADMIN_EVENTS, event("evt_new"), idempotency=idempotency)
    assert (again.status, again.json) == (201, first.json)
    assert again.get("x-idempotency-cached") == "true"
    exists = admin.post(ADMIN_EVENTS, event("evt_new"))
    assert (exists.status, exists.code) == (409, "EVENT_EXISTS")
    assert platform.client().ok("GET", "/api/v1/events/evt_new")["total"] == 500
    assert platform.buyer().reserve("evt_new", "A-1-1")["status"] == "PENDING"


def test_create_a_large_one(platform, admin):
    rows = [{"row": str(row), "seats": 500} for row in range(40)]
    large = event("evt_large", sections=[{"id": "L", "name": "Large", "price": 10, "rows": rows}])
    assert admin.ok("POST", ADMIN_EVENTS, large, 201)["total"] == 20000
    got = platform.client().get("/api/v1/events/evt_large/availability")
    assert got.json["remaining"] == 20000


def test_create_names_the_line(admin):
    text = ('{"event_id":"evt_bad","name":"a","venue":"b","starts_at":"2099-05-01T10:00:00Z",\n'
            '"sale_opens_at":"2026-01-01T00:00:00Z","currency":"KRW","max_per_buyer":4,\n'
            '"hold_seconds":300,"sections":[\n'
            '{"id":"A","name":"A","price":1,"rows":[{"row":"1","seats":2}]},\n'
            '{"id":"B","name":"B","price":1,"rows":[{"row":"1","seats":0}]}]}')
    reply = admin.post(ADMIN_EVENTS, text.encode())
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")
    assert reply.details["line"] == 5


@pytest.mark.parametrize("changes", [
    {"max_per_buyer": 0}, {"hold_seconds": 5}, {"currency": "won"}, {"sections": []},
    {"event_id": "a b"}, {"starts_at": "soon"}, {"misspelt": 1}, {"name": ""},
])
def test_create_refused(admin, changes):
    reply = admin.post(ADMIN_EVENTS, event("evt_refused", **changes))
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")


def test_change(platform, admin):
    path = f"{ADMIN_EVENTS}/evt_change"
    admin.ok("POST", ADMIN_EVENTS, event("evt_change"), 201)
    got = admin.ok("PATCH", path, {"status": "PAUSED", "max_per_buyer": 2, "hold_seconds": 60})
    assert (got["status"], got["max_per_buyer"], got["hold_seconds"]) == ("PAUSED", 2, 60)
    buyer = platform.buyer()
    reply = buyer.post("/api/v1/reservations", {"event_id": "evt_change", "quantity": 1})
    assert (reply.status, reply.code) == (409, "SALE_CLOSED")
    admin.ok("PATCH", path, {"status": "ON_SALE"})
    assert buyer.reserve("evt_change", quantity=2)["expires_in"] <= 60
    got = admin.ok("PATCH", path, {"sale_opens_at": "2098-01-01T00:00:00Z"})
    assert got["status"] == "SCHEDULED"
    assert platform.client().ok("GET", "/api/v1/events/evt_change")["status"] == "SCHEDULED"
    assert admin.ok("PATCH", path, {"status": "CLOSED"})["status"] == "CLOSED"


@pytest.mark.parametrize("body, field", [
    ({"status": "OPEN"}, "status"), ({"max_per_buyer": 0}, "max_per_buyer"),
    ({"hold_seconds": 5}, "hold_seconds"), ({"sale_opens_at": "soon"}, "sale_opens_at"),
])
def test_change_refused(admin, body, field):
    reply = admin.request("PATCH", f"{ADMIN_EVENTS}/evt_night", body)
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")
    assert reply.details["field"] == field


def test_change_of_none(admin):
    reply = admin.request("PATCH", f"{ADMIN_EVENTS}/evt_none", {"status": "PAUSED"})
    assert (reply.status, reply.code) == (404, "EVENT_NOT_FOUND")


# ---- refunds ----

def refund(admin, order, body, **more):
    return admin.post(f"/api/v1/admin/orders/{order['order_id']}/refund", body, **more)


def test_refund(platform, admin):
    buyer, idempotency = platform.buyer(), key()
    bought = buyer.buy("evt_night", "A-4-1")
    first = refund(admin, bought, {"reason": "rain"}, idempotency=idempotency)
    assert (first.status, first.json["status"]) == (200, "REFUNDED")
    assert first.json["refunded_amount"]["amount"] == 99000
    again = refund(admin, bought, {"reason": "rain"}, idempotency=idempotency)
    assert again.json == first.json
    assert refund(admin, bought, {"reason": "rain"}).code == "NOT_REFUNDABLE"
    payment = buyer.ok("GET", f"/api/v1/payments/{first.json['payment_intent_id']}/status")
    assert payment["status"] == "REFUNDED"
    # The seat is for sale again.
    assert platform.buyer().reserve("evt_night", "A-4-1")["status"] == "PENDING"


def test_refund_a_part(platform, admin):
    bought = platform.buyer().buy("evt_night", "A-4-5")
    part = refund(admin, bought, {"reason": "late start", "amount": 9000})
    assert (part.json["status"], part.json["refunded_amount"]["amount"]) == ("PAID", 9000)
    assert refund(admin, bought, {"reason": "x", "amount": 90001}).code == "NOT_REFUNDABLE"
    rest = refund(admin, bought, {"reason": "x", "amount": 90000})
    assert rest.json["status"] == "REFUNDED"


def test_refund_refused(platform, admin):
    assert refund(admin, {"order_id": "ord_none"}, {"reason": "x"}).code == "ORDER_NOT_FOUND"
    bought = platform.buyer().buy("evt_many", quantity=1)
    for body in ({}, {"reason": ""}, {"reason": "x", "amount": 0}, {"reason": "x", "amount": "1"}):
        reply = refund(admin, bought, body)
        assert (reply.status, reply.code) == (400, "INVALID_REQUEST")


# ---- report ----

def test_report(platform, admin):
    path = f"{ADMIN_EVENTS}/evt_report/report"
    buyer = platform.buyer()
    bought = buyer.buy("evt_report", "A-1-1", "A-1-2")
    buyer.reserve("evt_report", quantity=1, section="ST")
    other = platform.buyer().buy("evt_report", quantity=1, section="ST")
    refund(admin, other, {"reason": "x"})
    got = admin.ok("GET", path)
    assert got["seats"] == {"available": 497, "reserved": 1, "sold": 2}
    assert [section["sold"] for section in got["sections"]] == [2, 0]
    assert [section["reserved"] for section in got["sections"]] == [0, 1]
    assert got["revenue"] == {"amount": 198000, "currency": "KRW"}
    assert got["refunded"]["amount"] == 66000
    assert got["holds"] == 1
    assert got["orders"] == {"paid": 1, "refunded": 1, "tickets": 2}
    table = admin.get(path, headers={"Accept": "text/csv"})
    assert table.get("content-type").startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.body.decode())))
    row = next(row for row in rows if row["order_id"] == bought["order_id"])
    assert row["status"] == "PAID"
    assert row["seats"] == "A-1-1 A-1-2"
    assert (row["amount"], row["refunded"], row["currency"]) == ("198000", "0", "KRW")
    assert row["user_id"] == buyer.user["user_id"]
    assert len(rows) == 2


def test_report_of_none(admin):
    reply = admin.get(f"{ADMIN_EVENTS}/evt_none/report")
    assert (reply.status, reply.code) == (404, "EVENT_NOT_FOUND")


# ---- at the door ----

def check_in(admin, code, **more):
    return admin.post("/api/v1/admin/checkin", {"code": code} | more)


def test_admitted_once(platform, admin):
    buyer = platform.buyer()
    bought = buyer.buy("evt_night", "A-5-1", "A-5-2")
    first, second = (ticket["qr"] for ticket in bought["tickets"])
    reply = check_in(admin, first, event_id="evt_night", gate="North 3")
    assert reply.status == 200
    assert reply.json["seat"]["id"] == "A-5-1"
    assert reply.json["order_id"] == bought["order_id"]
    assert reply.json["user_id"] == buyer.user["user_id"]
    again = check_in(admin, first, gate="South")
    assert (again.status, again.code) == (409, "ALREADY_ADMITTED")
    assert again.details["admitted_at"] == reply.json["admitted_at"]
    assert again.details["gate"] == "North 3"
    other = check_in(admin, second, event_id="evt_many")
    assert (other.status, other.code) == (409, "TICKET_OTHER_EVENT")
    refund(admin, bought, {"reason": "x"})
    assert check_in(admin, second).code == "TICKET_REFUNDED"


@pytest.mark.parametrize("code", ["x", "TT1:", "TT1:AAAA", "evt_night:A-5-1"])
def test_forged_tickets(admin, code):
    reply = check_in(admin, code)
    assert (reply.status, reply.code) == (400, "TICKET_INVALID")
    assert reply.details["reason"]


def test_changed_tickets(platform, admin):
    code = platform.buyer().buy("evt_many", quantity=1)["tickets"][0]["qr"]
    changed = code[:-1] + ("A" if code[-1] != "A" else "B")
    assert check_in(admin, changed).code == "TICKET_INVALID"
    assert check_in(platform.buyer(), code).code == "FORBIDDEN"
    assert check_in(admin, code).status == 200


def test_keys_of_tickets(platform):
    keys = platform.client().ok("GET", "/api/v1/tickets/keys")["keys"]
    assert len(keys) == 1


def test_codes_survive_a_restart():
    with Platform() as running:
        buyer = running.buyer()
        bought = buyer.buy("evt_night", "A-1-1")
        running.stop()
        running.start()
        again = running.client(buyer.token).ok("GET", f"/api/v1/orders/{bought['order_id']}")
        assert again["tickets"] == bought["tickets"]
        assert check_in(running.admin(), bought["tickets"][0]["qr"]).status == 200
