"""Killed while a crowd joins, is admitted, enters and leaves: every place that was told is there.

    TACOS_SEED=n         another sequence of moments
    TACOS_KILL_ROUNDS=n  so many rounds: 5
"""

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from crowd import Ask, Buyer, Crowd, Line
from platform_api import Platform, cli
from room_api import QUEUE, QUICK, Room, check_lot, time_in, wait_for

SEED = int(os.environ.get("TACOS_SEED", "20261127"))
ROUNDS = int(os.environ.get("TACOS_KILL_ROUNDS", "5"))
THREADS = 6


def join(one):
    return Ask(one.buyer, "POST", f"{QUEUE}/join", {"event_id": one.event_id}, one.key)


def status(one):
    return Ask(None, "GET", f"{QUEUE}/status?token={one.token}")


def enter(one):
    return Ask(None, "POST", f"{QUEUE}/enter", {"waiting_token": one.token})


def leave(one):
    return Ask(None, "DELETE", f"{QUEUE}/leave?token={one.token}")


class One:
    """Somebody in the crowd: known or not, with what they were told."""

    def __init__(self, event_id, buyer):
        self.event_id, self.buyer = event_id, buyer
        self.ask = None  # of joining, to be sent again
        self.key = None
        self.ask = join(self)
        self.key = self.ask.key
        self.token = self.number = self.reservation = None
        self.ready = self.left = self.leaving = False

    def take_place(self, reply):
        assert reply.status == 202, reply
        self.token, self.number = reply.json["waiting_token"], reply.json["number"]


class Load:
    def __init__(self, platform, room, may_enter):
        self.platform, self.room, self.may_enter = platform, room, may_enter
        self.secret = platform.secret("jwt")
        self.people = []
        self.lock = threading.Lock()
        self.killed = threading.Event()
        self.lost = 0

    def somebody(self, dice):
        with self.lock:
            known = Buyer(f"waiter{len(self.people)}", self.secret) if dice.random() < 0.5 else None
            one = One(self.room.event_id, known)
            self.people.append(one)
            return one

    def answer(self, line, ask):
        """None once the server is dead."""
        try:
            return line.ask(ask)
        except (OSError, AssertionError):
            if not self.killed.wait(1):
                raise
            return None

    def walk(self, seed):
        dice = random.Random(seed)
        line = Line(self.platform.port, validate=False)
        while True:
            one = self.somebody(dice)
            reply = self.answer(line, one.ask)
            if reply is None or not self.stay(line, one, reply, dice):
                line.close()
                return

    def stay(self, line, one, reply, dice):
        """What one does who has a place; False once the server is dead."""
        one.take_place(reply)
        if dice.random() < 0.1:
            one.leaving = True
            reply = self.answer(line, leave(one))
            one.left = reply is not None
            return reply is not None
        if not self.may_enter:
            return True
        # Somebody who came before, maybe admitted by now.
        with self.lock:
            other = dice.choice(self.people)
        if other.token is None or other.leaving:
            return True
        reply = self.answer(line, enter(other))
        if reply is not None and reply.status == 200:
            other.reservation = reply.json["reservation_token"]
        return reply is not None

    def burst(self, number, seconds):
        self.killed.clear()
        with ThreadPoolExecutor(THREADS) as pool:
            walks = [pool.submit(self.walk, f"{SEED} {number} {i}") for i in range(THREADS)]
            time.sleep(seconds)
            self.killed.set()
            self.platform.kill()
        for walk in walks:
            walk.result()

    # ---- afterwards ----

    def verify(self):
        told = [one for one in self.people if one.token is not None]
        numbers = [one.number for one in told]
        assert len(numbers) == len(set(numbers)), "a number was given twice"
        with Crowd(self.platform.port) as crowd:
            self.verify_places(crowd, told)
            self.verify_admissions(crowd, told)
            self.go_on(crowd)

    def verify_places(self, crowd, told):
        for one, got in zip(told, crowd.all_ok(status(one) for one in told)):
            assert got["number"] == one.number
            if one.left:
                assert got["status"] == "expired"
            elif not one.leaving:
                assert got["status"] in ("waiting", "ready"), got
                assert not (one.ready and not got["ready_for_entry"]), "admitted, and not any more"
                assert one.reservation is None or got["status"] == "ready"
                one.ready = got["ready_for_entry"]
        # The same place again for who asks as before.
        stayed = [one for one in told if not one.leaving]
        for one, again in zip(stayed, crowd.all_ok((one.ask for one in stayed), 202)):
            assert (again["waiting_token"], again["number"]) == (one.token, one.number)

    def verify_admissions(self, crowd, told):
        entered = [one for one in told if one.reservation is not None and not one.leaving]
        for one, got in zip(entered, crowd.all_ok(enter(one) for one in entered)):
            assert got["reservation_token"] == one.reservation

    def go_on(self, crowd):
        """Who was not answered asks again: the place is new, or was there already."""
        unanswered = [one for one in self.people if one.token is None]
        self.lost += len(unanswered)
        for one, reply in zip(unanswered, crowd.all(one.ask for one in unanswered)):
            one.take_place(reply)
            assert one.number not in {other.number for other in self.people if other is not one}

    def lines_up(self, places):
        """The waiting are in the order of their places, each with those before them counted."""
        stayed = [one for one in self.people if not one.leaving]
        with Crowd(self.platform.port) as crowd:
            views = crowd.all_ok(status(one) for one in stayed)
        waiting = [view for view in views if not view["ready_for_entry"]]
        order = sorted(waiting, key=lambda view: places.get(view["number"], view["number"]))
        # Some who left were not answered: they may be in line or not.
        slack = sum(one.leaving and not one.left for one in self.people)
        for place, view in enumerate(order):
            assert place + 1 <= view["position"] <= place + 1 + slack
        positions = [view["position"] for view in order]
        assert positions == sorted(positions)


def restart(platform, room, number):
    if number % 2 == 0:
        cli.check(platform.data)
    platform.words = (*QUICK, "--reactors", 2 * (number % 2))
    platform.start()
    room.reconnect()


def test_killed_while_joining_before_the_opening():
    dice = random.Random(SEED)
    print(f"replay: TACOS_SEED={SEED} TACOS_KILL_ROUNDS={ROUNDS} make test ONLY=test_room_kill")
    with Platform(*QUICK, events=()) as platform:
        room = Room(platform, "evt_before", {"sale_opens_at": time_in(36000)}, mode="paused")
        commitment = room.fairness()["commitment"]
        load = Load(platform, room, may_enter=False)
        for number in range(ROUNDS):
            load.burst(number, dice.uniform(0.05, 0.5))
            restart(platform, room, number)
            load.verify()
            assert room.fairness()["commitment"] == commitment
        room.open_sale()
        # Killed while places are drawn, or just before or after.
        time.sleep(dice.uniform(0, 0.06))
        platform.kill()
        restart(platform, room, 0)
        after = wait_for(lambda: room.fairness()["opened"] and room.fairness())
        places = check_lot(after, commitment)
        load.verify()
        load.lines_up(places)
        print(f"{len(load.people)} people, {load.lost} joins lost their answers")
        platform.stop()
        print(cli.check(platform.data))


def test_killed_while_admitting():
    dice = random.Random(SEED + 1)
    print(f"replay: TACOS_SEED={SEED} TACOS_KILL_ROUNDS={ROUNDS} make test ONLY=test_room_kill")
    with Platform(*QUICK, events=()) as platform:
        room = Room(platform, "evt_going", mode="waiting", admit_per_second=200,
                    max_shoppers=100000, entry_sec=3600, token_ttl_sec=3600, grace_sec=3600)
        load = Load(platform, room, may_enter=True)
        for number in range(ROUNDS):
            load.burst(number, dice.uniform(0.2, 0.8))
            restart(platform, room, number)
            room.set(mode="paused")
            load.verify()
            load.lines_up({})
            room.set(mode="waiting")
        admitted = sum(one.ready for one in load.people)
        entered = sum(one.reservation is not None for one in load.people)
        print(f"{len(load.people)} people, {load.lost} joins lost their answers, {admitted} were "
              f"admitted, {entered} entered")
        assert entered > 0
        platform.stop()
        print(cli.check(platform.data))
