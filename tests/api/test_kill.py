"""The whole platform, killed at any moment under load: what was acknowledged is there, once.

Buyers run journeys: reserve, pay, confirm, cancel, or leave it to the workers. The server is killed
in the middle of them and started again on the same data. Then what was acknowledged must be there,
the same request under the same key must have the same answer, and requests whose answers never came
are sent again, as a client would, and the journeys go on to their ends. After that it is known
exactly whose every seat is, and the platform must agree.

    TACOS_SEED=n         another sequence of moments and journeys; what the machine does meanwhile
                         does not repeat
    TACOS_KILL_ROUNDS=n  so many rounds: 20, and 50 in make ci
"""

import json
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from crowd import (RESERVATIONS, Ask, Buyer, Crowd, Line, cancel, confirm, intend, look,
                   payment_of, process, reserve)
from platform_api import Platform, cli, event

SEED = int(os.environ.get("TACOS_SEED", "20261127"))
ROUNDS = int(os.environ.get("TACOS_KILL_ROUNDS", "20"))
THREADS = 10

# What a worker held in its hands when it died is to be seen again after 30 s.
WORKERS_S = 45

ROWS, SEATS = 20, 50
PRICE = 5000


def plan(identity):
    return event(identity, max_per_buyer=10, hold_seconds=3600, sections=[
        {"id": "K", "name": "Kill", "price": PRICE,
         "rows": [{"row": str(row), "seats": SEATS} for row in range(1, ROWS + 1)]}])


class Journey:
    """What one buyer does. `pending` is the request under way, `done` those with their replies."""

    def __init__(self, buyer, event_id, dice):
        self.buyer, self.event_id = buyer, event_id
        self.status = None  # of the reservation, as far as it was acknowledged
        self.reservation = self.intent = self.order = None
        self.paid = self.interrupted = False
        self.done = []
        self.steps = self._steps(dice)
        self.pending = next(self.steps)

    def take(self, reply):
        self.done.append((self.pending, reply))
        try:
            self.pending = self.steps.send(reply)
        except StopIteration:
            self.pending = None

    def _steps(self, dice):
        if dice.random() < 0.7:
            ask = reserve(self.buyer, self.event_id, quantity=dice.randint(1, 3))
        else:
            row, number = dice.randint(1, ROWS), dice.randint(1, SEATS - 1)
            ask = reserve(self.buyer, self.event_id, f"K-{row}-{number}", f"K-{row}-{number + 1}")
        reply = yield ask
        if reply.status == 409:
            assert reply.code in ("SOLD_OUT", "INVENTORY_CONFLICT"), reply
            return
        assert reply.status == 201, reply
        self.reservation, self.status = reply.json, "PENDING"
        way = dice.random()
        if way < 0.1:
            return
        if way < 0.25:
            yield from self._cancel()
            return
        yield from self._intend()
        if dice.random() < 0.2:
            reply = yield process(self.buyer, self.intent, "fail")
            assert (reply.status, reply.json["status"]) == (200, "FAILED"), reply
            yield from self._intend()
        reply = yield process(self.buyer, self.intent)
        assert (reply.status, reply.json["status"]) == (200, "COMPLETED"), reply
        self.paid = True
        if way < 0.35:
            yield from self._cancel()
        elif way < 0.8:  # the others pay and are gone
            yield from self._confirm()

    def _intend(self):
        reply = yield intend(self.buyer, self.reservation)
        assert reply.status == 200, reply
        self.intent = reply.json

    def _cancel(self):
        reply = yield cancel(self.buyer, self.reservation)
        # A worker may have made the order before.
        if self.paid and reply.status == 409:
            assert reply.code == "ALREADY_CONFIRMED", reply
            yield from self._confirm()
            return
        assert (reply.status, reply.json["status"]) == (200, "CANCELLED"), reply
        self.status = "CANCELLED"

    def _confirm(self):
        reply = yield confirm(self.buyer, self.reservation)
        assert (reply.status, reply.json["status"]) == (200, "CONFIRMED"), reply
        self.order, self.status = reply.json, "CONFIRMED"

    def may_be(self):
        """The statuses that the reservation may have: an answer may be missing."""
        path = "" if self.pending is None else self.pending.path
        statuses = {self.status}
        if path.endswith("/cancel"):
            statuses.add("CANCELLED")
        if path.endswith("/confirm") or path.endswith("/process") or \
                (self.paid and self.status == "PENDING"):
            statuses.add("CONFIRMED")
        return statuses


class NewEvent:
    """An administrator's new event, which is asked for like a step of a journey."""

    def __init__(self, boss, number):
        self.event_id = f"evt_kill_{number}"
        self.ask = Ask(boss, "POST", "/api/v1/admin/events", plan(self.event_id))
        self.reply = None

    def take(self, reply):
        assert (reply.status, reply.json["total"]) == (201, ROWS * SEATS), reply
        self.reply = reply


class Load:
    def __init__(self, platform):
        self.platform = platform
        self.dice = random.Random(SEED)
        self.boss = Buyer("boss", platform.secret("jwt"), role="admin")
        self.secret = platform.secret("jwt")
        self.journeys = []
        self.events = []
        self.names = 0
        self.lost = self.replayed = self.cut = 0  # how well the moments were chosen
        self.lock = threading.Lock()
        self.killed = threading.Event()

    # ---- the load ----

    def begin(self, dice):
        with self.lock:
            self.names += 1
            journey = Journey(Buyer(f"walker{self.names}", self.secret), self.events[-1].event_id,
                              dice)
            self.journeys.append(journey)
            return journey

    def answer(self, line, ask):
        """None once the server is dead."""
        try:
            return line.ask(ask)
        except (OSError, AssertionError):
            if not self.killed.wait(1):
                raise
            return None

    def walk(self, seed):
        """Journeys one after another until the server dies."""
        dice = random.Random(seed)
        line = Line(self.platform.port, validate=False)
        while True:
            journey = self.begin(dice)
            while journey.pending is not None:
                reply = self.answer(line, journey.pending)
                if reply is None:
                    journey.interrupted = True
                    line.close()
                    return
                journey.take(reply)

    def make_event(self, made, at):
        """Just before the end, so that it is cut short now and then."""
        time.sleep(max(0, at - time.monotonic()))
        try:
            line = Line(self.platform.port, validate=False)
        except OSError:
            assert self.killed.wait(1)
            return
        reply = self.answer(line, made.ask)
        if reply is not None:
            made.take(reply)
        line.close()

    def burst(self, number):
        """Load, and its end; the event that was asked for meanwhile, or None."""
        self.killed.clear()
        seconds = self.dice.uniform(0.05, 0.4)
        early = self.dice.uniform(0, 0.03)
        made = None
        with ThreadPoolExecutor(THREADS + 1) as pool:
            end = time.monotonic() + seconds
            walks = [pool.submit(self.walk, f"{SEED} {number} {i}") for i in range(THREADS)]
            if self.share_taken() > 0.3:
                made = NewEvent(self.boss, len(self.events))
                walks.append(pool.submit(self.make_event, made, end - early))
            time.sleep(seconds)
            self.killed.set()
            self.platform.kill()
        for walk in walks:
            walk.result()
        return made

    def share_taken(self):
        current = self.events[-1].event_id
        return sum(len(journey.reservation["seat_ids"]) for journey in list(self.journeys)
                   if journey.event_id == current and journey.reservation) / (ROWS * SEATS)

    # ---- afterwards ----

    def verify_acknowledged(self, crowd, journeys):
        held = [journey for journey in journeys if journey.reservation]
        for journey, got in zip(held, crowd.all_ok(look(j.buyer, j.reservation) for j in held)):
            got = got["reservation"]
            assert got["status"] in journey.may_be(), (got, journey.done)
            assert [seat["id"] for seat in got["seats"]] == journey.reservation["seat_ids"]

    def verify_replays(self, crowd, journeys):
        done = [pair for journey in journeys for pair in journey.done if pair[1].status < 300]
        for (ask, before), now in zip(done, crowd.all([ask for ask, _ in done])):
            assert (now.status, now.body) == (before.status, before.body), (ask, before, now)
            assert now.get("x-idempotency-cached") == "true", (ask, now)

    def go_on(self, crowd, journeys):
        """Requests without an answer once more, under their keys; then the rest of the way."""
        self.lost += sum(journey.pending is not None for journey in journeys)
        while open_ones := [journey for journey in journeys if journey.pending is not None]:
            replies = crowd.all([journey.pending for journey in open_ones])
            for journey, reply in zip(open_ones, replies):
                self.replayed += reply.get("x-idempotency-cached") == "true"
                journey.take(reply)
        stopped = [journey for journey in journeys if journey.interrupted]
        for journey, got in zip(stopped, crowd.all_ok(Ask(j.buyer, "GET", RESERVATIONS)
                                                      for j in stopped)):
            ids = [one["reservation_id"] for one in got["reservations"]]
            made = journey.reservation
            assert ids == ([made["reservation_id"]] if made else []), journey.done

    def await_workers(self, crowd, journeys):
        """Who has paid and gone gets the order all the same, also over a restart."""
        end = time.monotonic() + WORKERS_S
        waiting = [j for j in journeys if j.paid and j.status == "PENDING"]
        while waiting:
            for journey, got in zip(waiting, crowd.all_ok(look(j.buyer, j.reservation)
                                                          for j in waiting)):
                journey.status = got["reservation"]["status"]
                if journey.status == "CONFIRMED":
                    path = f"/api/v1/orders/{got['reservation']['order_id']}"
                    journey.order = crowd.all_ok([Ask(journey.buyer, "GET", path)])[0]
            waiting = [j for j in waiting if j.status == "PENDING"]
            if waiting:
                assert time.monotonic() < end, (len(waiting), waiting[0].done)
                time.sleep(0.02)

    def verify_orders(self, crowd, journeys):
        paid = [journey for journey in journeys if journey.paid]
        payments = crowd.all_ok(payment_of(j.buyer, j.intent) for j in paid)
        for journey, payment in zip(paid, payments):
            bought = journey.status == "CONFIRMED"
            assert payment["status"] == ("COMPLETED" if bought else "REFUNDED"), journey.done
            assert payment.get("order_id") == (journey.order["order_id"] if bought else None)
        bought = [journey for journey in journeys if journey.status == "CONFIRMED"]
        orders = crowd.all_ok(Ask(j.buyer, "GET", f"/api/v1/orders/{j.order['order_id']}")
                              for j in bought)
        for journey, order in zip(bought, orders):
            assert order["status"] == "PAID"
            assert [seat["id"] for seat in order["seats"]] == journey.reservation["seat_ids"]
            assert order["tickets"] == journey.order["tickets"]

    def verify_seats(self, crowd, event_id):
        """Every seat of the event is whose it must be: nobody's, held, or sold once."""
        expected = {f"K-{row}-{number}": "a" for row in range(1, ROWS + 1)
                    for number in range(1, SEATS + 1)}
        letters = {"PENDING": "r", "CONFIRMED": "s"}
        owners = [journey for journey in self.journeys
                  if journey.event_id == event_id and journey.status in letters]
        for journey in owners:
            for seat in journey.reservation["seat_ids"]:
                assert expected[seat] == "a", f"{seat} has two owners"
                expected[seat] = letters[journey.status]
        seats = crowd.all_ok([Ask(None, "GET", f"/api/v1/events/{event_id}/seats")])[0]
        there = {f"K-{row['row']}-{row['first'] + at}": letter
                 for row in seats["sections"][0]["rows"] for at, letter in enumerate(row["states"])}
        assert there == expected
        report = crowd.all_ok([Ask(self.boss, "GET", f"/api/v1/admin/events/{event_id}/report")])[0]
        sold = list(expected.values()).count("s")
        assert report["seats"]["sold"] == report["orders"]["tickets"] == sold
        assert report["seats"]["reserved"] == list(expected.values()).count("r")
        assert report["holds"] == sum(journey.status == "PENDING" for journey in owners)
        assert report["orders"]["paid"] == sum(journey.status == "CONFIRMED" for journey in owners)
        assert report["revenue"]["amount"] == sold * PRICE

    def verify(self, made, first):
        """All of this round, and some of what was before."""
        fresh, older = self.journeys[first:], self.journeys[:first]
        older = self.dice.sample(older, min(len(older), 20))
        with Crowd(self.platform.port) as crowd:
            self.verify_acknowledged(crowd, fresh + older)
            self.verify_replays(crowd, fresh + older)
            self.go_on(crowd, fresh)
            self.await_workers(crowd, fresh)
            self.verify_orders(crowd, fresh + older)
            self.verify_seats(crowd, self.events[-1].event_id)
            if made is not None:
                self.keep(crowd, made)

    def keep(self, crowd, made):
        reply = crowd.all([made.ask])[0]
        assert reply.status == 201, reply
        self.cut += len(self.events) > 0 and made.reply is None and \
            reply.get("x-idempotency-cached") is None
        assert made.reply is None or reply.body == made.reply.body
        self.events.append(made)
        self.verify_seats(crowd, made.event_id)


def test_killed_again_and_again():
    print(f"replay: TACOS_SEED={SEED} TACOS_KILL_ROUNDS={ROUNDS} make test ONLY=test_kill")
    with Platform(events=()) as platform:
        load = Load(platform)
        with Crowd(platform.port) as crowd:
            load.keep(crowd, NewEvent(load.boss, 0))
        for number in range(ROUNDS):
            print(f"round {number}, {len(load.journeys)} journeys, {len(load.events)} events")
            first = len(load.journeys)
            made = load.burst(number)
            if number % 10 == 0:
                cli.check(platform.data)
            platform.words = ("--reactors", 2 * (number % 2))
            platform.start()
            load.verify(made, first)
        with Crowd(platform.port) as crowd:
            for made in load.events:
                load.verify_seats(crowd, made.event_id)
        print(f"{load.lost} requests lost their answers, {load.replayed} of these had had their "
              f"effects; {load.cut} events were cut short")
        levels = {json.loads(line)["level"] for line in platform.stop().splitlines()}
        assert levels <= {"info"}
        print(cli.check(platform.data))
