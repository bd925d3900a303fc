"""Commands that work on a data directory while no server does."""

import json

from cli import Server, expect_failure, run, run_ok

EVENT = {
    "event_id": "evt_1", "name": "Night", "venue": "Hall", "starts_at": "2099-05-01T10:00:00Z",
    "sale_opens_at": "2026-01-01T00:00:00Z", "currency": "KRW", "max_per_buyer": 4,
    "hold_seconds": 300,
    "sections": [{"id": "A", "name": "Stalls", "price": 99000,
                  "rows": [{"row": "1", "seats": 24}]}]}


def write_event(place):
    (place / "event.json").write_text(json.dumps(EVENT), encoding="utf-8")
    return place / "event.json"


def test_while_a_server_runs(place):
    file = write_event(place)
    data = place / "data"
    message = f"{data} is in use by a running server: stop it first, or use its admin API\n"
    with Server("--data-dir", data):
        expect_failure(run("event", "import", file, "--data-dir", data),
                       "tacos event import: " + message)
        expect_failure(run("event", "list", "--data-dir", data), "tacos event list: " + message)
        expect_failure(run("user", "add", "Boss", "--data-dir", data, TACOS_PASSWORD="secret12"),
                       "tacos user add: " + message)


def test_a_store_that_is_sealed(place):
    run_ok("keygen", place / "key")
    file = write_event(place)
    run_ok("event", "import", file, "--data-dir", place / "data", "--key-file", place / "key")
    assert "evt_1" in run_ok("event", "list", "--data-dir", place / "data",
                             "--key-file", place / "key")
    done = run("event", "list", "--data-dir", place / "data")
    assert (done.returncode, done.stdout) == (1, "")
