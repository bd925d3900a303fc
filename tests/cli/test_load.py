"""tacos load: against a real server and against a stub of the waiting room; its words and files."""

import http.server
import json
import re
import signal
import subprocess
import threading
import time

import pytest

from cli import ROOT, TACOS, Server, environment, expect_failure, run, run_ok

SHIPPED = ["onsale", "poll", "reserve", "hotseat", "spike", "soak"]

EVENT = {
    "event_id": "evt_load",
    "name": "Load",
    "venue": "Hall 1",
    "starts_at": "2099-05-01T10:00:00.000Z",
    "sale_opens_at": "2026-01-01T00:00:00.000Z",
    "currency": "KRW",
    "max_per_buyer": 4,
    "hold_seconds": 300,
    "sections": [{"id": "A", "name": "Stalls", "price": 1000,
                  "rows": [{"row": str(row), "seats": 20} for row in range(1, 31)]}],
}

BUY = {
    "stages": [{"rate": 60, "seconds": 2}],
    "reconcile": True,
    "scenarios": [{"name": "buyer", "order": "order", "steps": [
        {"name": "reserve", "method": "POST", "path": "/api/v1/reservations",
         "headers": {"Authorization": "Bearer ${token}", "Idempotency-Key": "${uuid}"},
         "set": {"seats": "${some_seats 1-3}"},
         "body": {"event_id": "${event}", "seat_ids": "${json seats}"},
         "expect": [201], "twice": 0.2,
         "end_on": ["INVENTORY_CONFLICT", "SOLD_OUT"],
         "retry": {"on": ["INVENTORY_CONFLICT"], "at_most": 5, "after": "10ms",
                   "take": {"seats": "error.details.alternative_seats"}},
         "check": {"status": "PENDING"},
         "take": {"reservation": "reservation_id", "amount": "total_amount.amount"}},
        {"name": "intent", "method": "POST", "path": "/api/v1/payments/intent",
         "headers": {"Authorization": "Bearer ${token}", "Idempotency-Key": "${uuid}"},
         "body": {"reservation_id": "${reservation}", "amount": "${json amount}"},
         "take": {"intent": "payment_intent_id"}},
        {"name": "pay", "method": "POST", "path": "/api/v1/payments/process",
         "headers": {"Authorization": "Bearer ${token}", "Idempotency-Key": "${uuid}"},
         "body": {"payment_intent_id": "${intent}", "action": "approve"},
         "check": {"status": "COMPLETED"}},
        {"name": "confirmed", "path": "/api/v1/reservations/${reservation}",
         "headers": {"Authorization": "Bearer ${token}"},
         "repeat": {"every": "100ms", "until": {"reservation.status": "CONFIRMED"},
                    "at_most": 100},
         "take": {"order": "reservation.order_id"}}]}],
}


@pytest.fixture
def server(place):
    """A server with one event on sale."""
    path = place / "event.json"
    path.write_text(json.dumps(EVENT), encoding="utf-8")
    run_ok("event", "import", path, "--data-dir", place / "data")
    with Server("--data-dir", place / "data", "--address-rate", 0) as started:
        yield started
        assert started.stop()[0] == 0


def load(server, place, *words, port=None):
    """The exit status, the figures and the progress of a run."""
    done = run("load", *words, "--target", f"http://127.0.0.1:{port or server.port}",
               "--data-dir", place / "data", "--json", "-")
    figures = json.loads(done.stdout) if done.stdout else None
    return done.returncode, figures, done.stderr


def write(place, scenario):
    path = place / "scenario.json"
    path.write_text(scenario if isinstance(scenario, str) else json.dumps(scenario),
                    encoding="utf-8")
    return path


def test_lists_and_prints_what_it_ships():
    out = run_ok("load")
    assert re.findall(r"^  (\w+) +\S", out, re.MULTILINE) == SHIPPED
    for name in SHIPPED:
        printed = run_ok("load", name, "--print")
        assert printed == (ROOT / "examples" / "load" / f"{name}.json").read_text(encoding="utf-8")


def test_buys_and_reconciles(server, place):
    """Orders that buyers were told are those of the server's books, seat by seat."""
    status, figures, log = load(server, place, write(place, BUY))
    assert status == 0, (log, figures)
    assert figures["event_id"] == "evt_load"
    assert figures["errors"] == 0, figures["first_unexpected"]
    assert figures["people"]["began"] == 120
    accounts = figures["accounts"]
    assert accounts["good"] and accounts["paid_orders"] == figures["people"]["finished"] > 50
    assert accounts["sold"] == accounts["tickets"] > 0
    assert [check["good"] for check in accounts["checks"]] == [True] * 7
    steps = {step["name"]: step for step in figures["steps"]}
    assert steps["pay"]["checks_failed"] == 0
    assert "  right         nothing sold twice" in log
    assert re.search(r"^ +1 s  \S+/s  errors 0 .* people \d+", log, re.MULTILINE)


def test_hotseat(server, place):
    """Of all who want one seat exactly one gets it."""
    status, figures, log = load(server, place, "hotseat", "--rate", 300, "--duration", "2s")
    assert status == 0, log
    assert figures["statuses"] == {"201": 1, "409": 599}
    assert figures["steps"][0]["succeeded"] == 1


def test_reserve_and_page(server, place):
    page = place / "page.html"
    status, figures, log = load(server, place, "reserve", "--rate", 50, "--duration", "2s",
                                "--html", page, "--fail-if", "errors>0", "--fail-if=checks<100%")
    assert status == 0, log
    assert figures["people"]["began"] == 100
    assert [row["failed"] for row in figures["thresholds"]] == [False, False]
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and text.endswith("</html>\n")
    assert not re.search(r"https?://(?!127\.0\.0\.1)|src=|href=|url\(", text)


def test_thresholds_set_the_exit_status(server, place):
    status, figures, log = load(server, place, "hotseat", "--rate", 20, "--duration", "1s",
                                "--fail-if", "reserve.p50>0us", "--fail-if", "errors>0")
    assert status == 1
    assert [row["failed"] for row in figures["thresholds"]] == [False, True, False]
    assert "  FAILED        fails if reserve.p50>0us: it is 0." in log


def test_rate_limit_is_explained(place, server):
    scenario = {"stages": [{"rate": 400, "seconds": 1}], "scenarios": [{"name": "a", "steps": [
        {"name": "mine", "path": "/api/v1/reservations",
         "headers": {"Authorization": "Bearer ${token}"}}]}]}
    status, figures, log = load(server, place, write(place, scenario), "--users", 1)
    assert status == 0
    assert figures["statuses"]["429"] > 0
    assert "--trusted-proxies 127.0.0.1" in log


class Stub(http.server.BaseHTTPRequestHandler):
    """A platform whose waiting room lets people in at their third question."""
    protocol_version = "HTTP/1.1"
    asked = {}
    sold = []
    lock = threading.Lock()
    lost = 0  # of that many orders nothing is in the report

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def reply(self, status, body, kind="application/json"):
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):  # pylint: disable=invalid-name
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        route = self.path.removeprefix("/api/v1/")
        with self.lock:
            if route == "queue/join":
                token = f"w {len(self.asked)}"
                self.asked[token] = 0
                self.reply(202, {"waiting_token": token, "position_hint": 1, "status": "waiting"})
            elif route == "queue/enter":
                assert self.asked[body["waiting_token"]] >= 3
                self.reply(200, {"admission": "granted", "reservation_token": "pass", "ttl_sec": 9})
            elif route == "reservations":
                assert body["reservation_token"] == "pass"
                self.sold.append(body["seat_ids"])
                self.reply(201, {"reservation_id": f"r{len(self.sold) - 1}", "status": "PENDING",
                                 "total_amount": {"amount": 100, "currency": "KRW"}})
            elif route == "payments/intent":
                self.reply(200, {"payment_intent_id": "pi", "status": "PENDING"})
            else:
                self.reply(200, {"payment_intent_id": "pi", "status": "COMPLETED"})

    def do_GET(self):  # pylint: disable=invalid-name
        route = self.path.removeprefix("/api/v1/")
        with self.lock:
            if route.startswith("queue/status?token=w%20"):
                token = "w " + route.rpartition("%20")[2]
                self.asked[token] += 1
                ready = self.asked[token] >= 3
                self.reply(200, {"status": "ready" if ready else "waiting",
                                 "ready_for_entry": ready})
            elif route.startswith("events?"):
                self.reply(200, {"events": [{"event_id": "e", "name": "E", "status": "ON_SALE",
                                             "max_per_buyer": 0}]})
            elif route == "events/e/seats":
                self.reply(200, {"sections": [{"id": "A", "rows": [
                    {"row": "1", "first": 1, "count": 50, "states": "a" * 50}]}]})
            elif route.startswith("events/e"):
                self.reply(200, {"event_id": "e", "remaining": 5, "total": 50})
            elif route.startswith("reservations/"):
                self.reply(200, {"reservation": {"status": "CONFIRMED",
                                                 "order_id": "o" + route[14:]}})
            else:
                self.report()

    def report(self):
        orders = list(enumerate(self.sold))[self.lost:]
        if "text/csv" in self.headers["accept"]:
            lines = [f'"o{i}","r{i}","u{i}","PAID","{i}-a",100,0,KRW,x\r\n' for i, _ in orders]
            self.reply(200, "order_id,reservation_id,user_id,status,seats,amount,refunded,currency,"
                            "created_at\r\n" + "".join(lines), "text/csv")
            return
        count = len(orders)
        self.reply(200, {"total": 500, "seats": {"available": 500 - count, "reserved": 0,
                                                 "sold": count},
                         "sections": [{"sold": count}],
                         "revenue": {"amount": 100 * count, "currency": "KRW"},
                         "orders": {"paid": count, "refunded": 0, "tickets": count}})


@pytest.mark.parametrize("lost", [0, 1])
def test_onsale_with_a_waiting_room(place, lost):
    """The shipped on-sale as the contract has it; an order that is in no books is found."""
    handler = type("Handler", (Stub,), {"asked": {}, "sold": [], "lost": lost})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as stub:
        threading.Thread(target=stub.serve_forever, daemon=True).start()
        (place / "data" / "secrets").mkdir(parents=True)
        secret = place / "data" / "secrets" / "jwt.key"
        secret.write_text("ab" * 32 + "\n", encoding="ascii")
        secret.chmod(0o600)
        # Each as quick as may be, nobody gives up, nobody clicks twice.
        text = run_ok("load", "onsale", "--print")
        text = re.sub(r'"(leave|twice|again)": 0\.\d+', r'"\1": 0', text)
        text = text.replace('"every": "2s"', '"every": "50ms"')
        text = re.sub(r'"think": "[^"]*"', '"think": "10ms"', text)
        status, figures, log = load(None, place, write(place, text), "--rate", 200,
                                    "--duration", "2s", "--connections", 8,
                                    port=stub.server_port)
        stub.shutdown()
    assert figures is not None, log
    assert figures["errors"] == 0, figures["first_unexpected"]
    steps = {step["name"]: step for step in figures["steps"]}
    assert steps["line"]["requests"] == 3 * steps["join"]["requests"] > 0
    assert steps["enter"]["requests"] == steps["join"]["requests"]
    accounts = figures["accounts"]
    wrong = [check["what"] for check in accounts["checks"] if not check["good"]]
    assert wrong == (["every order that a buyer was told is there"] if lost else []), accounts
    assert status == lost
    assert accounts["paid_orders"] == len(handler.sold) - lost > 0


def test_ctrl_c_ends_it_with_its_figures(server, place):
    with subprocess.Popen(
            [TACOS, "load", "reserve", "--target", f"http://127.0.0.1:{server.port}",
             "--data-dir", place / "data", "--rate", "20", "--duration", "60s"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment()) as process:
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "reserve against http://127.0.0.1" in out


@pytest.mark.parametrize("text, message", [
    ('{\n"stages": [{"rate": 1, "seconds": 1}],\n"scenarios": [{"name": "a", "steps": [\n'
     '{"name": "s", "path": "/", "think": "soon"}]}]}',
     'line 4: scenarios[0].steps[0].think: a time is expected, like "500ms", "2s" or "1s-3s"'),
    ("{}", 'line 1: the file: "stages" and "scenarios" are needed'),
])
def test_scenario_errors_name_file_line_and_field(place, text, message):
    path = write(place, text)
    expect_failure(run("load", path), f"tacos load: {path} {message}\n"
                   "'tacos help load' tells more.\n", 2)


@pytest.mark.parametrize("words, message", [
    (["onsael"], "unknown scenario 'onsael': did you mean 'onsale'?"),
    (["no/such.json"], "cannot open the scenario no/such.json: No such file or directory"),
    (["poll", "--rate", "fast"], "--rate 'fast' is no number from 0 to 10000000"),
    (["poll", "--rate", "1", "--virtual-users", "2"], "give --rate or --virtual-users, not both"),
    (["poll", "--duration", "5"], "--duration '5' is no time: write it like 30s or 5m"),
    (["poll", "--connections", "0"], "--connections '0' is no number from 1 to 1000000"),
    (["poll", "--target", "localhost"],
     "'localhost' is no target: write it like http://127.0.0.1:8000"),
    (["poll", "--fail-if", "p99>10"],
     "--fail-if: 'p99>10' is no condition: the number or its unit is wrong (times have us, ms or "
     "s). Write it like 'p99>10ms', 'errors>0' or 'reserve.p95>20ms'"),
])
def test_usage(words, message):
    expect_failure(run("load", *words), f"tacos load: {message}\n'tacos help load' tells more.\n",
                   2)


def test_says_what_is_missing(server, place):
    target = f"http://127.0.0.1:{server.port}"
    done = run("load", "reserve", "--target", target, "--data-dir", place / "none")
    expect_failure(done, "tacos load: buyers need tokens, and there is no "
                   f"{place}/none/secrets/jwt.key: give --data-dir with the server's directory, or "
                   "--jwt-secret-file: No such file or directory\n")
    done = run("load", "reserve", "--target", "http://127.0.0.1:1", "--data-dir", place)
    expect_failure(done, "tacos load: GET http://127.0.0.1:1/api/v1/events?limit=100: "
                   "Connection refused\n")
    done = run("load", "reserve", "--target", target, "--event", "evt_none")
    assert done.returncode == 1 and "EVENT_NOT_FOUND" in done.stderr


def test_seed_repeats_the_choices(server, place):
    """The same seed, the same journeys: who begins what is no accident."""
    scenario = {"stages": [{"rate": 100, "seconds": 1}], "scenarios": [
        {"name": name, "weight": weight, "steps": [{"name": name, "path": "/healthz"}]}
        for name, weight in (("one", 1), ("two", 2))]}
    path = write(place, scenario)
    counts = set()
    for _ in range(2):
        status, figures, log = load(server, place, path, "--seed", 7, "--connections", 1)
        assert status == 0, log
        counts.add(tuple(step["requests"] for step in figures["steps"]))
    assert len(counts) == 1 and sum(counts.pop()) == 100
