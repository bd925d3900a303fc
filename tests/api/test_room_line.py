"""A waiting room over time: who is let in, how fast, who is passed over, and what is told of it.

Nothing here depends on how fast the machine is: what must happen is waited for, what must not is
looked for in what happened.
"""

import itertools
import json
import subprocess
import threading
import time

import pytest
from crowd import Ask, Crowd
from platform_api import Platform, event, key
from room_api import QUEUE, QUICK, Room, Waiter, wait_for

NAMES = (f"evt_line_{number}" for number in itertools.count())

# The least that a room takes: what is passed over is passed over after some seconds.
BRISK = {"grace_sec": 5, "entry_sec": 5}


@pytest.fixture(scope="module", name="platform", params=[0, 2],
                ids=["reactors=0", "reactors=2"])
def make_platform(request):
    with Platform(*QUICK, "--reactors", request.param, events=()) as running:
        yield running


@pytest.fixture(scope="module", name="plain")
def make_plain():
    with Platform(*QUICK, events=()) as running:
        yield running


def new_room(platform, plan=None, **settings):
    return Room(platform, next(NAMES), plan, **({"mode": "waiting"} | settings))


class Pulse:
    """Waiters who show that they live, until the end of the block."""

    def __init__(self, platform, *waiters):
        self.platform = platform
        self.waiters = waiters
        self.done = threading.Event()
        self.problem = None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        client = self.platform.client()
        try:
            while not self.done.wait(0.5):
                for waiter in self.waiters:
                    client.ok("GET", f"{QUEUE}/status?token={waiter.token}")
        except BaseException as problem:  # told at the end, whatever it is
            self.problem = problem

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        assert self.problem is None, self.problem


# ---- who is let in ----

def test_no_more_shoppers_than_allowed(plain):
    room = new_room(plain, max_shoppers=3)
    waiters = [room.join() for _ in range(8)]
    for waiter in waiters[:3]:
        waiter.enter()
    for _ in range(10):
        assert [waiter.may_enter() is not False for waiter in waiters] == [True] * 3 + [False] * 5
        assert room.metrics()["shoppers"] == 3
        time.sleep(0.05)
    waiters[1].leave()
    waiters[3].enter()
    assert [waiter.position() for waiter in waiters[4:]] == [1, 2, 3, 4]
    room.set(max_shoppers=5)
    for waiter in waiters[4:6]:
        waiter.enter()
    assert room.metrics()["shoppers"] == 5
    # Fewer drives nobody out.
    room.set(max_shoppers=1)
    waiters[0].leave()
    assert waiters[2].look()["status"] == "ready"
    assert waiters[6].ask_to_enter().code == "NOT_READY"


def test_the_rate_is_kept(plain):
    """And polling changes nothing."""
    rate = 4
    room = new_room(plain, mode="paused", admit_per_second=rate)
    waiters = [room.join() for _ in range(40)]
    began = time.monotonic()
    room.set(mode="waiting")
    counted = 0
    while counted < 16:
        Waiter(plain.client(), waiters[39].joined).look()
        counted = room.metrics()["admissions_total"]
        # A tenth of a second's worth may come at once, at least one.
        assert counted <= rate * (time.monotonic() - began) + 2
    assert waiters[39].look()["ready_for_entry"] is False
    ready = [waiter.may_enter() is not False for waiter in waiters]
    assert ready == sorted(ready, reverse=True)


def test_eta_is_never_below_what_the_rate_allows(plain):
    rate = 2
    room = new_room(plain, mode="paused", admit_per_second=rate)
    waiters = [room.join() for _ in range(30)]
    assert waiters[29].look()["eta_sec"] is None
    room.set(mode="waiting")
    for waiter in waiters[::-1]:
        got = waiter.look()
        if got["ready_for_entry"]:
            assert (got["position"], got["eta_sec"]) == (0, 0)
        else:
            assert got["eta_sec"] >= got["position"] / rate


def test_nobody_is_admitted_to_nothing(plain):
    room = new_room(plain, {"sections": [{"id": "S", "name": "Small", "price": 10,
                                          "capacity": 2}]})
    first, second, third = room.join(), room.join(), room.join()
    for waiter in (first, second):
        plain.buyer().buy(room.event_id, quantity=1, reservation_token=waiter.enter())
    got = wait_for(lambda: third.look()["remaining"] == 0 and third.look())
    assert got["ready_for_entry"] is False
    assert wait_for(lambda: third.look()["eta_sec"] is None)
    assert third.ask_to_enter().details == {"eta_sec": None}
    assert room.metrics()["admissions_total"] == 2


def test_who_enters_too_late(plain):
    room = new_room(plain, max_shoppers=1, **BRISK)
    first, second = room.join(), room.join()
    with Pulse(plain, first, second):
        wait_for(first.may_enter)
        assert 0 < first.look()["ttl_sec"] <= 5
        wait_for(second.may_enter)
    assert first.look()["status"] == "expired"
    assert first.ask_to_enter().code == "TOKEN_EXPIRED"
    second.enter()
    assert room.metrics()["expired_total"] == 1


# ---- silence ----

def test_ghosts_are_passed_over_and_come_back(plain):
    room = new_room(plain, mode="paused", **BRISK)
    ghost, other, last = room.join(), room.join(), room.join()
    assert last.position() == 3
    with Pulse(plain, other, last):
        wait_for(lambda: last.look()["total_waiting"] == 2)
        assert (other.position(), last.position()) == (1, 2)
        assert room.metrics()["ghosts"] == 1
        got = ghost.look()
        assert (got["was_away"], got["status"], got["position"]) == (True, "waiting", 1)
        # The old place again, and said once.
        assert (other.position(), last.position()) == (2, 3)
        assert "was_away" not in ghost.look()
        numbers = room.metrics()
        assert (numbers["ghosts"], numbers["silent_total"], numbers["returned_total"]) == (0, 1, 1)


def test_a_ghost_takes_nobodys_turn(plain):
    room = new_room(plain, mode="paused", max_shoppers=1, **BRISK)
    ghost, second, third = room.join(), room.join(), room.join()
    with Pulse(plain, second, third):
        wait_for(lambda: third.look()["total_waiting"] == 2)
        room.set(mode="waiting")
        wait_for(second.may_enter)
    second.enter()
    # Back again: before those who were behind.
    got = ghost.look()
    assert (got["was_away"], got["position"]) == (True, 1)
    second.leave()
    ghost.enter()
    assert third.look()["ready_for_entry"] is False


def test_joining_again_is_a_sign_of_life(plain):
    room, once = new_room(plain, mode="paused", **BRISK), key()
    ghost, other = room.join(idempotency=once), room.join()
    with Pulse(plain, other):
        wait_for(lambda: other.position() == 1)
        again = room.join(idempotency=once)
        assert (again.token, again.joined["position_hint"]) == (ghost.token, 1)
        assert other.position() == 2


# ---- streams ----

def test_a_stream_tells_of_changes(platform):
    room = new_room(platform, mode="paused")
    first, second = room.join(), room.join()
    with second.stream() as stream:
        assert stream.response.status == 200
        assert stream.response.getheader("Content-Type").startswith("text/event-stream")
        got = stream.next()
        wanted = second.look()
        assert got | {"waiting_time": 0} == wanted | {"waiting_time": 0}
        first.leave()
        got = stream.until(lambda status: status["position"] == 1)
        assert got["total_waiting"] == 1
        room.set(mode="waiting")
        got = stream.until(lambda status: status["ready_for_entry"])
        assert got["status"] == "waiting"
        second.enter()
        got = stream.until(lambda status: status["status"] == "ready")
        second.leave()
        got = stream.until(lambda status: status["status"] == "expired")
        assert stream.next() is None


def test_a_stream_tells_once_a_second_at_most(platform):
    room = new_room(platform, mode="paused")
    waiter = room.join()
    with waiter.stream() as stream:
        stream.next()
        began = time.monotonic()
        told = 0
        others = []
        while told < 3:
            others += [room.join() for _ in range(3)]
            if stream.next()["total_waiting"] > 1:
                told += 1
        assert time.monotonic() - began >= 1.5


def test_nothing_new_is_not_told(platform):
    room = new_room(platform, mode="paused")
    waiter = room.join()
    with waiter.stream() as stream:
        stream.next()
        time.sleep(2.5)
        waiter.leave()
        # Seconds of waiting alone were no event.
        assert stream.next()["status"] == "expired"
        assert stream.next() is None


def test_a_stream_keeps_its_waiter_alive(platform):
    room = new_room(platform, mode="paused", **BRISK)
    silent, listener = room.join(), room.join()
    with listener.stream() as stream:
        stream.until(lambda status: status["position"] == 1)
        assert room.metrics()["ghosts"] == 1
        time.sleep(BRISK["grace_sec"] + 1)
        numbers = room.metrics()
        assert (numbers["ghosts"], numbers["waiting"]) == (1, 1)
    assert silent.look()["was_away"] is True
    assert "was_away" not in listener.look()


def test_a_stream_over_http2_keeps_its_waiter_alive(platform):
    room = new_room(platform, mode="paused", **BRISK)
    silent, listener = room.join(), room.join()
    url = f"http://127.0.0.1:{platform.port}{QUEUE}/stream?token={listener.token}"
    stream = subprocess.Popen(["curl", "-sN", "--http2-prior-knowledge", "--max-time", "60", url],
                              stdout=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: room.metrics()["ghosts"] == 1)
        time.sleep(BRISK["grace_sec"] + 1)
        numbers = room.metrics()
        assert (numbers["ghosts"], numbers["waiting"]) == (1, 1)
    finally:
        stream.terminate()
        told = [json.loads(line.partition(": ")[2]) for line in stream.communicate()[0].splitlines()
                if line.startswith("data: ")]
    assert [status["position"] for status in told] == [2, 1]
    assert silent.look()["was_away"] is True
    assert "was_away" not in listener.look()


def test_a_stream_of_what_is_over(platform):
    room = new_room(platform, mode="paused")
    waiter = room.join()
    waiter.leave()
    with waiter.stream() as stream:
        assert stream.next()["status"] == "expired"
        assert stream.next() is None


def test_many_streams(platform):
    room = new_room(platform, mode="paused")
    waiters = [room.join() for _ in range(40)]
    streams = [waiter.stream() for waiter in waiters]
    for place, stream in enumerate(streams):
        assert stream.next()["position"] == place + 1
    waiters[0].leave()
    for place, stream in enumerate(streams[1:]):
        got = stream.until(lambda status: status["total_waiting"] == 39)
        assert got["position"] == place + 1
        stream.connection.close()
    streams[0].connection.close()


# ---- limits ----

def test_joins_of_an_address_are_limited():
    with Platform("--join-rate", "6", events=(event("evt_night"),)) as platform:
        client = platform.client()
        replies = [client.post(f"{QUEUE}/join", {"event_id": "evt_night"}) for _ in range(8)]
        assert [reply.status for reply in replies[:6]] == [202] * 6
        refused = [reply for reply in replies if reply.status == 429]
        assert refused and {reply.code for reply in refused} == {"RATE_LIMITED"}
        assert 1 <= int(refused[0].get("retry-after")) <= 60
        # Polling is not joining.
        token = replies[0].json["waiting_token"]
        for _ in range(20):
            assert client.get(f"{QUEUE}/status?token={token}").status == 200


def fill(platform, room, count):
    asks = [Ask(None, "POST", f"{QUEUE}/join", {"event_id": room.event_id}) for _ in range(count)]
    with Crowd(platform.port, validate=False) as crowd:
        return crowd.all(asks)


def test_a_full_room():
    with Platform(*QUICK, "--room-capacity", "1024", events=()) as platform:
        room, once = new_room(platform, mode="paused"), key()
        first = room.join(idempotency=once)
        replies = fill(platform, room, 1023)
        assert {reply.status for reply in replies} == {202}
        assert {reply.json["number"] for reply in replies} == set(range(1, 1024))
        full = room.ask_to_join()
        assert (full.status, full.code) == (503, "ROOM_FULL")
        assert int(full.get("retry-after")) > 0
        # Who has a place keeps it, also by joining again; other rooms have places of their own.
        assert room.join(idempotency=once).token == first.token
        assert first.position() == 1
        new_room(platform, mode="paused").join()
        assert room.metrics()["full_total"] == 1
        # Places come free when all of a block are given up, also over a restart.
        with Crowd(platform.port, validate=False) as crowd:
            crowd.all_ok(Ask(None, "DELETE", f"{QUEUE}/leave?token={token}") for token in
                         [first.token] + [reply.json["waiting_token"] for reply in replies])
        assert room.join().number == 1024
        platform.stop()
        platform.start()
        room.reconnect()
        assert room.join().number == 1025


# ---- what is told ----

def test_metrics(plain):
    room = new_room(plain, max_shoppers=1, entry_sec=60)
    first, second, third = room.join(), room.join(), room.join()
    wait_for(first.may_enter)
    numbers = room.metrics()
    assert (numbers["waiting"], numbers["admitted"], numbers["shoppers"]) == (2, 1, 1)
    first.enter()
    third.leave()
    numbers = room.metrics()
    assert (numbers["waiting"], numbers["admitted"], numbers["shoppers"]) == (1, 0, 1)
    wanted = {"joins_total": 3, "admissions_total": 1, "entries_total": 1, "abandoned_total": 1,
              "expired_total": 0, "silent_total": 0, "returned_total": 0, "full_total": 0,
              "allowed_per_second": 100}
    assert {name: numbers[name] for name in wanted} == wanted
    assert numbers["memory_bytes"] > 0
    assert {"eta_checked_total", "eta_error_milliseconds_total"} <= set(numbers)
    second.leave()


def told_to_buses(platform):
    """How many events, once that number stands still: the bus works behind the answers."""
    counts = []

    def read():
        _, _, body = platform.server.get("/metrics", port=platform.operations_port)
        rows = dict(line.rsplit(" ", 1) for line in body.decode().splitlines())
        counts.append((int(rows["tacos_bus_events_total"]), int(rows["tacos_bus_archived_total"])))
        time.sleep(0.2)
        return counts[-3:] == [counts[-1]] * 3 and counts[-1]

    return wait_for(read)


def test_a_change_is_told_to_the_bus():
    with Platform(*QUICK, events=()) as platform:
        room = Room(platform, "evt_told")
        events, archived = told_to_buses(platform)
        room.set(mode="waiting", max_shoppers=12)
        assert told_to_buses(platform) == (events + 1, archived + 1)
        path, once = "/api/v1/admin/events/evt_told/room", key()
        assert room.admin.request("PUT", path, {"max_shoppers": 0}).status == 400
        for _ in range(2):
            room.admin.request("PUT", path, {"mode": "paused"}, idempotency=once)
        assert told_to_buses(platform) == (events + 2, archived + 2)
        platform.stop()


def test_the_server_logs_nothing_of_it():
    with Platform(*QUICK, events=()) as platform:
        room = new_room(platform)
        token = room.join().enter()
        platform.buyer().buy(room.event_id, quantity=1, reservation_token=token)
        log = platform.stop()
        assert {json.loads(line)["level"] for line in log.splitlines()} <= {"info"}
        assert token not in log
