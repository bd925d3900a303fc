"""GET events and below: what is on sale and what is left."""

import http.client
import gzip
import json

import pytest
from platform_api import EVENT, Platform, event

EVENTS = [event(f"evt_{letter}") for letter in "abcde"] + [
    EVENT,
    event("evt_future", sale_opens_at="2098-01-01T00:00:00Z"),
    event("evt_over", starts_at="2026-01-03T00:00:00Z"),
    event("evt_odd", sections=[{"id": "B", "name": "Box", "price": 1000, "rows": [
        {"row": "x", "seats": ["1", "2", "2A"]}, {"row": "y", "first": 101, "seats": 3}]}]),
]
BASE = "/api/v1/events/evt_night"


@pytest.fixture(scope="module")
def platform():
    with Platform(events=EVENTS) as running:
        yield running


def test_list(platform):
    reply = platform.client().get("/api/v1/events")
    ids = [one["event_id"] for one in reply.json["events"]]
    assert ids == sorted(one["event_id"] for one in EVENTS)
    assert reply.json["next_cursor"] is None


def test_pages(platform):
    client = platform.client()
    ids, path = [], "/api/v1/events?limit=2"
    while path:
        page = client.ok("GET", path)
        assert 1 <= len(page["events"]) <= 2
        ids += [one["event_id"] for one in page["events"]]
        cursor = page["next_cursor"]
        path = cursor and f"/api/v1/events?limit=2&cursor={cursor}"
    assert ids == sorted(one["event_id"] for one in EVENTS)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=-1", "limit=1&limit=2",
                                   "cursor=%ff"])
def test_bad_queries(platform, query):
    reply = platform.client().get("/api/v1/events?" + query)
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")
    assert reply.details["field"] == query.partition("=")[0]


def test_get(platform):
    got = platform.client().ok("GET", BASE)
    assert got["name"] == EVENT["name"]
    assert got["venue"] == EVENT["venue"]
    assert got["starts_at"] == EVENT["starts_at"]
    assert got["status"] == "ON_SALE"
    assert (got["price_min"], got["price_max"]) == (66000, 99000)
    assert got["total"] == 500
    assert [section["total"] for section in got["sections"]] == [400, 100]


@pytest.mark.parametrize("name, status", [("evt_future", "SCHEDULED"), ("evt_over", "CLOSED")])
def test_status(platform, name, status):
    got = platform.client().ok("GET", f"/api/v1/events/{name}")
    assert got["status"] == status
    assert (got["sale_opens_in"] > 0) == (status == "SCHEDULED")


@pytest.mark.parametrize("below", ["", "/availability", "/seats", "/stream"])
def test_no_event(platform, below):
    reply = platform.client().get("/api/v1/events/evt_none" + below)
    assert (reply.status, reply.code) == (404, "EVENT_NOT_FOUND")


def test_availability(platform):
    client = platform.client()
    before = client.ok("GET", BASE + "/availability")
    assert before["remaining"] == sum(section["remain"] for section in before["sections"])
    assert "unavailable_seats" not in before
    platform.buyer().reserve("evt_night", "A-9-1", "A-9-2")
    after = client.ok("GET", BASE + "/availability")
    assert after["remaining"] == before["remaining"] - 2
    assert after["version"] > before["version"]
    assert after["version"] < 2 ** 53


def test_availability_of_seats(platform):
    platform.buyer().reserve("evt_night", "A-8-1")
    client = platform.client()
    got = client.ok("GET", BASE + "/availability?seat_ids=A-8-1,A-8-2,none")
    assert got["unavailable_seats"] == ["A-8-1", "none"]
    assert client.ok("GET", BASE + "/availability?seat_ids=A-8-3")["unavailable_seats"] == []
    assert client.ok("GET", BASE + "/availability?quantity=2")["remaining"] > 0
    for query in ("seat_ids=a,,b", "seat_ids=" + ",".join("x" * 101), "quantity=11"):
        assert client.get(BASE + "/availability?" + query).code == "INVALID_REQUEST"


def test_seats(platform):
    got = platform.client().ok("GET", BASE + "/seats")
    stalls, standing = got["sections"]
    assert len(stalls["rows"]) == 20
    assert all(row["first"] == 1 and row["count"] == 20 and len(row["states"]) == 20
               for row in stalls["rows"])
    assert standing["total"] == 100
    odd = platform.client().ok("GET", "/api/v1/events/evt_odd/seats")["sections"][0]["rows"]
    assert odd[0]["numbers"] == ["1", "2", "2A"]
    assert odd[1]["first"] == 101


def test_states_of_seats(platform):
    buyer = platform.buyer()
    held = buyer.reserve("evt_night", "A-7-1")
    sold = buyer.buy("evt_night", "A-7-3")
    rows = buyer.ok("GET", BASE + "/seats")["sections"][0]["rows"]
    assert rows[6]["states"].startswith("ras")
    assert sold["confirmed_seats"][0]["id"] == "A-7-3"
    buyer.ok("POST", f"/api/v1/reservations/{held['reservation_id']}/cancel")
    assert buyer.ok("GET", BASE + "/seats")["sections"][0]["rows"][6]["states"].startswith("aas")


def test_seats_are_cached_by_version(platform):
    client = platform.client()
    first = client.get("/api/v1/events/evt_a/seats")
    tag = first.get("etag")
    assert client.get("/api/v1/events/evt_a/seats", headers={"If-None-Match": tag}).status == 304
    platform.buyer().reserve("evt_a", "A-1-1")
    changed = client.get("/api/v1/events/evt_a/seats", headers={"If-None-Match": tag})
    assert changed.status == 200
    assert changed.get("etag") != tag
    assert changed.json["version"] == first.json["version"] + 1


def test_seats_are_compressed(platform):
    connection = http.client.HTTPConnection("127.0.0.1", platform.port, timeout=30)
    connection.request("GET", BASE + "/seats", headers={"Accept-Encoding": "gzip"})
    response = connection.getresponse()
    assert response.getheader("Content-Encoding") == "gzip"
    assert json.loads(gzip.decompress(response.read()))["event_id"] == "evt_night"
    connection.close()
