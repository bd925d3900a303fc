"""Payments: intents, the simulated provider, webhooks, and money that comes too late."""

import hashlib
import hmac
import json
import time

import pytest
from platform_api import EVENT, Platform, event, key

INTENT = "/api/v1/payments/intent"
PROCESS = "/api/v1/payments/process"
WEBHOOK = "/api/v1/payments/webhook"
SHORT = event("evt_short", hold_seconds=10)


@pytest.fixture(scope="module")
def platform():
    with Platform("--payment-delay-ms", "300", events=(EVENT, SHORT)) as running:
        yield running


def status_of(client, intent):
    return client.ok("GET", f"/api/v1/payments/{intent['payment_intent_id']}/status")


def wait_for_status(client, intent, status):
    end = time.monotonic() + 20
    while status_of(client, intent)["status"] != status:
        assert time.monotonic() < end
        time.sleep(0.02)


# ---- intent ----

def test_intent(platform):
    buyer = platform.buyer()
    made = buyer.reserve("evt_night", quantity=2)
    got = buyer.intend(made, currency="KRW", scenario="approve")
    assert (got["status"], got["next"]) == ("PENDING", "webhook")
    assert got["amount"] == made["total_amount"]["amount"]
    assert got["currency"] == "KRW"
    assert got["reservation_id"] == made["reservation_id"]
    assert status_of(buyer, got)["status"] == "PENDING"


def test_the_hold_is_extended_once(platform):
    buyer = platform.buyer()
    made = buyer.reserve("evt_night", quantity=1)
    path = f"/api/v1/reservations/{made['reservation_id']}"
    first = buyer.intend(made)
    assert buyer.ok("GET", path)["reservation"]["expires_in"] > 415
    buyer.ok("POST", PROCESS, {"payment_intent_id": first["payment_intent_id"], "action": "fail"})
    second = buyer.intend(made)
    assert second["payment_intent_id"] != first["payment_intent_id"]
    assert buyer.ok("GET", path)["reservation"]["expires_in"] <= 420


def test_one_open_intent(platform):
    buyer = platform.buyer()
    made = buyer.reserve("evt_night", quantity=1)
    assert buyer.intend(made)["payment_intent_id"] == buyer.intend(made)["payment_intent_id"]


@pytest.mark.parametrize("changes, status, code", [
    ({"reservation_id": None}, 400, "MISSING_RESERVATION_ID"),
    ({"amount": None}, 400, "INVALID_AMOUNT"),
    ({"amount": 0}, 400, "INVALID_AMOUNT"),
    ({"amount": -5}, 400, "INVALID_AMOUNT"),
    ({"amount": "99000"}, 400, "INVALID_REQUEST"),
    ({"amount": 99000.5}, 400, "INVALID_REQUEST"),
    ({"currency": "WON!"}, 400, "INVALID_REQUEST"),
    ({"scenario": "maybe"}, 400, "INVALID_REQUEST"),
    ({"reservation_id": "rsv_none"}, 404, "RESERVATION_NOT_FOUND"),
    ({"amount": 1}, 409, "AMOUNT_MISMATCH"),
    ({"currency": "USD"}, 409, "AMOUNT_MISMATCH"),
])
def test_intent_refused(platform, changes, status, code):
    buyer = platform.buyer()
    made = buyer.reserve("evt_night", quantity=1, section="A")
    body = {"reservation_id": made["reservation_id"], "amount": 99000} | changes
    reply = buyer.post(INTENT, body)
    assert (reply.status, reply.code) == (status, code), reply
    buyer.ok("DELETE", f"/api/v1/reservations/{made['reservation_id']}")


def test_intents_are_the_buyers(platform):
    made = platform.buyer().reserve("evt_night", quantity=1, section="A")
    reply = platform.buyer().post(INTENT, {"reservation_id": made["reservation_id"],
                                           "amount": 99000})
    assert (reply.status, reply.code) == (404, "RESERVATION_NOT_FOUND")


# ---- process ----

@pytest.mark.parametrize("scenario, action, status", [
    (None, None, "COMPLETED"), ("approve", None, "COMPLETED"), ("fail", None, "FAILED"),
    ("fail", "approve", "COMPLETED"), ("approve", "fail", "FAILED"), (None, "fail", "FAILED"),
])
def test_process(platform, scenario, action, status):
    buyer = platform.buyer()
    intent = buyer.intend(buyer.reserve("evt_night", quantity=1),
                          **({"scenario": scenario} if scenario else {}))
    body = {"payment_intent_id": intent["payment_intent_id"]}
    got = buyer.ok("POST", PROCESS, body | ({"action": action} if action else {}))
    assert got["status"] == status
    assert got["payment_id"]
    assert status_of(buyer, intent)["status"] == status
    # The first word counts.
    again = buyer.ok("POST", PROCESS, body | {"action": "fail"})
    assert again["status"] == status


def test_random_is_one_of_two(platform):
    buyer = platform.buyer()
    intent = buyer.intend(buyer.reserve("evt_night", quantity=1), scenario="random")
    got = buyer.ok("POST", PROCESS, {"payment_intent_id": intent["payment_intent_id"]})
    assert got["status"] in ("COMPLETED", "FAILED")


def test_delay_ends_by_itself(platform):
    buyer = platform.buyer()
    intent = buyer.intend(buyer.reserve("evt_night", quantity=1), scenario="delay")
    assert status_of(buyer, intent)["status"] == "PENDING"
    wait_for_status(buyer, intent, "COMPLETED")


def test_process_refused(platform):
    buyer = platform.buyer()
    reply = buyer.post(PROCESS, {"payment_intent_id": "pi_none"})
    assert (reply.status, reply.code) == (404, "PAYMENT_NOT_FOUND")
    reply = buyer.post(PROCESS, {})
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")
    reply = buyer.post(PROCESS, {"payment_intent_id": "pi_none", "action": "refund"})
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")


def test_payments_are_the_buyers(platform):
    buyer, other = platform.buyer(), platform.buyer()
    intent = buyer.intend(buyer.reserve("evt_night", quantity=1))
    path = f"/api/v1/payments/{intent['payment_intent_id']}/status"
    assert other.post(PROCESS, {"payment_intent_id": intent["payment_intent_id"]}).status == 404
    assert other.get(path).code == "PAYMENT_NOT_FOUND"
    assert platform.client().get(path).status == 200
    assert platform.client().get("/api/v1/payments/pi_none/status").status == 404


def test_the_older_spelling(platform):
    buyer = platform.buyer()
    made = buyer.reserve("evt_night", quantity=1)
    intent = buyer.ok("POST", "/api/v1/payment/intent",
                      {"reservation_id": made["reservation_id"],
                       "amount": made["total_amount"]["amount"]})
    body = {"payment_intent_id": intent["payment_intent_id"], "action": "approve"}
    assert buyer.ok("POST", "/api/v1/payment/process", body)["status"] == "COMPLETED"
    path = f"/api/v1/payment/{intent['payment_intent_id']}/status"
    assert buyer.ok("GET", path)["status"] == "COMPLETED"


# ---- webhook ----

def notify(platform, body, identity=None, secret=None, signature=None):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    mac = hmac.new(secret or platform.secret("webhook"), raw, hashlib.sha256).hexdigest()
    headers = {"X-Webhook-Signature": signature if signature is not None else f"sha256={mac}"}
    if identity:
        headers["X-Webhook-Id"] = identity
    return platform.client().post(WEBHOOK, raw, headers=headers, idempotency=False)


def about(intent, **changes):
    return {"payment_id": "provider-1", "reservation_id": intent["reservation_id"],
            "status": "COMPLETED", "amount": intent["amount"], "currency": intent["currency"],
            "timestamp": "2026-11-27T05:00:00.000Z", "event_type": "payment.completed"} | changes


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED"])
def test_webhook(platform, status):
    buyer = platform.buyer()
    intent = buyer.intend(buyer.reserve("evt_night", quantity=1))
    reply = notify(platform, about(intent, status=status), key())
    assert (reply.status, reply.json) == (200, {"received": True})
    got = status_of(buyer, intent)
    assert (got["status"], got["payment_id"]) == (status, "provider-1")


def test_our_own_id_will_do(platform):
    buyer = platform.buyer()
    intent = buyer.intend(buyer.reserve("evt_night", quantity=1))
    assert notify(platform, about(intent, payment_id=intent["payment_intent_id"])).status == 200
    assert status_of(buyer, intent)["status"] == "COMPLETED"


def test_a_webhook_twice_is_one(platform):
    buyer, identity = platform.buyer(), key()
    intent = buyer.intend(buyer.reserve("evt_night", quantity=1))
    failed = about(intent, status="FAILED")
    assert notify(platform, failed, identity).json == {"received": True}
    assert notify(platform, failed, identity).json == {"received": True}
    # The same id with other words is the same notification.
    assert notify(platform, about(intent), identity).json == {"received": True}
    assert status_of(buyer, intent)["status"] == "FAILED"
    # A new one is heard: money that came after all.
    assert notify(platform, about(intent), key()).json == {"received": True}
    assert status_of(buyer, intent)["status"] == "COMPLETED"


@pytest.mark.parametrize("signature", ["", "sha256=", "sha256=" + "0" * 64, "0" * 64, None])
def test_bad_signatures(platform, signature):
    buyer = platform.buyer()
    intent = buyer.intend(buyer.reserve("evt_night", quantity=1))
    reply = notify(platform, about(intent), secret=b"guess" if signature is None else None,
                   signature=signature)
    assert (reply.status, reply.code) == (401, "BAD_SIGNATURE")
    assert status_of(buyer, intent)["status"] == "PENDING"


@pytest.mark.parametrize("changes, status, code", [
    ({"status": "MAYBE"}, 400, "INVALID_REQUEST"),
    ({"amount": "1"}, 400, "INVALID_REQUEST"),
    ({"amount": 1}, 400, "INVALID_AMOUNT"),
    ({"currency": "USD"}, 400, "INVALID_AMOUNT"),
    ({"timestamp": "yesterday"}, 400, "INVALID_REQUEST"),
    ({"payment_id": None}, 400, "INVALID_REQUEST"),
    ({"reservation_id": "rsv_none"}, 404, "RESERVATION_NOT_FOUND"),
])
def test_webhook_refused(platform, changes, status, code):
    buyer = platform.buyer()
    intent = buyer.intend(buyer.reserve("evt_night", quantity=1))
    reply = notify(platform, about(intent, **changes))
    assert (reply.status, reply.code) == (status, code)
    assert status_of(buyer, intent)["status"] == "PENDING"


def test_webhook_is_json(platform):
    assert notify(platform, b"payment=1").code == "INVALID_REQUEST"


# ---- money that comes late ----

def test_paid_after_the_hold(platform):
    """Seats that are free still are taken again; for others the money goes back."""
    lucky, unlucky, thief = platform.buyer(), platform.buyer(), platform.buyer()
    free = lucky.reserve("evt_short", "A-1-1")
    gone = unlucky.reserve("evt_short", "A-2-1")
    free_intent, gone_intent = lucky.intend(free), unlucky.intend(gone)
    for client, made in ((lucky, free), (unlucky, gone)):
        # The extension is 120 s, longer than a test may take: the buyer gives up instead.
        client.ok("POST", f"/api/v1/reservations/{made['reservation_id']}/cancel")
    thief.reserve("evt_short", "A-2-1")
    for intent in (free_intent, gone_intent):
        assert notify(platform, about(intent), key()).status == 200
    reply = unlucky.post(f"/api/v1/reservations/{gone['reservation_id']}/confirm")
    assert (reply.status, reply.code) == (409, "RESERVATION_CANCELLED")
    assert status_of(unlucky, gone_intent)["status"] == "REFUNDED"
