"""An event's waiting room: its settings, its tokens in reservations, its fairness."""

import itertools
import re
import subprocess
import sys

import pytest
from door import ROOT
from platform_api import Platform, event, key
from room_api import QUICK, TIMEOUT_S, Room, check_lot, time_in, wait_for

RESERVATIONS = "/api/v1/reservations"
DEFAULTS = {"mode": "open", "admit_per_second": 100, "max_shoppers": 5000, "token_ttl_sec": 300,
            "grace_sec": 300, "entry_sec": 60, "latency_target_ms": 200}

NAMES = (f"evt_room_{number}" for number in itertools.count())


@pytest.fixture(scope="module", name="platform")
def make_platform():
    with Platform(*QUICK, events=(event("evt_night"), event("evt_alone"))) as running:
        yield running


def new_room(platform, plan=None, **settings):
    return Room(platform, next(NAMES), plan, **({"mode": "waiting"} | settings))


def ask(buyer, room, token=None, **more):
    """POST reservations for one seat."""
    body = {"event_id": room.event_id, "quantity": 1} | more
    return buyer.post(RESERVATIONS, body | ({} if token is None else {"reservation_token": token}))


# ---- settings ----

def test_settings(platform):
    room = Room(platform, next(NAMES))
    counts = {"event_id": room.event_id, "waiting": 0, "shoppers": 0}
    assert room.set() == DEFAULTS | counts
    got = room.set(mode="waiting", max_shoppers=7)
    assert got == DEFAULTS | counts | {"mode": "waiting", "max_shoppers": 7}
    got = room.set(admit_per_second=3, token_ttl_sec=10, grace_sec=5, entry_sec=6,
                   latency_target_ms=50)
    assert got == counts | {"mode": "waiting", "admit_per_second": 3, "max_shoppers": 7,
                            "token_ttl_sec": 10, "grace_sec": 5, "entry_sec": 6,
                            "latency_target_ms": 50}
    room.join()
    wait_for(lambda: room.set()["shoppers"] == 1)


def test_needs_admission_is_the_mode(platform):
    room = Room(platform, next(NAMES))
    path = f"/api/v1/events/{room.event_id}"
    for mode in ("open", "waiting", "paused"):
        room.set(mode=mode)
        assert room.client.ok("GET", path)["needs_admission"] is (mode != "open")


@pytest.mark.parametrize("name, value", [
    ("mode", "shut"), ("mode", ""), ("mode", 1), ("mode", "OPEN"),
    ("admit_per_second", 0), ("admit_per_second", 10001), ("admit_per_second", 1.5),
    ("admit_per_second", -1), ("admit_per_second", "10"), ("max_shoppers", 0),
    ("max_shoppers", 200001), ("token_ttl_sec", 9), ("token_ttl_sec", 86401), ("grace_sec", 4),
    ("grace_sec", 3601), ("entry_sec", 4), ("entry_sec", 3601), ("latency_target_ms", 0),
    ("latency_target_ms", 60001),
])
def test_settings_refused(platform, name, value):
    room = Room(platform, next(NAMES))
    path = f"/api/v1/admin/events/{room.event_id}/room"
    reply = room.admin.request("PUT", path, {"max_shoppers": 3, name: value})
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")
    assert reply.details["field"] == name
    assert {setting: value for setting, value in room.set().items() if setting in DEFAULTS} == \
        DEFAULTS


def test_settings_are_for_organisers(platform):
    path = "/api/v1/admin/events/evt_night/room"
    assert platform.client().request("PUT", path, {}).status == 401
    assert platform.buyer().request("PUT", path, {}).status == 403
    room = Room(platform, next(NAMES))
    assert room.admin.request("PUT", path, {}, idempotency=False).code == \
        "IDEMPOTENCY_KEY_REQUIRED"
    reply = room.admin.request("PUT", "/api/v1/admin/events/evt_none/room", {})
    assert (reply.status, reply.code) == (404, "EVENT_NOT_FOUND")


def test_settings_once_under_a_key(platform):
    room, once = Room(platform, next(NAMES)), key()
    path = f"/api/v1/admin/events/{room.event_id}/room"
    first = room.admin.request("PUT", path, {"max_shoppers": 3}, idempotency=once)
    room.set(max_shoppers=4)
    again = room.admin.request("PUT", path, {"max_shoppers": 3}, idempotency=once)
    assert again.json == first.json and again.get("x-idempotency-cached") == "true"
    assert room.set()["max_shoppers"] == 4


# ---- tokens ----

def test_without_a_token(platform):
    room = new_room(platform)
    for token in (None, ""):
        reply = ask(platform.buyer(), room, token)
        assert (reply.status, reply.code) == (403, "ADMISSION_REQUIRED")


@pytest.mark.parametrize("token", ["x", "r1." + "A" * 43, "w1." + "A" * 43, "A" * 300])
def test_forged_tokens(platform, token):
    reply = ask(platform.buyer(), new_room(platform), token)
    assert (reply.status, reply.code) == (403, "ADMISSION_INVALID")


def test_a_token_of_another_kind(platform):
    room = new_room(platform)
    waiter = room.join()
    token = waiter.enter()
    assert ask(platform.buyer(), room, waiter.token).code == "ADMISSION_INVALID"
    for part in (token[:-1], token + "A", token[:-1] + ("A" if token[-1] != "A" else "B")):
        assert ask(platform.buyer(), room, part).code == "ADMISSION_INVALID"
    assert platform.client().get(f"/api/v1/queue/status?token={token}").code == "TOKEN_NOT_FOUND"
    assert ask(platform.buyer(), room, token).status == 201


@pytest.mark.parametrize("value", [7, ["r1"], {"token": 1}, True])
def test_a_token_of_another_type(platform, value):
    reply = ask(platform.buyer(), new_room(platform), value)
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")


def test_another_events_token(platform):
    room, other = new_room(platform), new_room(platform)
    token = other.join().enter()
    assert ask(platform.buyer(), room, token).code == "ADMISSION_INVALID"
    assert ask(platform.buyer(), other, token).status == 201


def test_bound_to_its_first_buyer(platform):
    room = new_room(platform)
    token = room.join().enter()
    first, second = platform.buyer(), platform.buyer()
    assert ask(first, room, token).status == 201
    assert ask(second, room, token).code == "ADMISSION_INVALID"
    # The same session may hold more, up to the buyer's limit.
    assert ask(first, room, token).status == 201


def test_a_refused_hold_binds_nobody(platform):
    room = new_room(platform)
    token = room.join().enter()
    assert ask(platform.buyer(), room, token, quantity=5).code == "BUYER_LIMIT"
    assert ask(platform.buyer(), room, token).status == 201


def test_cancel_and_choose_again(platform):
    room = new_room(platform)
    waiter = room.join()
    token, buyer = waiter.enter(), platform.buyer()
    for _ in range(3):
        made = ask(buyer, room, token)
        assert made.status == 201
        buyer.ok("DELETE", f"{RESERVATIONS}/{made.json['reservation_id']}")
    # Released, but bound: the session stays the buyer's.
    assert ask(platform.buyer(), room, token).code == "ADMISSION_INVALID"
    assert waiter.look()["status"] == "ready"


def test_a_purchase_uses_the_token_up(platform):
    room = new_room(platform, max_shoppers=1)
    waiter, buyer = room.join(), platform.buyer()
    token = waiter.enter()
    buyer.buy(room.event_id, quantity=1, reservation_token=token)
    assert ask(buyer, room, token).code == "ADMISSION_INVALID"
    assert waiter.has_expired()
    assert waiter.ask_to_enter().code == "TOKEN_EXPIRED"
    # The slot is the next one's.
    room.join().enter()


def test_who_has_bought_may_join_again(platform):
    room, buyer = new_room(platform), platform.buyer()
    waiter = room.join(buyer)
    buyer.buy(room.event_id, quantity=1, reservation_token=waiter.enter())
    again = room.join(buyer)
    assert again.token != waiter.token
    buyer.buy(room.event_id, quantity=1, reservation_token=again.enter())


def test_over_while_a_hold_goes_on(platform):
    """The token ends, the hold does not; whoever has it gets a new place meanwhile."""
    room, buyer = new_room(platform, token_ttl_sec=10), platform.buyer()
    waiter = room.join(buyer)
    token = waiter.enter()
    made = ask(buyer, room, token)
    wait_for(waiter.has_expired)
    assert ask(buyer, room, token).code == "ADMISSION_INVALID"
    assert waiter.ask_to_enter().code == "TOKEN_EXPIRED"
    assert room.set()["shoppers"] == 1
    again = room.join(buyer)
    assert again.token != waiter.token
    assert again.look()["status"] == "waiting"
    buyer.pay(made.json)
    wait_for(lambda: buyer.ok("GET", f"{RESERVATIONS}/{made.json['reservation_id']}")
             ["reservation"]["status"] == "CONFIRMED")


def test_a_token_that_is_over(platform):
    room = new_room(platform, token_ttl_sec=10, max_shoppers=1)
    waiter, second = room.join(), room.join()
    token = waiter.enter()
    got = waiter.look()
    assert got["status"] == "ready" and 0 < got["ttl_sec"] <= 10
    second.enter()
    assert waiter.has_expired()
    assert ask(platform.buyer(), room, token).code == "ADMISSION_INVALID"


# ---- fairness ----

@pytest.mark.parametrize("name, code", [("evt_none", "EVENT_NOT_FOUND"),
                                        ("evt_alone", "ROOM_NOT_FOUND")])
def test_no_fairness(platform, name, code):
    reply = platform.client().get(f"/api/v1/events/{name}/room/fairness")
    assert (reply.status, reply.code) == (404, code)


def test_fairness_of_a_sale_that_goes_on(platform):
    room = new_room(platform)
    got = wait_for(lambda: room.fairness()["opened"] and room.fairness())
    assert got["drawn"] == 0
    check_lot(got, got["commitment"])


def test_the_lot(platform):
    room = new_room(platform, {"sale_opens_at": time_in(3600)}, mode="paused")
    waiters = [room.join() for _ in range(100)]
    before = room.fairness()
    assert set(before) == {"event_id", "algorithm", "commitment", "opened"}
    for waiter in waiters[:3]:
        got = waiter.look()
        assert (got["opened"], got["position"], got["total_waiting"]) == (False, 100, 100)
        assert got["ready_for_entry"] is False
    room.open_sale()
    after = wait_for(lambda: room.fairness()["opened"] and room.fairness())
    assert after["drawn"] == 100
    places = check_lot(after, before["commitment"])
    late = [room.join() for _ in range(3)]
    for waiter in waiters:
        got = wait_for(lambda one=waiter: one.look()["opened"] and one.look())
        assert got["position"] == places[waiter.number] + 1
    assert [waiter.position() for waiter in late] == [101, 102, 103]
    # It is no order of arrival.
    assert [places[number] for number in range(100)] != list(range(100))


def test_admitted_in_the_order_of_the_lot(platform):
    room = new_room(platform, {"sale_opens_at": time_in(3600)}, mode="paused", max_shoppers=4)
    waiters = [room.join() for _ in range(12)]
    commitment = room.fairness()["commitment"]
    room.open_sale()
    places = check_lot(wait_for(lambda: room.fairness()["opened"] and room.fairness()), commitment)
    room.set(mode="waiting")
    line = sorted(waiters, key=lambda waiter: places[waiter.number])
    for start in range(0, 12, 4):
        inside = line[start:start + 4]
        for waiter in inside:
            waiter.enter()
        for place, waiter in enumerate(line[start + 4:]):
            got = waiter.look()
            assert (got["position"], got["ready_for_entry"]) == (place + 1, False)
        for waiter in inside:
            waiter.leave()


def test_opened_by_the_clock(platform):
    room = new_room(platform, {"sale_opens_at": time_in(4)}, max_shoppers=3)
    commitment = room.fairness()["commitment"]
    waiters = [room.join() for _ in range(10)]
    after = wait_for(lambda: room.fairness()["opened"] and room.fairness())
    places = check_lot(after, commitment)
    assert after["drawn"] == 10
    first = sorted(waiters, key=lambda waiter: places[waiter.number])[:3]
    for waiter in first:
        waiter.enter()
    assert sum(waiter.look()["status"] == "ready" for waiter in waiters) == 3


def test_an_open_room_before_the_sale(platform):
    room = new_room(platform, {"sale_opens_at": time_in(3600)}, mode="open")
    waiter = room.join()
    got = waiter.look()
    assert (got["ready_for_entry"], got["opened"]) == (False, False)
    assert 3500 <= got["eta_sec"] <= 3660
    reply = waiter.ask_to_enter()
    assert reply.code == "NOT_READY" and reply.details["eta_sec"] >= 3500
    room.open_sale()
    waiter.enter()


def test_the_lot_survives_crashes():
    with Platform(*QUICK, events=()) as platform:
        room = Room(platform, "evt_lot", {"sale_opens_at": time_in(3600)}, mode="paused")
        waiters = [room.join() for _ in range(20)]
        before = room.fairness()
        platform.kill()
        platform.start()
        room.reconnect()
        assert room.fairness() == before
        room.open_sale()
        after = wait_for(lambda: room.fairness()["opened"] and room.fairness())
        places = check_lot(after, before["commitment"])
        platform.kill()
        platform.start()
        room.reconnect()
        assert room.fairness() == after
        for waiter in waiters:
            waiter.client = room.client
            assert waiter.position() == places[waiter.number] + 1


# ---- docs/waiting-room.md ----

DOCUMENT = (ROOT / "docs" / "waiting-room.md").read_text(encoding="utf-8")


def test_the_program_of_the_document(platform, tmp_path):
    (text,) = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    program = tmp_path / "place.py"
    program.write_text(text, encoding="utf-8")
    room = new_room(platform, {"sale_opens_at": time_in(3600)}, mode="paused")
    commitment = room.fairness()["commitment"]

    def run(number, *noted):
        return subprocess.run([sys.executable, program, f"http://127.0.0.1:{platform.port}",
                               room.event_id, str(number), *noted], capture_output=True, text=True,
                              check=False, timeout=TIMEOUT_S)

    early = run(0)
    assert early.returncode == 1 and commitment in early.stderr
    for _ in range(23):
        room.join()
    room.open_sale()
    places = check_lot(wait_for(lambda: room.fairness()["opened"] and room.fairness()), commitment)
    for number in (0, 7, 22):
        done = run(number, commitment)
        wanted = f"number {number} has place {places[number] + 1}; 23 were drawn\n"
        assert (done.returncode, done.stdout, done.stderr) == (0, wanted, "")
    late = room.join()
    assert run(late.number).stdout == f"number 23 has place {late.position()}; 23 were drawn\n"
    other = run(7, "0" * 64)
    assert other.returncode == 1 and "not the commitment that was noted" in other.stderr


def test_the_settings_of_the_document(platform):
    row = r"^\| `(\w+)` \| `?([\w,]+)`? \| [^|]+ \| [^|]+ \|$"
    rows = dict(re.findall(row, DOCUMENT, re.MULTILINE))
    rows = {name: value if name == "mode" else int(value.replace(",", ""))
            for name, value in rows.items() if name in DEFAULTS}
    assert rows == DEFAULTS
    room = Room(platform, next(NAMES))
    assert {name: value for name, value in room.set().items() if name in DEFAULTS} == rows


def test_the_document_names_what_there_is(platform):
    room = new_room(platform, mode="paused")
    waiter = room.join()
    told = set(waiter.look()) | {"was_away", "ttl_sec"}
    fields = set(re.findall(r"`(\w+)`", "".join(
        line.split("|")[1] for line in DOCUMENT.splitlines() if line.startswith("| `"))))
    assert told - {"event_id"} <= fields
    named = set(re.findall(r"`tacos_room_(\w+)`", DOCUMENT))
    assert named == set(room.metrics())
