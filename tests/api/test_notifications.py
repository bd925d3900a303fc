"""Notifications: signed webhooks after a purchase, tried again, listed, and told once more."""

import hashlib
import hmac
import http.server
import json
import threading
import time

import pytest
from platform_api import EVENT, Platform, event, key

TIMEOUT_S = 30
DELIVERIES = "/api/v1/admin/deliveries"


class Receiver:
    """A webhook: what it was told, and what it answers next (200 when nothing else is said)."""

    def __init__(self):
        self.told = []  # (path, headers, body)
        self.answers = []
        self.changed = threading.Condition()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.changed:
                    receiver.told.append((self.path, self.headers, body))
                    status = receiver.answers.pop(0) if receiver.answers else 200
                    receiver.changed.notify_all()
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/tacos?key=s3cret"

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def of(self, detail_type, text):
        """Headers and body of each time it was told this type with this text in its detail."""
        return [(headers, body) for _, headers, body in self.told
                if json.loads(body)["detail-type"] == detail_type and text in body.decode()]

    def wait_for(self, detail_type, text, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.of(detail_type, text)) >= count,
                                         TIMEOUT_S), self.told
            return self.of(detail_type, text)


@pytest.fixture(name="receiver")
def make_receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(name="platform")
def make_platform(receiver):
    with Platform("--notification-url", receiver.url,
                  events=(EVENT, event("evt_other"))) as platform:
        yield platform


def find(admin, state, event_id):
    """The delivery of an event among those of a state, or None."""
    cursor = ""
    while cursor is not None:
        page = admin.ok("GET", f"{DELIVERIES}?state={state}&limit=2" +
                        (f"&cursor={cursor}" if cursor else ""))
        for delivery in page["deliveries"]:
            if delivery["event_id"] == event_id:
                return delivery
        cursor = page["next_cursor"]
    return None


def wait_delivered(admin, event_id, attempts):
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end:
        delivery = find(admin, "delivered", event_id)
        if delivery is not None and delivery["attempts"] >= attempts:
            return delivery
        time.sleep(0.05)
    raise AssertionError(f"{event_id} is not delivered after {attempts} attempts")


def check_signature(platform, headers, body):
    wanted = hmac.new(platform.secret("webhook"), body, hashlib.sha256).hexdigest()
    assert headers["X-Webhook-Signature"] == "sha256=" + wanted
    assert headers["X-Webhook-Id"] == json.loads(body)["id"]
    assert headers["Content-Type"].startswith("application/json")


def test_a_purchase_is_told(platform, receiver):
    order = platform.buyer().buy("evt_night", "A-3-1")
    (headers, body), = receiver.wait_for("ReservationConfirmed", order["order_id"], 1)
    check_signature(platform, headers, body)
    assert all(path == "/tacos?key=s3cret" for path, _, _ in receiver.told)
    admin = platform.admin()
    delivery = wait_delivered(admin, headers["X-Webhook-Id"], 1)
    assert delivery["detail_type"] == "ReservationConfirmed"
    assert delivery["url"] == receiver.url.partition("?")[0]
    assert (delivery["state"], delivery["attempts"], delivery["last_status"]) == (
        "DELIVERED", 1, 200)
    for _, headers, body in receiver.told:
        check_signature(platform, headers, body)


def test_tried_again_and_replayed(platform, receiver):
    receiver.answers = [500] * 3  # also the changes of the ticket
    order = platform.buyer().buy("evt_night", "A-3-2")
    told = receiver.wait_for("ReservationConfirmed", order["order_id"], 1)
    event_id = told[0][0]["X-Webhook-Id"]
    admin = platform.admin()
    delivery = wait_delivered(admin, event_id, 1)
    assert len(receiver.of("ReservationConfirmed", order["order_id"])) == delivery["attempts"]
    # Whatever came first was refused, and is told again with its id.
    first = receiver.told[0][1]["X-Webhook-Id"]
    again = wait_delivered(admin, first, 2)
    assert again["last_status"] == 200
    count = len(receiver.of("ReservationConfirmed", order["order_id"]))
    path = f"{DELIVERIES}/{delivery['id']}/replay"
    once = key()
    for cached in (None, "true"):
        reply = admin.post(path, idempotency=once)
        assert reply.json == {"delivery_id": delivery["id"], "state": "PENDING"}
        assert reply.get("x-idempotency-cached") == cached
    told = receiver.wait_for("ReservationConfirmed", order["order_id"], count + 1)
    assert {headers["X-Webhook-Id"] for headers, _ in told} == {event_id}
    assert len({body for _, body in told}) == 1
    again = wait_delivered(admin, event_id, delivery["attempts"] + 1)
    assert again["attempts"] == delivery["attempts"] + 1


def test_where_notifications_go_stays(platform, receiver):
    platform.stop()
    platform.words = ()
    platform.start()
    order = platform.buyer().buy("evt_other", "A-3-3")
    receiver.wait_for("ReservationConfirmed", order["order_id"], 1)


def test_only_for_administrators(platform):
    buyer = platform.buyer()
    assert buyer.get(f"{DELIVERIES}?state=pending").status == 403
    assert buyer.post(f"{DELIVERIES}/x/replay").status == 403
    admin = platform.admin()
    assert admin.get(DELIVERIES).code == "INVALID_REQUEST"
    assert admin.get(f"{DELIVERIES}?state=failed&cursor=x").code == "INVALID_REQUEST"
    reply = admin.post(f"{DELIVERIES}/x/replay")
    assert (reply.status, reply.code) == (404, "DELIVERY_NOT_FOUND")
