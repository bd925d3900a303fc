"""tacos event import and tacos event list."""

import json

from cli import expect_failure, run, run_ok

EVENT = {
    "event_id": "evt_1", "name": "Night", "venue": "Hall", "starts_at": "2099-05-01T10:00:00Z",
    "sale_opens_at": "2026-01-01T00:00:00Z", "currency": "KRW", "max_per_buyer": 4,
    "hold_seconds": 300}
SECTIONS = [{"id": "A", "name": "Stalls", "price": 99000, "rows": [{"row": "1", "seats": 24}]}]


def write(place, name, value):
    text = value if isinstance(value, str) else json.dumps(value)
    (place / name).write_text(text, encoding="utf-8")
    return place / name


def test_json(place):
    file = write(place, "event.json", EVENT | {"sections": SECTIONS})
    out = run_ok("event", "import", file, "--data-dir", place / "data")
    assert out == "evt_1: 24 seats in 1 sections\n"
    out = run_ok("event", "list", "--data-dir", place / "data")
    assert out == "evt_1  ON_SALE  24/24  2099-05-01T10:00:00.000Z  Night\n"
    expect_failure(run("event", "import", file, "--data-dir", place / "data"),
                   "tacos event import: there is an event evt_1 already\n")


def test_csv(place):
    seats = write(place, "seats.csv", "section,row,number,price\nA,1,1,99000\nA,1,2,99000\n"
                                      "ST,,50,66000\n")
    about = write(place, "event.json", EVENT)
    out = run_ok("event", "import", seats, "--event", about, "--data-dir", place / "data")
    assert out == "evt_1: 52 seats in 2 sections\n"


def test_the_first_bad_row_is_named(place):
    seats = write(place, "seats.csv", "section,row,number,price\nA,1,1,99000\nA,1,1,99000\n")
    about = write(place, "event.json", EVENT)
    done = run("event", "import", seats, "--event", about, "--data-dir", place / "data")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"tacos event import: {seats}: ")
    assert "line 3" in done.stderr
    assert run_ok("event", "list", "--data-dir", place / "data") == ""


def test_csv_needs_an_event(place):
    seats = write(place, "seats.csv", "section,row,number,price\nA,1,1,99000\n")
    expect_failure(run("event", "import", seats, "--data-dir", place / "data"),
                   "tacos event import: a CSV has only seats: give --event FILE too\n")


def test_no_file(place):
    expect_failure(run("event", "import", place / "none.json", "--data-dir", place / "data"),
                   f"tacos event import: cannot open {place}/none.json: "
                   "No such file or directory\n")
