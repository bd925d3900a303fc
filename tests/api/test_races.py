"""Who comes first when many come at the same moment: one winner, and losers who are told so."""

import calendar
import hashlib
import hmac
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from crowd import (RESERVATIONS, Ask, Buyer, Crowd, cancel, confirm, intend, look, payment_of,
                   process, reserve)
from platform_api import EVENT, Platform, event, key

# Orders of sending repeat with it; what the machine makes of them does not.
SEED = 20261127

SHORT = event("evt_short", hold_seconds=10)
MANY = event("evt_many", max_per_buyer=100)
FIFTY = event("evt_fifty", max_per_buyer=3, sections=[
    {"id": "F", "name": "Fifty", "price": 5000,
     "rows": [{"row": str(row), "seats": 10} for row in range(1, 6)]}])

# Holds that end while the other tests run; the last test looks at their ends.
LAPSING = 24


class Scene:
    """A platform, callers, and holds that were taken when it began."""

    def __init__(self, platform, crowd):
        self.platform = platform
        self.crowd = crowd
        self.random = random.Random(SEED)
        self.secret = platform.secret("jwt")
        self.names = 0
        self.boss = Buyer("boss", self.secret, role="admin")
        self.owners = self.buyers(LAPSING)
        self.lapsing = crowd.all_ok([reserve(owner, "evt_short", f"A-{1 + i // 20}-{1 + i % 20}")
                                     for i, owner in enumerate(self.owners)], 201)

    def buyers(self, count):
        self.names += count
        return [Buyer(f"racer{self.names - i}", self.secret) for i in range(count)]

    def shuffled(self, items):
        items = list(items)
        self.random.shuffle(items)
        return items

    def held(self, buyers, event_id="evt_many", quantity=1):
        """A hold for each."""
        return self.crowd.all_ok([reserve(buyer, event_id, quantity=quantity) for buyer in buyers],
                                 201)

    def intents(self, buyers, reservations):
        return self.crowd.all_ok([intend(*pair) for pair in zip(buyers, reservations)])

    def paid(self, buyers, reservations):
        """Intents that were approved."""
        intents = self.intents(buyers, reservations)
        self.crowd.all_ok([process(*pair) for pair in zip(buyers, intents)])
        return intents

    def state(self, buyer, reservation):
        return self.crowd.all_ok([look(buyer, reservation)])[0]["reservation"]

    def payment(self, buyer, intent, wanted):
        """The payment, once it has this status: a worker may be on its way to it."""
        end = time.monotonic() + 10
        while True:
            got = self.crowd.all_ok([payment_of(buyer, intent)])[0]
            if got["status"] == wanted or time.monotonic() > end:
                assert got["status"] == wanted, got
                return got
            time.sleep(0.01)

    def report(self, event_id):
        path = f"/api/v1/admin/events/{event_id}/report"
        return self.crowd.all_ok([Ask(self.boss, "GET", path)])[0]


@pytest.fixture(scope="module")
def scenes():
    """Both at once, so that their holds end together."""
    with ExitStack() as stack:
        both = {}
        for reactors in ("0", "2"):
            platform = stack.enter_context(
                Platform("--reactors", reactors, events=(EVENT, SHORT, MANY, FIFTY)))
            both[reactors] = Scene(platform, stack.enter_context(Crowd(platform.port)))
        yield both


@pytest.fixture(params=["0", "2"], ids=["reactors=0", "reactors=2"])
def scene(scenes, request):
    return scenes[request.param]


def outcome(reply):
    return reply.status if reply.status < 400 else reply.code


def outcomes(replies):
    return [outcome(reply) for reply in replies]


# ---- seats ----

def test_a_seat_and_sixty_four_buyers(scene):
    for number in range(1, 21):
        seat = f"A-1-{number}"
        buyers = scene.buyers(64)
        replies = scene.crowd.at_once([reserve(buyer, "evt_night", seat) for buyer in buyers])
        assert outcomes(replies).count(201) == 1
        assert outcomes(replies).count("INVENTORY_CONFLICT") == 63
        for buyer, reply in zip(buyers, replies):
            if reply.status == 409:
                assert reply.details["unavailable_seats"] == [seat]
                assert seat not in reply.details["alternative_seats"]
            else:
                assert scene.state(buyer, reply.json)["seats"][0]["id"] == seat
    assert scene.report("evt_night")["seats"]["reserved"] == 20


def test_neighbours_want_the_same_pairs(scene):
    """Everyone wants two seats, the next one the second of them: all or nothing."""
    asked = scene.shuffled((f"A-{row}-{number}", f"A-{row}-{number + 1}")
                           for row in (2, 3) for number in range(1, 20))
    replies = scene.crowd.at_once([reserve(buyer, "evt_night", *pair)
                                   for buyer, pair in zip(scene.buyers(len(asked)), asked)])
    taken = [seat for pair, reply in zip(asked, replies) if reply.status == 201 for seat in pair]
    assert len(taken) == len(set(taken))
    for pair, reply in zip(asked, replies):
        if reply.status == 409:
            # At that moment; its other seat may have been taken afterwards.
            unavailable = set(reply.details["unavailable_seats"])
            assert unavailable and unavailable <= set(pair) & set(taken)
    free = scene.crowd.all_ok([Ask(None, "GET", "/api/v1/events/evt_night/seats")])[0]
    rows = {row["row"]: row["states"] for row in free["sections"][0]["rows"]}
    there = [f"A-{row}-{1 + at}" for row in ("2", "3")
             for at, letter in enumerate(rows[row]) if letter == "r"]
    assert sorted(there) == sorted(taken)


def test_fifty_seats_and_two_hundred_buyers(scene):
    """All are sold, once, and nobody has more than three; not even with four connections."""
    buyers = scene.buyers(200)
    crowd = scene.crowd
    sold, owned = [], {buyer.name: 0 for buyer in buyers}
    for quantities in ((2, 1, 3), (2, 2, 1), (1,), (1,)):
        asks = [(buyer, quantities[i % len(quantities)]) for i, buyer in enumerate(buyers)]
        asks = scene.shuffled(asks + 3 * asks[:20])
        replies = crowd.at_once([reserve(buyer, "evt_fifty", quantity=quantity)
                                 for buyer, quantity in asks])
        assert set(outcomes(replies)) <= {201, "SOLD_OUT", "BUYER_LIMIT"}
        got = [(buyer, reply.json) for (buyer, _), reply in zip(asks, replies)
               if reply.status == 201]
        scene.paid([buyer for buyer, _ in got], [made for _, made in got])
        orders = crowd.at_once([confirm(*pair) for pair in got])
        assert set(outcomes(orders)) <= {200}
        for (buyer, _), order in zip(got, orders):
            sold += [seat["id"] for seat in order.json["confirmed_seats"]]
            owned[buyer.name] += len(order.json["confirmed_seats"])
    assert sorted(sold) == sorted(f"F-{row}-{number}"
                                  for row in range(1, 6) for number in range(1, 11))
    assert max(owned.values()) <= 3
    report = scene.report("evt_fifty")
    assert report["seats"] == {"available": 0, "reserved": 0, "sold": 50}
    assert report["orders"]["tickets"] == 50
    assert report["revenue"]["amount"] == 50 * 5000
    assert crowd.at_once([reserve(buyers[-1], "evt_fifty", quantity=1)])[0].code == "SOLD_OUT"


# ---- ends of a reservation ----

def test_cancel_against_confirm(scene):
    """The first in the log wins, the other is told the final state; a buyer never loses both."""
    for _ in range(4):
        buyers = scene.buyers(12)
        made = scene.held(buyers)
        intents = scene.paid(buyers, made)
        order = scene.shuffled([(verb, i) for verb in (cancel, confirm) for i in range(12)])
        replies = scene.crowd.at_once([verb(buyers[i], made[i]) for verb, i in order])
        got = {which: reply for which, reply in zip(order, replies)}
        for i, buyer in enumerate(buyers):
            pair = [outcome(got[verb, i]) for verb in (cancel, confirm)]
            state = scene.state(buyer, made[i])
            if state["status"] == "CONFIRMED":
                assert pair == ["ALREADY_CONFIRMED", 200]
                payment = scene.payment(buyer, intents[i], "COMPLETED")
                assert payment["order_id"] == got[confirm, i].json["order_id"]
            else:
                assert state["status"] == "CANCELLED"
                assert pair == [200, "RESERVATION_CANCELLED"]
                assert "order_id" not in state
                assert "order_id" not in scene.payment(buyer, intents[i], "REFUNDED")


def test_cancelled_seats_go_to_one(scene):
    """Somebody cancels while thirty wait for the seat."""
    for number in range(1, 6):
        seat, owner = f"A-10-{number}", scene.buyers(1)[0]
        made = scene.crowd.all_ok([reserve(owner, "evt_night", seat)], 201)[0]
        asks = [reserve(buyer, "evt_night", seat) for buyer in scene.buyers(30)]
        replies = scene.crowd.at_once(asks[:5] + [cancel(owner, made)] + asks[5:])
        assert replies.pop(5).status == 200
        assert outcomes(replies).count(201) <= 1
        assert set(outcomes(replies)) <= {201, "INVENTORY_CONFLICT"}
        again = scene.crowd.at_once([reserve(scene.buyers(1)[0], "evt_night", seat)])[0]
        taken = outcomes(replies).count(201) == 1
        assert outcome(again) == ("INVENTORY_CONFLICT" if taken else 201)


def test_confirmed_by_many(scene):
    """One order, whoever asks and how often."""
    buyer = scene.buyers(1)[0]
    made = scene.held([buyer], quantity=4)[0]
    scene.paid([buyer], [made])
    replies = scene.crowd.at_once([confirm(buyer, made) for _ in range(16)])
    assert set(outcomes(replies)) == {200}
    assert len({reply.body for reply in replies}) == 1


def test_confirm_before_and_after_the_approval(scene):
    """Confirmations around the approval: 412 until it is there, the order afterwards."""
    buyers = scene.buyers(8)
    made = scene.held(buyers)
    intents = scene.intents(buyers, made)
    asks = [ask for i in range(8) for ask in (
        confirm(buyers[i], made[i]), process(buyers[i], intents[i]), confirm(buyers[i], made[i]))]
    order = scene.shuffled(range(len(asks)))
    replies = scene.crowd.at_once([asks[i] for i in order])
    assert {outcome(reply) for reply in replies} <= {200, "PAYMENT_NOT_APPROVED"}
    for buyer, one in zip(buyers, made):
        assert scene.crowd.at_once([confirm(buyer, one)])[0].status == 200


# ---- the same key ----

def test_twins_of_every_step(scene):
    """Each step is sent six times at once under one key: one effect, one answer."""
    buyers = scene.buyers(6)

    def twins(asks):
        asks = [ask for ask in asks for _ in range(6)]
        order = scene.shuffled(range(len(asks)))
        replies = dict(zip(order, scene.crowd.at_once([asks[i] for i in order])))
        firsts = []
        for start in range(0, len(asks), 6):
            mine = [replies[i] for i in range(start, start + 6)]
            done = [reply for reply in mine if reply.status < 300]
            fresh = [reply for reply in done if reply.get("x-idempotency-cached") is None]
            assert len(fresh) == 1
            assert {reply.body for reply in done} == {fresh[0].body}
            assert {outcome(reply) for reply in mine if reply not in done} <= {
                "IDEMPOTENCY_IN_FLIGHT"}
            firsts.append(fresh[0].json)
        return firsts

    made = twins([reserve(buyer, "evt_many", quantity=2) for buyer in buyers])
    intents = twins([intend(*pair) for pair in zip(buyers, made)])
    twins([process(*pair) for pair in zip(buyers, intents)])
    twins([confirm(*pair) for pair in zip(buyers[:3], made[:3])])
    for buyer in buyers:
        listed = scene.crowd.all_ok([Ask(buyer, "GET", RESERVATIONS)])[0]["reservations"]
        assert len(listed) == 1
    held = scene.held(buyers)
    twins([cancel(*pair) for pair in zip(buyers, held)])


def test_the_same_key_for_two_bodies(scene):
    for _ in range(5):
        buyer, idempotency = scene.buyers(1)[0], key()
        asks = scene.shuffled([reserve(buyer, "evt_many", quantity=quantity,
                                       idempotency=idempotency)
                               for quantity in (1, 2) for _ in range(8)])
        replies = scene.crowd.at_once(asks)
        done = [reply for reply in replies if reply.status == 201]
        assert len(done) == 8
        assert len({reply.body for reply in done}) == 1
        for ask, reply in zip(asks, replies):
            same = ask.body["quantity"] == done[0].json["quantity"]
            assert outcome(reply) == (201 if same else "IDEMPOTENCY_CONFLICT")
        listed = scene.crowd.all_ok([Ask(buyer, "GET", RESERVATIONS)])[0]["reservations"]
        assert len(listed) == 1


def test_an_event_is_made_once(scene):
    """It is answered later, so twins meet it under way; those with other keys come too late."""
    for number in range(3):
        plan, idempotency = event(f"evt_made_{number}"), key()
        twins = [Ask(scene.boss, "POST", "/api/v1/admin/events", plan, idempotency)
                 for _ in range(6)]
        others = [Ask(scene.boss, "POST", "/api/v1/admin/events", plan) for _ in range(6)]
        asks = scene.shuffled(twins + others)
        replies = scene.crowd.at_once(asks)
        fresh = [reply for reply in replies
                 if reply.status == 201 and reply.get("x-idempotency-cached") is None]
        assert len(fresh) == 1
        assert set(outcomes(replies)) <= {201, "IDEMPOTENCY_IN_FLIGHT", "EVENT_EXISTS"}
        again = scene.crowd.at_once(asks)
        assert set(outcomes(again)) <= {201, "EVENT_EXISTS"}
        assert {reply.body for reply in again if reply.status == 201} == {fresh[0].body}
        seats = scene.crowd.all_ok([Ask(None, "GET", f"/api/v1/events/evt_made_{number}")])[0]
        assert sum(section["total"] for section in seats["sections"]) == 500


def test_an_account_is_made_once(scene):
    """Passwords are hashed beside the engine: twins meet it under way."""
    body = {"username": "twin", "password": "secret12", "email": "twin@example.org",
            "display_name": "Twin"}
    idempotency = key()
    asks = [Ask(None, "POST", "/api/v1/auth/register", body, idempotency) for _ in range(2)]
    asks += [Ask(None, "POST", "/api/v1/auth/register", body) for _ in range(2)]
    replies = scene.crowd.at_once(asks)
    fresh = [reply for reply in replies
             if reply.status == 201 and reply.get("x-idempotency-cached") is None]
    assert len(fresh) == 1
    assert set(outcomes(replies)) <= {201, "IDEMPOTENCY_IN_FLIGHT", "USERNAME_EXISTS",
                                      "RATE_LIMITED"}


# ---- the payment provider ----

def webhook(scene, intent, status, identity):
    body = json.dumps({
        "payment_id": intent["payment_intent_id"], "reservation_id": intent["reservation_id"],
        "status": status, "amount": intent["amount"], "currency": intent["currency"],
        "timestamp": "2026-11-27T05:00:00.000Z", "event_type": "payment"}).encode()
    mac = hmac.new(scene.platform.secret("webhook"), body, hashlib.sha256).hexdigest()
    return Ask(None, "POST", "/api/v1/payments/webhook", body, False,
               {"X_Webhook_Signature": f"sha256={mac}", "X_Webhook_Id": identity})


def test_webhooks_twice_and_in_any_order(scene):
    """Each notification four times, failure and success in any order: paid, once."""
    buyers = scene.buyers(10)
    made = scene.held(buyers)
    intents = scene.intents(buyers, made)
    asks = []
    for intent in intents:
        for status in ("FAILED", "COMPLETED"):
            asks += 4 * [webhook(scene, intent, status, key())]
    replies = scene.crowd.at_once(scene.shuffled(asks))
    assert {reply.body for reply in replies} == {b'{"received":true}'}
    for buyer, intent in zip(buyers, intents):
        scene.payment(buyer, intent, "COMPLETED")
    orders = scene.crowd.all_ok([confirm(*pair) for pair in zip(buyers, made)])
    # What comes afterwards changes nothing.
    assert set(outcomes(scene.crowd.at_once(scene.shuffled(asks)))) == {200}
    late = [webhook(scene, intent, "FAILED", key()) for intent in intents]
    assert set(outcomes(scene.crowd.at_once(late))) == {200}
    for buyer, intent, order in zip(buyers, intents, orders):
        assert scene.payment(buyer, intent, "COMPLETED")["order_id"] == order["order_id"]


def test_webhook_against_cancel(scene):
    """Money for a hold that the buyer gives up at that moment: it goes back."""
    for _ in range(3):
        buyers = scene.buyers(10)
        made = scene.held(buyers)
        intents = scene.intents(buyers, made)
        asks = [cancel(*pair) for pair in zip(buyers, made)]
        asks += [webhook(scene, intent, "COMPLETED", key()) for intent in intents]
        order = scene.shuffled(range(len(asks)))
        replies = dict(zip(order, scene.crowd.at_once([asks[i] for i in order])))
        assert {replies[i].status for i in range(10, 20)} == {200}
        for i, buyer in enumerate(buyers):
            # A worker that was quicker than the cancel has sold it.
            if outcome(replies[i]) == "ALREADY_CONFIRMED":
                continue
            assert replies[i].status == 200
            reply = scene.crowd.at_once([confirm(buyer, made[i])])[0]
            assert reply.code == "RESERVATION_CANCELLED"
            assert "order_id" not in scene.payment(buyer, intents[i], "REFUNDED")


# ---- afterwards ----

def test_refunded_by_many(scene):
    """Parts that are more than the whole: no more goes back than was paid."""
    buyer = scene.buyers(1)[0]
    made = scene.crowd.all_ok([reserve(buyer, "evt_night", "A-20-1", "A-20-2")], 201)[0]
    scene.paid([buyer], [made])
    order = scene.crowd.all_ok([confirm(buyer, made)])[0]
    path = f"/api/v1/admin/orders/{order['order_id']}/refund"
    replies = scene.crowd.at_once([
        Ask(scene.boss, "POST", path, {"reason": "rain", "amount": 66000}) for _ in range(8)])
    assert outcomes(replies).count(200) == 3
    assert outcomes(replies).count("NOT_REFUNDABLE") == 5
    got = scene.crowd.all_ok([Ask(buyer, "GET", f"/api/v1/orders/{order['order_id']}")])[0]
    assert (got["status"], got["refunded_amount"]["amount"]) == ("REFUNDED", 198000)
    seats = scene.crowd.at_once([reserve(rival, "evt_night", "A-20-1")
                                 for rival in scene.buyers(16)])
    assert outcomes(seats).count(201) == 1


def test_admitted_at_one_gate(scene):
    """Copies of a ticket at all gates."""
    buyer = scene.buyers(1)[0]
    made = scene.held([buyer])[0]
    scene.paid([buyer], [made])
    order = scene.crowd.all_ok([confirm(buyer, made)])[0]
    replies = scene.crowd.at_once([
        Ask(scene.boss, "POST", "/api/v1/admin/checkin",
            {"code": order["tickets"][0]["qr"], "gate": f"gate {gate}"}) for gate in range(12)])
    assert outcomes(replies).count(200) == 1
    assert outcomes(replies).count("ALREADY_ADMITTED") == 11
    admitted = next(reply for reply in replies if reply.status == 200)
    assert {reply.details["gate"] for reply in replies if reply.status == 409} == {
        admitted.json["gate"]}


# ---- last, since it waits for what the scene began with ----

def milliseconds(instant):
    whole, _, fraction = instant.removesuffix("Z").partition(".")
    clock = time.strptime(whole + "UTC", "%Y-%m-%dT%H:%M:%S%Z")
    return calendar.timegm(clock) * 1000 + int(fraction)


def test_expiry_against_payment(scenes):
    """At the end of a hold its buyer begins to pay while another takes the seat: one has it."""
    with ThreadPoolExecutor(len(scenes)) as pool:
        list(pool.map(race_at_the_end, scenes.values()))


def race_at_the_end(scene):
    rivals = scene.buyers(LAPSING)
    # From well before the end to well behind it, closest around it.
    offsets_ms = [-400, -200] + list(range(-40, 40, 4)) + [200, 400]
    plan = sorted((milliseconds(made["hold_expires_at"]) + offset, i) for i, (made, offset)
                  in enumerate(zip(scene.lapsing, offsets_ms)))
    paying, taken = [], []
    for when_ms, i in plan:
        owner, made = scene.owners[i], scene.lapsing[i]
        asks = [intend(owner, made), reserve(rivals[i], "evt_short", *made["seat_ids"])]
        time.sleep(max(0, when_ms / 1000 - time.time()))
        replies = scene.crowd.at_once(asks if i % 2 else asks[::-1])
        paid, rival = replies if i % 2 else replies[::-1]
        assert outcome(paid) in (200, "RESERVATION_EXPIRED")
        assert outcome(rival) in (201, "INVENTORY_CONFLICT")
        assert paid.status != 200 or rival.status != 201
        if paid.status == 200:
            paying.append((owner, made, paid.json))
        else:
            assert scene.state(owner, made)["status"] == "EXPIRED"
        if rival.status == 201:
            taken.append((rivals[i], rival.json))
    # Behind the end nobody but the rival can have it.
    assert all(made is not scene.lapsing[-1] for _, made, _ in paying)
    assert any(one["seat_ids"] == scene.lapsing[-1]["seat_ids"] for _, one in taken)
    scene.crowd.all_ok([process(owner, intent) for owner, _, intent in paying])
    orders = scene.crowd.at_once([confirm(owner, made) for owner, made, _ in paying])
    assert set(outcomes(orders)) <= {200}
    scene.paid([rival for rival, _ in taken], [made for _, made in taken])
    assert set(outcomes(scene.crowd.at_once([confirm(*pair) for pair in taken]))) <= {200}
    report = scene.report("evt_short")
    assert report["seats"]["sold"] == len(paying) + len(taken)
    assert report["seats"]["reserved"] == 0
